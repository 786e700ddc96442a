"""A trace silently freezes nothing: an error says where a number is read and what to write instead; draws."""

from __future__ import annotations

import inspect
import json
import math
import operator
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import differences

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn
from tinygrad_lite.errors import TraceError

CHOOSE = r"where\(condition, a, b\)"
READS: dict[str, tuple[Callable[[Any], Any], str]] = {
    ".data": (lambda x: x * x.data, "detach"),
    ".item()": (lambda x: x * x.item(), "detach"),
    ".grad": (lambda x: x * x.grad, "create_graph"),
    ".grad_state": (lambda x: x * len(x.grad_state), "create_graph"),
    "backward()": (lambda x: (x * x).backward() or x, "create_graph"),
    "gradients as floats": (lambda x: x * tl.gradients(x * x, [x])[0], "create_graph"),
    "local_derivatives": (lambda x: x * (x * x).local_derivatives[0], "create_graph"),
    "if": (lambda x: x if x > 0.0 else -x, CHOOSE),
    "if, of a Value": (lambda x: x if x else -x, CHOOSE),
    "while": (lambda x: _until(x), CHOOSE),
    "and": (lambda x: x > 0.0 and x < 1.0, CHOOSE),
    "not": (lambda x: x * (not x), CHOOSE),
    "bool()": (lambda x: x * bool(x), CHOOSE),
    "assert": (lambda x: _asserting(x), CHOOSE),
    "max()": (lambda x: max(x, 0.0), CHOOSE),
    "sorted()": (lambda x: sorted([x, 2.0 * x, -x])[0], CHOOSE),
    "chained comparison": (lambda x: x * (0.0 < x < 1.0), CHOOSE),
    "any()": (lambda x: x * any([x > 1.0, x < 0.0]), CHOOSE),
    "float()": (lambda x: x * float(x), r"take\(|where\("),
    "int()": (lambda x: x * int(x), r"take\(|where\("),
    "round()": (lambda x: x * round(x), r"take\(|where\("),
    "complex()": (lambda x: x * abs(complex(x)), r"take\(|where\("),
    "range()": (lambda x: x * len(range(x)), "static_argnames"),
    "index": (lambda x: x * [1.0, 2.0, 3.0][x], "take"),
    "slice": (lambda x: x * len([1.0, 2.0, 3.0][:x]), "take"),
    "operator.index": (lambda x: x * operator.index(x), "static_argnames"),
    "repeating a list": (lambda x: tl.sum([x] * x), "static_argnames"),
    "math.floor": (lambda x: x * math.floor(x), r"x\.floor\(\) for math\.floor\(x\)"),
    "math.sin": (lambda x: x * math.sin(x), r"x\.sin\(\)"),
    "math.isnan": (lambda x: x * math.isnan(x), r"x\.sin\(\)"),
    "math.fsum": (lambda x: math.fsum([x, x]), r"x\.sin\(\)"),
    "np.array as float": (lambda x: np.array([x, x], dtype=float)[0], "array|number"),
    "np.float64": (lambda x: x * np.float64(x), "number"),
    "array element": (lambda x: np.zeros(2).__setitem__(0, x), "number"),
    "np.isnan": (lambda x: x * np.isnan(x), "number|where"),
    "np.floor": (lambda x: np.floor(x), "number|where"),
    "np.spacing": (lambda x: np.spacing(x), "number|where"),
    "np index": (lambda x: np.arange(3.0)[x] * x, "take"),
    "format": (lambda x: x * len(f"{x:.2f}"), "print"),
    "str()": (lambda x: x * len(str(x)), "print"),
    "repr()": (lambda x: x * len(repr(x)), "print"),
    "percent": (lambda x: x * len("%.2f" % x), "number|print"),  # noqa: UP031
    "hash of data": (lambda x: {x.data: 1}[0.0], "detach"),
    "json": (lambda x: len(json.dumps(x)), "number|print|JSON"),
    "math.pow": (lambda x: math.pow(2.0, x), r"x\.sin\(\)"),
    "pickle": (lambda x: len(pickle.dumps(x * x)), "detach|outside"),
    "copy of an inner": (lambda x: Value((x * x).data), "detach"),
    "setting .data": (lambda x: setattr(x, "data", 3.0) or x, "operations|outside"),
    "compare by hand": (lambda x: x * sum([1.0 for y in (0.0, 1.0) if y < x]), CHOOSE),
    "match": (lambda x: _matching(x), CHOOSE),
}


def _until(x: Any) -> Any:
    while x < 10.0:
        x = x * 2.0
    return x


def _asserting(x: Any) -> Any:
    assert x > 0.0
    return x


