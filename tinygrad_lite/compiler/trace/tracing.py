"""Traces a function: runs it once on placeholders, and writes the recorded graph as a Program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ... import ops
from ...engine import Span, Value, leaves_below, transcribe, within
from ...errors import NUMBER_ALONE, TraceError
from ...recording.random_source import Draws
from ...source.source_lines import calling_line, raising_line
from ..captured_leaves import Parameters
from ..passes.gc_pause import collector_paused
from ..passes.outer_products import add_outers
from ..passes.program import INPUT, PARAMETER, Program, Taken
from ..passes.strength_reduction import multiply_by_masks

_AS_A_NUMBER = (
    "it stands for any number: choose by take(xs, index) or where(condition, a, b), use x.sin() for math.sin(x) and "
    "x.floor() for math.floor(x), or name the argument in static_argnames"
)
_INSTEAD = {
    "branching": "write where(condition, a, b), maximum(a, b) or minimum(a, b), which choose for each call",
    "formatting": "print it outside the compiled function",
    "pickling": "pickle outside the compiled function; copy.copy() gives the same variable",
    **dict.fromkeys(
        ("reading .data", "reading .item()"),
        "use the Value itself, or .detach() for its number without a gradient; for the largest of many write "
        "functools.reduce(tinygrad_lite.maximum, xs), and for a softmax tinygrad_lite.softmax(xs), which needs none",
    ),
    "making a result by hand": "write tinygrad_lite.custom_op(name, value, rule), whose value is computed at each call",
    **dict.fromkeys(
        (
            "backward()",
            "taking derivatives as floats",
            "reading .grad",
            "reading .grad_state",
            "reading .local_derivatives",
        ),
        "inside, grad(f)(x) and gradients(y, xs, create_graph=True) give derivatives that are traced too",
    ),
    **dict.fromkeys(NUMBER_ALONE, _AS_A_NUMBER),
}
# Parts of messages that Python and NumPy give if a Value is used as a number or an index; _UNNAMED do not name Value.
_CONVERSIONS = ("has no callable", "number is required")
_UNNAMED = ("only integers, slices", "not supported for the input types")


@dataclass(frozen=True)
class RowResults:
    """Results by rows.

    count      how many results there are
    positions  where outputs stand among them
    rows       (first, factor, items): results first, first + 1, ... receive the factor times the items
    taken      (first, step, size, index, number): of the results first, first + step, ... that at the index receives
               the number
    """

    count: int
    positions: list[int]
    rows: Sequence[tuple[int, Any, tuple[Any, ...] | Span]]
    taken: Sequence[tuple[int, int, int, Any, Any]] = ()


class Trace:
    """One trace. While it runs, no number may be read: `refuse` raises an error that says where one was.

    constants       the leaves that the function made itself
    of_steps        those among them that stand for a number in each step of a loop
    draws           the Values that stand for random numbers, each with the source that it is drawn from
    choices         attributes that the function chose by, such as a module's `training`: (id of the owner, name) to
                    (owner, old value)
    derivatives     the adjoints and tangents that are part of the trace
    refused         the first error of refuse(), kept since the function may have caught it
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.constants: set[Value] = set()
        self.of_steps: set[Value] = set()
        self.draws: list[tuple[Value, Draws]] = []
        self.choices: dict[tuple[int, str], tuple[Any, Any]] = {}
        self.derivatives: list[Value] = []
        self.refused: TraceError | None = None

    def run(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Runs the function, traced, and returns what it returns.

        An outer watch sees nothing of it, since the numbers of placeholders mean nothing.
        """
        try:
            returned = within(function, *args, recording=True, watch=self, trace=self)
        except (TypeError, IndexError) as error:
            said = str(error)
            texts = _UNNAMED + _CONVERSIONS * ("Value" in said)
            if type(error) not in (TypeError, IndexError) or not any(text in said for text in texts):
                raise
            raise TraceError(
                f"compile({self.name}): in {raising_line(error.__traceback__)} a traced Value, which stands for any "
                f"number, is used as a plain number or as an index, but {_AS_A_NUMBER}"
            ) from error
        if self.refused is not None:  # what the function did after it caught the error is valid for one call only
            raise self.refused
        return returned

    def refuse(self, what: str, v: Value) -> None:
        instead = _INSTEAD.get(what, "use the Value itself, in operations")
        error = TraceError(
            f"compile({self.name}): {what} of a traced Value, in {calling_line()}, would "
            f"freeze one call's number into the program: {instead}"
        )
        self.refused = self.refused or error
        raise error

    def drawn(self, source: Draws) -> Value:
        """A Value that stands for one random number of the source."""
        v = Value(0.5)
        self.constants.discard(v)
        self.draws.append((v, source))
        return v


def traced(function: Callable[..., Any], args: Sequence[Any], name: str) -> tuple[Any, Trace]:
    """What the function returns, and its trace."""
    trace = Trace(name)
    return trace.run(function, args), trace


def captured(outputs: Sequence[Any], inputs: Sequence[Value], trace: Trace) -> Parameters:
    """The leaves that outputs depend on, without the inputs and the trace's own constants."""
    found = leaves_below(values_of(outputs), (trace.constants - trace.of_steps).union(inputs))
    if not trace.of_steps.isdisjoint(chain.from_iterable(found)):
        raise TraceError(
            f"compile({trace.name}): a number from within a step of scan is used outside of it, where it stands for no "
            "step: let the step return it, as a part of the carry or of y"
        )
    return Parameters(*found)


@collector_paused
def flattened(
    outputs: Sequence[Any],
    inputs: Sequence[Value],
    parameters: Parameters | Sequence[Value],
    rows: RowResults | None = None,
    watched: Sequence[Value] = (),
    adjoints: Sequence[Value] = (),
) -> Program:
    """The graph of the outputs as a Program; a Value that depends on neither inputs nor parameters is a constant.

    rows      what results receive from rows; a result that receives nothing else is not among the outputs
    watched   Values of the graph that follow the results among the outputs, see Program
    adjoints  adjoints and tangents: where a mask chooses between one of these and 0, the program multiplies
    """
    program = Program()
    program.watched = len(watched)
    if isinstance(parameters, Parameters):
        program.add_all(PARAMETER, parameters.count)
        places, cells = parameters.places()
    else:
        places, cells = dict(zip(parameters, program.add_all(PARAMETER, len(parameters)), strict=True)), {}
    places.update(zip(inputs, program.add_all(INPUT, len(inputs)), strict=True))
    outputs = [*outputs, *watched]
    received = [*outputs]
    for _, factor, items in rows.rows if rows else ():
        received += factor, items
    for *_, index, number in rows.taken if rows else ():
        received += index, number
    recorded = [x for x in received if isinstance(x, (Value, tuple, Span))]
    copies = iter(transcribe(recorded, places, program.constant, program.add, cells))
    given: list[Any] = [next(copies) if isinstance(x, (Value, tuple, Span)) else program.constant(x) for x in received]
    program.outputs = given[: len(outputs)]
    if rows:
        rest = iter(given[len(outputs) :])
        placed = [(first, next(rest), next(rest)) for first, *_ in rows.rows]
        program.taken = [Taken(first, step, size, next(rest), next(rest)) for first, step, size, *_ in rows.taken]
        seen = range(rows.count, rows.count + len(watched))
        by_position = dict(zip([*rows.positions, *seen], program.outputs, strict=True))
        add_outers(program, by_position, placed)
        program.sparse, program.outputs = (seen.stop, list(by_position)), list(by_position.values())
    if ops.where in program.kinds:
        multiply_by_masks(program, {places[v] for v in adjoints if v in places})
    return program


def values_of(outputs: Sequence[Any]) -> list[Value]:
    return [y for y in outputs if type(y) is Value]
