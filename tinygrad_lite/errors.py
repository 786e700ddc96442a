"""The package's exceptions, and the messages that several files share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ShapeError(ValueError):
    """A size or a number of elements that does not fit."""


class StateDictError(ValueError):
    """Saved parameters that do not fit a module: nothing of them was loaded."""


class HistoryError(TypeError):
    """A request that would lose the record of how a Value was computed, or needs a record that does not exist."""


class AnomalyError(ArithmeticError):
    """The first non-finite value or derivative, found under detect_anomaly()."""


class TrainingError(ArithmeticError):
    """A loss, a gradient or a parameter became inf or nan in training; the bad step was not taken.

    epoch, step  where it happened; both count from 1, and steps start again with each epoch
    sample       the position in the data of the first sample whose own loss or gradient is not finite, if there is one
    explanation  what explain_nan says about that sample's loss
    history      the epochs that were completed
    """

    epoch: int
    step: int
    sample: int | None = None
    explanation: object = None
    history: object = None


class GradcheckError(AssertionError):
    """Derivatives that disagree with finite differences; the message is the report's table."""


class TraceError(TypeError):
    """A compiled function contains something that would freeze one call's choice or number into the program."""


class ConvergenceError(ArithmeticError):
    """The iteration did not reach a fixed point.

    kind       "divergence", "slow convergence" or "not finite"
    residuals  the distance from a fixed point at each step
    """

    def __init__(self, message: str, kind: str = "", residuals: tuple[float, ...] = ()) -> None:
        super().__init__(message)
        self.kind, self.residuals = kind, residuals


class CutOffWarning(UserWarning):
    """Plain numbers were returned for something that depends on a leaf, so no gradient will reach that leaf."""


class MissingProgramError(RuntimeError):
    """A program or package that this needs is not installed."""


_HINTS = {
    "str": "turn it into a number first, with float(...)",
    "Decimal": "turn it into a float first, with float(...)",
    "NoneType": "a function that was meant to return it may lack its return statement",
    "complex": "take its .real, its .imag or its abs()",
    "Value": "use it as it is, or take its .data or .detach()",
    "MaskedConstant": "a masked element has no number: fill it in or leave it out",
    "MaskedArray": "masked elements have no number: fill them in, .filled(0.0), or leave them out, .compressed()",
}


def received(x: object) -> str:
    """Describes an argument in a few words, for a message.

    >>> received([1, 2, 3])
    'a list of 3'
    """
    kind = type(x).__name__
    shape = getattr(x, "shape", None)
    if shape is not None:
        return f"{_article(kind)} of shape {tuple(shape)}"
    if isinstance(x, (list, tuple, dict, set)):
        return f"{_article(kind)} of {len(x)}"
    if x is None:
        return "None"
    if isinstance(x, int) and x.bit_length() > 1024:
        return f"an int of {x.bit_length()} bits"
    try:
        text = repr(x)
    except TraceError:
        text = "traced"
    except ValueError:  # it has more digits than Python writes
        return _article(kind)
    return f"{_article(kind)}, {text if len(text) <= 40 else text[:37] + '...'}"


def not_a_number(who: str, x: object, many: str = "") -> TypeError:
    """The error for an argument of `who` that is not a real number; `many` says what to do with several numbers."""
    many = many or "take one element, or make a Value of each: [Value(x) for x in ...]"
    return TypeError(f"{who} takes a real number, got {received(x)}: {to_a_number(x, many)}")


def to_a_number(x: Any, many: str) -> str:
    """How to get a number from x; `many` if it holds several."""
    kind = "complex" if type(x).__name__.startswith("complex") else type(x).__name__
    if kind in _HINTS and (kind != "MaskedArray" or x.mask.any()):
        return _HINTS[kind]
    if hasattr(x, "__len__") and getattr(x, "size", None) != 1:
        return many
    return "take its .item()" if hasattr(x, "item") else "pass an int or a float"


_WHOLE = (
    "{} of a Value gives a whole number, which has no derivative: write tinygrad_lite.{}(v) for a Value whose "
    "derivative is 0, or {} for the number alone"
)
_JUMPS = "{} of a Value jumps between whole numbers and has no derivative there: {}"
NUMBER_ALONE = {
    "float()": "float() takes the number out of a Value, and its gradient would be lost: write v.exp() or "
    "tinygrad_lite.exp(v) for math.exp(v), f'{v:.2f}' for '%.2f' % v, and v.data for the number alone",
    "complex()": "complex() takes the number out of a Value, and its gradient would be lost: write v.data for the "
    "number alone",
    "int()": _WHOLE.format("int()", "trunc", "int(v.data)"),
    "round()": _WHOLE.format("round()", "round", "round(v.data)") + ", or f'{v:.2f}' to print it",
    "math.floor()": _WHOLE.format("math.floor()", "floor", "math.floor(v.data)"),
    "math.ceil()": _WHOLE.format("math.ceil()", "ceil", "math.ceil(v.data)"),
    "math.trunc()": _WHOLE.format("math.trunc()", "trunc", "math.trunc(v.data)"),
    "//": _JUMPS.format(
        "//",
        "write v / n, or tinygrad_lite.floor(v / n) for a Value whose derivative is 0, or "
        "v.data // n for the number alone",
    ),
    "divmod()": _JUMPS.format(
        "divmod()",
        "write tinygrad_lite.floor(v / n), whose derivative is 0, and v % n, "
        "or divmod(v.data, n) for the numbers alone",
    ),
    "pow() with a modulus": _JUMPS.format("pow() with a modulus", "write pow(v, n)"),
    "use as an index": "a Value is not an index: write take(xs, v) to choose an element, xs[int(v.data)] or "
    "range(int(v.data)) to use its present number, or [x * v for x in xs] for a list times a Value",
    "as_integer_ratio()": "statistics and fractions take the numbers out of Values, and their gradients would be lost: "
    "write tinygrad_lite.mean(values) for statistics.mean(values), and v.data for a number alone",
    "@": "a Value is one number, and @ multiplies matrices: write v * w, or dot(xs, ys) of two lists of numbers",
}
"""Uses that would turn a Value into a plain number, and the message that refuses each."""