def _matching(x: Any) -> Any:
    match x:
        case y if y > 0.0:
            return y
    return -x


@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("name", READS)
def test_what_reads_a_number_is_refused(name: str, transformed: bool) -> None:
    """The same inside a transform, where there are other Values."""
    f, instead = READS[name]
    compiled = compile(tl.grad(f)) if transformed else compile(f)
    for call in (lambda: compiled(1.0), lambda: compiled.batch([1.0, 2.0], reduce=None), lambda: compiled(Value(2.0))):
        with pytest.raises((TraceError, TypeError), match=instead) as caught:
            call()
        if name not in ("json", "pickle"):
            assert type(caught.value) is TraceError
            lines, first = inspect.getsourcelines(f)
            inside = {f"{__file__}:{k}" for k in range(first, first + len(lines))}
            helper = {"while": _until, "assert": _asserting, "match": _matching}.get(name)
            if helper is not None:
                lines, first = inspect.getsourcelines(helper)
                inside = {f"{__file__}:{k}" for k in range(first, first + len(lines))}
            assert any(place in str(caught.value) for place in inside), str(caught.value)
    assert compiled.traces == []
    assert compile(lambda x: 2.0 * x)(2.0) == 4.0  # and the next trace knows nothing of it


def test_what_does_not_depend_on_a_traced_number_may_be_read() -> None:
    w = Value(3.0)

    def f(x: Any, n: int, names: str) -> Any:
        y = x
        for k in range(len(names)):
            y = y + float(k)
        return y * (2.0 if n is None else 1.0) * math.sin(1.0)

    assert compile(f)(1.0, None, "ab") == pytest.approx(4.0 * math.sin(1.0))
    with pytest.raises(TraceError, match=r"reading \.data"):  # a leaf that is captured may change from call to call
        compile(lambda x: x * w.data)(1.0)
    with pytest.raises(TraceError, match="branching"):
        compile(lambda x: x if w > 0.0 else -x)(1.0)


def test_a_comparison_gives_a_number() -> None:
    f = compile(lambda x: (x > 0.0) * x + tl.where(x <= -1.0, 10.0, 0.0) + (x <= 0.5) * 100.0 + (x < 3) * 1000.0)
    for x in (-2.0, -1.0, 0.0, 0.5, 2.0, 3.0, math.nan):
        want = (x > 0) * x + (10.0 if x <= -1 else 0.0) + (x <= 0.5) * 100.0 + (x < 3) * 1000.0
        assert not differences(f(x), want)
    same = compile(
        lambda x: (x == x) * 10.0 + (x != 1.0) * 2.0 + operator.eq(1, x) + tl.where(x == np.float64(3.0), 0.5, 0.0)
    )
    for x in (-0.0, 1.0, 3.0, math.nan):
        assert same(x) == (x == x) * 10.0 + (x != 1.0) * 2.0 + (x == 1.0) + 0.5 * (x == 3.0)


def one_of(x: Any) -> float:
    match x:
        case 1:
            return 2.0
    return 3.0


@pytest.mark.parametrize(
    "choice",
    [
        lambda x: 1.0 if x == 1 else 2.0,
        lambda x: 1.0 if operator.eq(1, x) else 2.0,
        lambda x: 1.0 if x != 1.0 else 2.0,
        lambda x: 1.0 if x in (1.0, 2.0) else 2.0,
        lambda x: 1.0 if 1.0 in [x] else 2.0,
        lambda x: [1.0, 2.0].count(x),
        lambda x: [1.0, 2.0].index(x),
        lambda x: 1.0 if (x, 1.0) == (1.0, 1.0) else 2.0,
        lambda x: 1.0 if np.float64(1.0) == x else 2.0,
        lambda x: sum(np.arange(3) == x),
        one_of,
    ],
)
def test_a_choice_by_equality_is_refused(choice: Any) -> None:
    for executor in ("array", "native"):
        with pytest.raises(TraceError, match="branching"):
            compile(lambda x: x * choice(x), executor=executor)(1.0)  # type: ignore[arg-type]
    assert choice(Value(1.0)) == choice(1.0) and choice(Value(2.5) if choice(1.0) != 0 else 1.0) is not None


def test_one_hot_by_equality() -> None:
    def hot(y: Any) -> list[Any]:
        return [1.0 * (k == y) for k in range(3)]

    for executor in ("array", "native"):
        f = compile(hot, executor=executor)  # type: ignore[arg-type]
        assert f(1) == hot(1) == [0.0, 1.0, 0.0]
        assert f.batch([0, 2], reduce=None).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


