"""The page's evaluator in a browser: the value and local derivatives of every row of the table are the engine's."""

from __future__ import annotations

import base64
import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from table import flat, owners, points

from tinygrad_lite import Value, ops
from tinygrad_lite.ops import Op
from tinygrad_lite.viz.explorer.javascript import evaluator, unsupported

ROWS = [pytest.param(row, id=row.name) for row in ops.TABLE.values()]
LENGTHS = (0, 1, 2, 5, 100)
EDGES = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7e308, -1.7e308, 1.0, -1.0, 0.5)
TOLERANCE = 1e-13
RUN = """(cases) => {
  const evaluator = EVALUATOR;
  const decode = (text) => new Float64Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const encode = (numbers) => {
    let text = "";
    for (const byte of new Uint8Array(numbers.buffer)) text += String.fromCharCode(byte);
    return btoa(text);
  };
  return cases.map(([index, count, size, text]) => {
    const a = decode(text), partials = new Float64Array(count * size), values = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      values[k] = evaluator[index].value(a, k * size);
      evaluator[index].partials(a, k * size, values[k], partials);
    }
    return [encode(values), encode(partials)];
  });
}"""
Point = tuple[Any, ...]


def lengths_of(row: Op) -> tuple[int, ...]:
    """Of its sequences; without any, the one length says nothing."""
    if not row.sequences:
        return (1,)
    return tuple(n for n in LENGTHS if n or row not in (ops.mean, ops.take, ops.var, ops.std))