_OWN_RULE = (
    "backward() applies the rules of the operations: write your own with tinygrad_lite.custom_op(name, value, rule), "
    "or make a result with its local derivatives, Value(data, (a, b), (da, db))"
)
_SWEEP = "call .backward() on the result, which does the whole sweep"
_ORDER = "call tinygrad_lite.engine.topological_order(v)"
OTHER_NAMES = {
    "_backward": "call root.backward() for the whole sweep; in a loop of your own write "
    "for p, d in zip(n.parents, n.local_derivatives): p.grad += d * n.grad",
    "_children": "its name is v.parents",
    "backprop": _SWEEP,
    "backward_pass": _SWEEP,
    "build_topo": _ORDER,
    "children": "its name is v.parents",
    "clone": "use the Value itself, or write v + 0.0 for a new Value with the same number",
    "derivative": "call v.backward(), then read x.grad, or call tinygrad_lite.grad(f)(x)",
    "grad_fn": "its operation is v.op, and its local derivatives are v.local_derivatives",
    "gradient": "its name is v.grad",
    "ln": "did you mean v.log()?",
    "local_grads": "its name is v.local_derivatives",
    "logistic": "did you mean v.sigmoid()?",
    "max": "did you mean v.maximum(w)?",
    "max_with": "did you mean v.maximum(w)?",
    "min": "did you mean v.minimum(w)?",
    "min_with": "did you mean v.minimum(w)?",
    "name": "its name is v.label",
    "numpy": "its number is v.data",
    "prev": "its name is v.parents",
    "requires_grad": "every leaf gets a gradient, unless it comes from v.detach() or was made under no_grad()",
    "softmax": "write tinygrad_lite.softmax(values), which takes all of them",
    "swish": "did you mean v.silu()?",
    "topo": _ORDER,
    "topological_sort": _ORDER,
    "val": "its number is v.data",
    "value": "its number is v.data",
    "zero_grad": "write v.grad = 0.0 for one, optimizer.zero_grad() or model.zero_grad() for all",
}
"""Names that other autodiff classes use, and what to write here instead."""


def not_settable(name: str, exists: bool) -> AttributeError:
    """The error for setting an attribute that a Value does not let you set, or does not have."""
    if name == "_backward":
        return AttributeError(f"'_backward' of a Value cannot be set: {_OWN_RULE}")
    if exists:
        return AttributeError(f"{name!r} of a Value cannot be set: only data, grad and label can")
    instead = OTHER_NAMES.get(name) or (
        "keep a parameter's own data outside it, in a list of the same order or in a dict (Values are keys by "
        "identity), or use an optimizer from tinygrad_lite.optim"
    )
    return AttributeError(f"a Value takes no new attributes, got {name!r}: {instead}")


def made_by_hand(what: str) -> HistoryError:
    """The error for asking more of a result made by hand than its local derivatives can give."""
    return HistoryError(
        f"a result made by hand, Value(data, children, local_grads), has only first derivatives, and no {what}: write "
        "the operation with custom_op(name, value, rule), whose rule is made of operations and can be differentiated"
    )


_PYTHON_NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}


def no_local_derivatives(count: int, came: object) -> TypeError:
    """The error for a result made by hand that has children but no local derivatives for them."""
    names = [chr(ord("a") + k % 26) for k in range(min(count, 3))]
    listed = f"({', '.join(names)},)" if count == 1 else f"({', '.join(names)})"
    called = _PYTHON_NAMES.get(str(came)) or (came if isinstance(came, str) and came.isidentifier() else "op")
    name = f"my_{called}"
    given = ", ".join(names)
    rule = f"lambda g, y, {given}: g * ..."
    rules = rule if count == 1 else f"[{', '.join([rule] * len(names))}], args={' '.join(names)!r}"
    return TypeError(
        f"Value(data, children, local_grads) takes one local derivative for each of its children, got {came!r}: write "
        f"Value(data, {listed}, {listed.replace('(', '(d').replace(', ', ', d')}) with their numbers, or define the "
        f"operation, op = tinygrad_lite.custom_op({name!r}, lambda {given}: ..., {rules}), and call op({given})"
    )


def made_already(made: object) -> TypeError:
    """The error for a second __init__, which would free memory that others hold addresses of."""
    return TypeError(f"{type(made).__name__}.__init__() was called a second time: make a new one instead")


def not_made(thing: object) -> TypeError:
    """The error for using an object that __new__ made and __init__ never filled."""
    name = type(thing).__name__
    return TypeError(f"this {name} was made by __new__ alone and holds nothing: call {name}(...)")


def not_copied(thing: object, instead: str) -> TypeError:
    """The error for copying or pickling an object that holds addresses, or programs that read certain leaves."""
    name = _article(type(thing).__name__)
    return TypeError(f"{name} cannot be copied or pickled, since it is bound to what it was made from: {instead}")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' or noun.startswith('nd') else 'a'} {noun}"