def test_equality_in_a_loss_is_seen_in_training_and_in_derivatives() -> None:
    def loss(p: Any, t: Any) -> Any:
        return tl.where(t == 1, (p - 1) ** 2, (p + 1) ** 2)

    assert compile(loss)(2.0, 1) == 1.0 and compile(loss)(2.0, 0) == 9.0
    assert compile(tl.grad(loss)).batch([2.0, 2.0], [1, 0], reduce=None).tolist() == [2.0, 6.0]
    with pytest.raises(TraceError, match="branching"):
        compile(lambda p, t: (p - 1) ** 2 if t == 1 else (p + 1) ** 2).batch([2.0], [1.0])
    assert tl.value_and_grad(lambda x: 1.0 if x == 0 else tl.sin(x) / x)(0.0) == (1.0, 0.0)


def test_what_a_function_raises_is_raised_and_leaves_no_trace_behind() -> None:
    def f(x: Any, bad: bool) -> Any:
        if bad:
            raise KeyError("mine")
        return x

    compiled = compile(f)
    with pytest.raises(KeyError, match="mine"):
        compiled(1.0, True)
    assert compiled(1.0, False) == 1.0 and not tl.engine.is_tracing()
    for bad in (lambda x: "text", lambda x: [x, "text"], lambda x: 1j, lambda x: {"a": {x}}):
        with pytest.raises(TypeError, match=r"compile\(<lambda>\): it must return numbers, got a"):
            compile(bad)(1.0)
    two = compile(lambda x: [x, x])
    for reduce in ("mean", "sum"):
        with pytest.raises(TypeError, match="must return one number to be reduced, got 2: reduce=None gives all"):
            two.batch([1.0], reduce=reduce)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"reduce=.*'max'"):
        two.batch([1.0], reduce="max")  # type: ignore[arg-type]


def test_every_comparison_is_traced() -> None:
    def f(x: Any, y: Any) -> list[Any]:
        return [x < y, x <= y, x > y, x >= y, x < 2.0, x <= 2.0, x > 2.0, x >= 2.0]

    compiled = compile(f)
    for point in ((1.0, 2.0), (2.0, 2.0), (2.0, 1.0), (3.0, math.nan)):
        expected = [float(found) for found in f(*point)]
        assert compiled(*point) == expected and f(*map(Value, point)) == expected
    assert len(compiled.traces) == 1


def _caught(x: Any) -> Any:
    try:
        sign = 1.0 if x > 0.0 else -1.0
    except TypeError:
        sign = 0.0
    return x * sign


def test_a_refusal_that_is_caught_is_raised_all_the_same() -> None:
    """Whatever the function does after catching the error would be valid for one call only."""
    f = compile(_caught)
    for call in (lambda: f(1.0), lambda: f.batch([1.0, -1.0]), lambda: tl.grad(f)(1.0)):
        with pytest.raises(TraceError, match=f"branching of a traced Value, in .*{Path(__file__).name}"):
            call()
    assert _caught(Value(2.0)).data == 2.0 and compile(lambda x: 2.0 * x)(2.0) == 4.0


def test_a_second_trace_that_is_the_same_is_not_looked_at_further(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    from tinygrad_lite.compiler.trace import specialization

    check = specialization.check_repeated
    monkeypatch.setattr(specialization, "check_repeated", lambda *args: looked.append(args[2]) or check(*args))
    model, w = nn.MLP(2, [3, 1]), Value(2.0)

    def f(x: Any, y: Any) -> Any:
        return tl.grad(lambda x: model([x, y * Value(3.0)]) * w)(x), tl.hessian(lambda a: a[0] ** 3 * a[1])([x, y])

    assert np.allclose(compile(f)(1.0, 2.0)[1], [[12.0, 3.0], [3.0, 0.0]]) and looked == []
    terms = {1: "x * y", 2: "y * x"}
    calls = iter(terms)

    def other(x: Any, y: Any) -> Any:
        return x * y + y if next(calls) == 1 else y + x * y

    with pytest.raises(TraceError, match="two traces of it differ"):
        compile(other)(1.0, 2.0)
    assert looked == ["other"]


def test_rows_of_the_same_objects_are_one_row_of_a_trace() -> None:
    def f(a: Value, b: Value, c: Value) -> Value:
        rows = [[a, b], [b, c], [c, a], [a, b, c]]
        once, again = ([tl.dot(row, [*row]) for row in rows] for _ in range(2))
        for v, w in zip(once, again, strict=True):
            assert v.args[0] is w.args[0] is w.args[1]
        assert once[0].args[0] is not once[1].args[0]
        return tl.sum([*once, *again, tl.dot([0.0, a], [-0.0, b])])

    assert compile(f)(1.0, 2.0, 3.0) == 84.0 + 2.0