def of_length(row: Op, args: Point, length: int) -> Point:
    """The arguments with sequences cut, or repeated a little larger, to that length."""
    made = [
        tuple((x * (1 + k // len(a) / 64)) for k, x in enumerate(itertools.islice(itertools.cycle(a), length)))
        if isinstance(a, tuple)
        else a
        for a in args
    ]
    return (made[0], args[1] % length) if row is ops.take else tuple(made)


def ordinary(row: Op, length: int) -> list[Point]:
    """Points of the row's domain."""
    reach = {ops.prod: 2.0 / length if length else 1.0, ops.polygamma: 2.0, ops.mills: 2.0}.get(row, 8.0)
    return [of_length(row, args, length) for args in points(row, 60, reach)]


def odd(row: Op, length: int) -> list[Point]:
    """Every special number in the place of each argument, pairs of them in the first two."""
    if row in (ops.polygamma, ops.mills):
        return [(n, x) for n in (0.0, 1.0, 2.0, 300.0) for x in (*EDGES, -2.7, -0.1)]
    if row is ops.take:
        return [((x,) * length, float(length - 1)) for x in EDGES]
    if row.sequences:
        windows = [[*itertools.islice(itertools.cycle(EDGES), k, k + length)] for k in range(len(EDGES))]
        return [
            tuple([tuple(w) if i in row.sequences else w[0] if row.rules[i] else 1.0 for i in range(len(row.args))])
            for w in windows
            if w
        ]
    rest = (0.25,) * (len(row.args) - 2)
    if len(row.args) == 1:
        return [(x,) for x in (*EDGES, -7.3, -0.7, 7.3, 30.0)]
    return [(a, b, *rest) for a in EDGES for b in EDGES]


def engines(row: Op, args: Point) -> list[float]:
    """The value, and the derivative by each number, 0 where there is no rule."""
    made = [
        a if row.rules[i] is None else tuple(map(Value, a)) if isinstance(a, tuple) else Value(a)
        for i, a in enumerate(args)
    ]
    node = row(*made)
    if not isinstance(node, Value):  # of no numbers at all
        return [node]
    rest = iter(node.local_derivatives)
    return [node.data, *[0.0 if row.rules[i] is None else next(rest) for i in owners(args)]]


def pages(browser: Any, wanted: list[tuple[Op, int, list[Point]]]) -> dict[str, list[tuple[Point, list[float]]]]:
    """What the page gives at points of rows, with sequences of that length: as `engines`, by the names of the rows."""
    variants: dict[tuple[str, int], int] = {(row.name, n): k for k, (row, n, _) in enumerate(wanted)}
    cases = []
    for row, n, made in wanted:
        numbers = np.array([flat(args) for args in made], np.float64)
        cases.append([variants[row.name, n], *numbers.shape, base64.b64encode(numbers.tobytes()).decode()])
    page = browser.new_page()
    source = evaluator([(row, [n] * len(row.args)) for row, n, _ in wanted])
    answers = page.evaluate(RUN.replace("EVALUATOR", source), cases)
    page.close()
    found: dict[str, list[tuple[Point, list[float]]]] = {}
    for (row, _, made), (values, partials) in zip(wanted, answers, strict=True):
        each = np.frombuffer(base64.b64decode(values))[:, None]
        table = np.hstack([each, np.frombuffer(base64.b64decode(partials)).reshape(len(made), -1)])
        found.setdefault(row.name, []).extend(zip(made, table.tolist(), strict=True))
    return found


def agree(got: float, want: float) -> bool:
    """Whether they are the same to TOLERANCE, or the same infinity, or both nan, or zeros of the same sign."""
    if got == want:
        return got != 0.0 or math.copysign(1.0, got) == math.copysign(1.0, want)
    return (got != got and want != want) or abs(got - want) <= TOLERANCE * max(1.0, abs(want)) < math.inf


def disagreements(row: Op, found: list[tuple[Point, list[float]]]) -> Iterator[tuple[int, str]]:
    """Where page and engine differ: 0 for the value, k + 1 for the derivative by the k-th number."""
    for args, got in found:
        for k, (x, want) in enumerate(zip(got, engines(row, args), strict=True)):
            if not agree(x, want):
                yield k, f"{'value' if k == 0 else f'derivative {k - 1}'} of {row.name}{args} = {x}, not {want}"


@pytest.fixture(scope="module")
def found(browser: Any) -> dict[str, list[tuple[Point, list[float]]]]:
    supported = [row for row in ops.TABLE.values() if unsupported(row) is None]
    return pages(browser, [(row, n, ordinary(row, n) + odd(row, n)) for row in supported for n in lengths_of(row)])


@pytest.fixture(scope="module")
def found_broken(browser: Any) -> dict[str, list[tuple[Point, list[float]]]]:
    """As `found`, while each value and each rule of the table is off by a thousandth."""
    wanted = [(row, 3, ordinary(row, 3)) for row in ops.TABLE.values()]
    with pytest.MonkeyPatch.context() as patch:
        for row in ops.TABLE.values():
            patch.setattr(row, "array", f"({row.array}) * 1.001 + 0.01")
        broken_values = pages(browser, wanted)
    with pytest.MonkeyPatch.context() as patch:
        for row in ops.TABLE.values():
            patch.setattr(row, "rules", tuple([rule and broken(rule) for rule in row.rules]))
        broken_rules = pages(browser, wanted)
    return {
        name: [(args, [y, *rest]) for (args, (y, *_)), (_, (_, *rest)) in zip(points, broken_rules[name], strict=True)]
        for name, points in broken_values.items()
    }


def broken(rule: Any) -> Any:
    def off(g: Any, *args: Any) -> Any:
        given = rule(g, *args)
        return [d * 1.001 + g * 0.01 for d in given] if isinstance(given, list) else given * 1.001 + g * 0.01

    return off


@pytest.mark.browser
@pytest.mark.parametrize("row", ROWS)
def test_the_page_computes_what_the_engine_does(row: Op, found: dict[str, list[tuple[Point, list[float]]]]) -> None:
    assert len(found[row.name]) > 60
    assert [text for _, text in disagreements(row, found[row.name])] == []


@pytest.mark.browser
@pytest.mark.parametrize("row", ROWS)
def test_a_broken_row_is_noticed(row: Op, found_broken: dict[str, list[tuple[Point, list[float]]]]) -> None:
    """The test above can fail, in the value and in each derivative."""
    points = found_broken[row.name]
    owner = owners(points[0][0])
    expected = {0, *[k + 1 for k, i in enumerate(owner) if row.rules[i] is not None]}
    assert {k for k, _ in disagreements(row, points)} == expected


@pytest.mark.browser
def test_an_index_that_is_no_place_gives_nan(browser: Any) -> None:
    """Where the engine raises: a page has sliders, which can get there."""
    for n in (3, 100):
        indices = [-1.0, float(n), 0.5, math.nan, math.inf]
        (got,) = pages(browser, [(ops.take, n, [((7.0,) * n, index) for index in indices])]).values()
        assert all(math.isnan(y) and partials == [0.0] * (n + 1) for _, (y, *partials) in got)


@pytest.mark.browser
def test_an_own_operation_with_an_array_form_is_computed(browser: Any, own_operations: Callable[..., Op]) -> None:
    """By operators, methods and functions; with constants that JSON has not, and numbers of its own in a loop."""
    mixed = own_operations(
        "mixed",
        lambda xs, scale: scale * sum(float(x) for x in xs) if scale < math.inf else -math.inf,
        (
            lambda g, y, xs, scale: [g * scale * (2.0 ** x.exp() - k) / -x for k, x in enumerate(xs)],
            lambda g, y, xs, scale: g * -math.inf + ops.maximum(y, math.nan),
        ),
        args="*xs scale=1",
        array="where(scale < inf, scale * sum(xs, axis=0), -inf)".replace("inf", "1e999"),
    )
    assert unsupported(mixed) is None
    for n in (2, 40):
        xs = tuple(1.0 + k / 8 for k in range(n))
        (got,) = pages(browser, [(mixed, n, [(xs, 0.5), (xs, math.inf)])]).values()
        assert [text for _, text in disagreements(mixed, got)] == []


def test_what_the_page_cannot_compute(own_operations: Callable[..., Op]) -> None:
    """All of the table it can; not what is Python's alone."""
    assert {row.name: unsupported(row) for row in ops.TABLE.values() if unsupported(row)} == {}
    by_method = own_operations("by_method", abs, lambda g, y, x: g * x.reciprocal().square(), array="abs(x)")
    assert unsupported(by_method) is None
    plain = own_operations("plain", lambda x: x * x, lambda g, y, x: g * 2 * x)
    branching = own_operations("branching", abs, lambda g, y, x: g if x > 0 else -g, array="abs(x)")
    reading = own_operations("reading", abs, lambda g, y, x: g * x.data, array="abs(x)")
    unknown = own_operations("unknown", abs, lambda g, y, x: g, array="spence(x)")
    nested = own_operations("nested", abs, lambda g, y, x: plain(x), array="abs(x)")
    short = own_operations("short", lambda xs: xs[3], lambda g, y, xs: [g] * len(xs), args="*xs", array="xs[3]")
    reasons = {
        plain: "no array form",
        branching: r"branches in Python on a number: use where\(...\) instead",
        reading: "asks a number for .data",
        unknown: "'spence' is not defined",
        nested: "no array form",
        short: "out of bounds",
        ops.component: "no array form",
    }
    for op, reason in reasons.items():
        assert re.search(f"the page cannot compute {op.name}: .*{reason}", str(unsupported(op)))
    assert unsupported(short, [4]) is None
    source = evaluator([(op, [3] * len(op.args)) for op in reasons])
    assert source.partition("return [")[2].split() == ["null,"] * 6 + ["null", "];", "})()"]


@pytest.mark.parametrize("row", [row for row in ops.TABLE.values() if row.sequences and row is not ops.prod])
def test_long_sequences_are_loops(row: Op) -> None:
    short, long = (len(evaluator([(row, [n] * len(row.args))])) for n in (100, 300))
    assert long - short < 150


def test_products_of_many_are_not_deep() -> None:
    assert unsupported(ops.prod, [2000]) is None
