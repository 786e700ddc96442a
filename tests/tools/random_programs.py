"""Random programs on special numbers, and every way to compute their values and derivatives:

    python tests/tools/random_programs.py --count 100000 [--first SEED] [--torch] [--readable]

A program is drawn from its seed: operations of the table, n-ary ones, choices, equality, operations of one's own,
derivatives taken inside, modules, fixed points, scans, on inputs and on leaves that it captures, some of which are
zeros, infinities, nan, denormal, huge or alike. Asked are backward(), gradients as a graph, vjp, jvp, compile on both
executors, one by one, with Values and in a batch, and on request PyTorch and the readable engine. What two ways differ
by must be rounding, which is measured: by what each node rounds, carried through the sweep, and by moving the inputs a
little. Forward mode may be nan where reverse mode is finite.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drawn_programs import Drawn, Function, as_value, drawn, run

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, ops
from tinygrad_lite.engine import topological_order
from tinygrad_lite.errors import ConvergenceError

EXECUTORS = ("array", "native")
EPSILON = 2.0**-52

_SUMS = (ops.add, ops.sub, ops.sum, ops.dot, ops.mean)
_SIGNED = (ops.atan2, ops.div, ops.pow, ops.polygamma)


class LostSignError(Exception):
    """A sum is zero before an operation that distinguishes 0.0 from -0.0: a program may get the other zero."""


@dataclass
class Truth:
    """The result of backward(), and how far rounding may change it."""

    numbers: list[float]
    slack: list[float]
    graph: list[float] = field(default_factory=list)
    extreme: bool = False
    """Whether a product of some numbers on the way overflows or underflows, and of others not."""


def eager(program: Drawn, inputs: Sequence[float]) -> Truth:
    """The value and the derivatives by inputs and leaves."""
    xs, ws = list(map(Value, inputs)), list(map(Value, program.leaves))
    y = as_value(run(program, xs, ws)[0])
    y.backward()
    order = topological_order(y)
    if any(v.data == 0.0 and v.op in _SUMS for v in order) and any(v.op in _SIGNED for v in order):
        raise LostSignError
    found = Truth([y.data, *[x.grad for x in (*xs, *ws)]], _rounding(y, [*xs, *ws]))
    sizes = [abs(x) for v in order for x in (v.data, *v.local_derivatives) if x != 0.0 and math.isfinite(x)]
    found.extreme = not all(1e-70 < x < 1e70 for x in sizes)
    found.graph = [y.data, *[g.data for g in tl.gradients(y, [*xs, *ws], create_graph=True)]]
    return found


def _rounding(y: Value, leaves: Sequence[Value]) -> list[float]:
    """How much rounding may change y and its derivatives by leaves: the rounding of each node is propagated."""
    order = topological_order(y)
    forward: dict[Value, float] = {}
    for v in order:
        own = EPSILON * abs(v.data)
        forward[v] = own + sum([abs(d) * forward[p] for p, d in zip(v.parents, v.local_derivatives, strict=True)])
    adjoints = dict(zip(order, tl.gradients(y, order), strict=True))
    back = dict.fromkeys(order, 0.0)
    for v in reversed(order):
        for p, d in zip(v.parents, v.local_derivatives, strict=True):
            lost = 1.0 if v.op in (ops.tanh, ops.sigmoid) else 0.0  # 1 - y * y keeps no more digits than y has
            back[p] += abs(d) * back[v] + 4.0 * EPSILON * abs(adjoints[v]) * (abs(d) + lost)
    return [forward[y], *[back.get(x, 0.0) for x in leaves]]


def nudged(xs: Sequence[float], factor: float) -> list[float]:
    return [x * factor for x in xs]


def slacks(program: Drawn, inputs: Sequence[float], truth: Truth) -> list[float] | None:
    """How far another order of the same operations may be from the truth; None if that is not known."""
    moved = []
    for factor in (1.0 + 2.0**-44, 1.0 - 2.0**-44):
        other = Drawn(program.seed, program.steps, (), tuple(nudged(program.leaves, factor)), ())
        moved.append(eager(other, nudged(inputs, factor)).numbers)
    found = []
    for k, (x, own) in enumerate(zip(truth.numbers, truth.slack, strict=True)):
        apart = [abs(m[k] - x) for m in moved] if math.isfinite(x) else [0.0]
        if any(math.isfinite(m[k]) is not math.isfinite(x) for m in moved):
            return None
        found.append(64.0 * own + max(apart) + 1e-14 * abs(x) + 1e-305)
    return [x if x == x else math.inf for x in found]


def differs(
    found: Sequence[float],
    truth: Sequence[float],
    slack: Sequence[float],
    forward: bool = False,
    extreme: bool = False,
) -> bool:
    """Whether two ways give different results.

    forward  the first goes forward and may be nan
    extreme  products overflow in one order and not in another, so that finite numbers alone are compared
    """
    return any(
        not (a == b or (a != a and (b != b or forward)) or abs(a - b) <= s or _overflows(a, b))
        for a, b, s in zip(found, truth, slack, strict=True)
        if not (forward and not math.isfinite(b)) and not (extreme and not math.isfinite(a - b))
    )


def _overflows(a: float, b: float) -> bool:
    """Whether both are so large that the order of operations decides which of them is an infinity."""
    return min(abs(a), abs(b)) > 1e300 and (a > 0.0) is (b > 0.0)


def ways(program: Drawn, inputs: Sequence[float]) -> Iterator[tuple[str, Callable[[], list[float]], bool]]:
    """Each way by its name; whether it goes forward."""
    count = len(inputs)

    def f(*xs: Any) -> Any:
        return as_value(run(program, xs[:count], xs[count:])[0])

    every = [*inputs, *program.leaves]
    arguments = tuple(range(len(every)))
    yield "vjp", lambda: [*(vjp := tl.vjp(f, *every))[:1], *vjp[1](1.0)], False
    yield "value_and_grad", lambda: _flat(tl.value_and_grad(f, arguments)(*every)), False
    yield "jvp", lambda: _by_columns(f, every), True
    for executor in EXECUTORS:
        yield f"compiled value, {executor}", lambda e=executor: [compile(f, executor=e)(*every)], False
        yield f"compiled, {executor}", lambda e=executor: _through(compile(f, executor=e), every), False
        yield (
            f"compiled gradient, {executor}",
            lambda e=executor: _flat(compile(tl.value_and_grad(f, arguments), executor=e)(*every)),
            False,
        )


def _flat(pair: tuple[float, Sequence[float]]) -> list[float]:
    return [pair[0], *pair[1]]


def _by_columns(f: Function, at: Sequence[float]) -> list[float]:
    axes = [[float(i == k) for i in range(len(at))] for k in range(len(at))]
    moved = [tl.jvp(f, at, axis) for axis in axes]
    return [moved[0][0], *[tangent for _, tangent in moved]]


def _through(compiled: Any, at: Sequence[float]) -> list[float]:
    xs = list(map(Value, at))
    y = compiled(*xs)
    y.backward()
    return [y.data, *[x.grad for x in xs]]


def in_a_batch(program: Drawn, rows: Sequence[Sequence[float]], executor: Any) -> tuple[list[float], list[float]]:
    """The values by lane; their sum and its derivatives by the captured leaves."""
    ws = list(map(Value, program.leaves))
    compiled = compile(lambda *xs: as_value(run(program, xs, ws)[0]), executor=executor)
    columns = [list(column) for column in zip(*rows, strict=True)]
    values = compiled.batch(*columns, reduce=None).tolist()
    y = compiled.batch(*columns, reduce="sum")
    if ws:
        y.backward()
    return values, [y.data, *[w.grad for w in ws]]


def check(program: Drawn, torch: bool = False) -> tuple[list[str], bool]:
    """The ways in which a program disagrees with backward(), and whether anything could be compared."""
    wrong: list[str] = []
    try:
        truth = eager(program, program.inputs)
        slack = slacks(program, program.inputs, truth)
        others = [eager(program, row) for row in program.lanes]
        apart = [slacks(program, row, other) for row, other in zip(program.lanes, others, strict=True)]
    except (ConvergenceError, LostSignError):
        return [], False
    if slack is None:
        return [], False

    if differs(truth.graph, truth.numbers, slack, extreme=truth.extreme):
        wrong.append(f"gradients, create_graph: {truth.graph}, backward: {truth.numbers}")
    for name, way, forward in ways(program, program.inputs):
        try:
            found = way()
        except ConvergenceError:  # the adjoints that reach a fixed point are not finite
            continue
        if forward and truth.extreme:
            continue
        if differs(found, truth.numbers[: len(found)], slack[: len(found)], forward, truth.extreme):
            wrong.append(f"{name}: {found}, backward: {truth.numbers}")
    if not wrong and all(apart) and not any(t.extreme for t in (truth, *others)):
        count = len(program.inputs)
        lanes = [truth, *others]
        allowed = [slack, *[a for a in apart if a is not None]]
        values = [t.numbers[0] for t in lanes]
        columns = list(zip(*[[t.numbers[0], *t.numbers[1 + count :]] for t in lanes], strict=True))
        room = list(zip(*[[s[0], *s[1 + count :]] for s in allowed], strict=True))
        total = [sum(column) for column in columns]
        roomy = [sum(r) + 1e-13 * sum(map(abs, c)) for r, c in zip(room, columns, strict=True)]
        for executor in EXECUTORS if not any(step.name == "settled" for step in program.steps) else ():
            found, summed = in_a_batch(program, [program.inputs, *program.lanes], executor)
            if differs(found, values, [s[0] for s in allowed]):
                wrong.append(f"batch, {executor}: {found}, one by one: {values}")
            if all(map(math.isfinite, roomy)) and differs(summed, total, roomy):
                wrong.append(f"sum of a batch, {executor}: {summed}, one by one: {total}")
    if torch and not wrong:
        import random_programs_torch

        wrong += random_programs_torch.check(program, truth.numbers, slack)
    return wrong, True


def lines(first: int, count: int) -> Iterator[str]:
    """This engine's results, to compare with another's."""
    for seed in range(first, first + count):
        program = drawn(seed)
        try:
            found = eager(program, program.inputs)
        except (ConvergenceError, LostSignError) as error:
            yield f"{seed} {type(error).__name__}"
        else:
            yield f"{seed} {' '.join(map(repr, [*found.numbers, *found.graph]))}"


def differences_of_engines(first: int, count: int) -> list[str]:
    """Programs of which the readable engine computes something else, to the last bit."""
    command = [sys.executable, str(Path(__file__).resolve()), "--lines", f"--first={first}", f"--count={count}"]
    other = subprocess.run(
        command, env={**os.environ, "TINYGRAD_LITE_PURE": "1"}, capture_output=True, text=True, check=True
    )
    pairs = zip(lines(first, count), other.stdout.splitlines(), strict=True)
    return [f"{a} here, {b} on the readable engine" for a, b in pairs if a != b]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="how many programs (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--torch", action="store_true", help="compares with PyTorch too")
    parser.add_argument("--readable", action="store_true", help="compares with the readable engine too")
    parser.add_argument("--lines", action="store_true", help="only prints what this engine computes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.lines:
        print("\n".join(lines(options.first, options.count)))
        return 0
    judged = failures = 0
    for seed in range(options.first, options.first + options.count):
        try:
            wrong, known = check(drawn(seed), options.torch)
        except Exception as error:
            wrong, known = [f"{type(error).__name__}: {error}"], True
        judged += known
        if wrong:
            failures += 1
            print(f"seed {seed}: {drawn(seed)}", *wrong, sep="\n  ", flush=True)
    if options.readable:
        other = list(itertools.islice(differences_of_engines(options.first, options.count), 20))
        failures += len(other)
        print(*other, sep="\n")
    print(f"{options.count} programs, {judged} of them with derivatives that can be judged, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
