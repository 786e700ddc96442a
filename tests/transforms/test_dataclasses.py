"""Dataclasses are structures: traced, differentiated and batched like dicts, together with other kinds."""

from __future__ import annotations

import dataclasses
import functools
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
from compiled import EXECUTORS

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, fixed_point, nn, optim
from tinygrad_lite.errors import ShapeError, TraceError
from tinygrad_lite.transforms.pytree import Structure, has_values, mapped, numbers_along, sketch


@dataclasses.dataclass
class Plain:
    a: Any
    b: Any = 2.0
    count: ClassVar[int] = 3


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any


@dataclasses.dataclass(slots=True)
class Slotted:
    a: Any
    b: Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    a: Any
    b: Any


@dataclasses.dataclass
class Derived(Plain):
    c: Any = dataclasses.field(init=False)
    made: ClassVar[list[str]] = []

    def __post_init__(self) -> None:
        self.made.append("made")
        self.c = 1.0

    @functools.cached_property
    def doubled(self) -> Any:
        return 2.0 * self.a


@dataclasses.dataclass(init=False)
class Odd:
    """An __init__ of its own, and a field that is not set."""

    a: Any
    b: Any
    unset: Any

    def __init__(self, both: Any) -> None:
        self.a = self.b = both

    def __setattr__(self, name: str, x: Any) -> None:
        if name == "a" and hasattr(self, "b"):
            raise AssertionError("set once")
        super().__setattr__(name, x)


@dataclasses.dataclass(eq=False)
class ByIdentity:
    a: Any
    b: Any


class Pair(NamedTuple):
    a: Any
    b: Any


class Checked(Pair):
    def __new__(cls, both: Any) -> Checked:
        return super().__new__(cls, both, both)


class Attributes(dict):  # type: ignore[type-arg]
    """A dict whose keys are its attributes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.__dict__ = self


KINDS: dict[str, Callable[[Any, Any], Any]] = {
    "plain": Plain,
    "frozen": Frozen,
    "slots": Slotted,
    "both": lambda a, b: Both(a=a, b=b),
    "derived": Derived,
    "odd": lambda a, b: _set(Odd(b), a=a),
    "by identity": ByIdentity,
    "named tuple": Pair,
    "a subclass of one": lambda a, b: Checked._make((a, b)),
    "a dict with attributes": lambda a, b: Attributes(a=a, b=b),
}
kinds = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def _set(thing: Any, **to: Any) -> Any:
    for name, x in to.items():
        object.__setattr__(thing, name, x)
    return thing


def f(p: Any) -> Any:
    return p.a**2 * p.b[0] + 3.0 * p.b[1]["k"]


def at(make: Callable[[Any, Any], Any]) -> Any:
    return make(2.0, [5.0, {"k": 7.0, "none": None}])


@kinds
def test_in_every_transform(make: Callable[[Any, Any], Any]) -> None:
    p = at(make)
    extra = {"c": 0.0} if make is Derived else {}
    gradient = tl.grad(f)(p)
    assert type(gradient) is type(p) and (gradient.a, gradient.b) == (20.0, [4.0, {"k": 3.0, "none": None}])
    assert tl.value_and_grad(f)(p)[0] == 41.0 and p.a == 2.0
    assert type(tl.hessian(f)(p).a) is type(p) and tl.hessian(f)(p).a.a == 10.0
    assert tl.jacobian(lambda p: make(p.a * p.b[0], p.a))(p).a.a == 5.0
    assert tl.hvp(f, p, p).a == 10.0 * 2.0 + 4.0 * 5.0
    value, tangent = tl.jvp(lambda p: make(f(p), p.a), (p,), (p,))
    assert (value.a, tangent.a, tangent.b) == (41.0, 2.0 * 20.0 + 5.0 * 4.0 + 7.0 * 3.0, 2.0)
    y, pullback = tl.vjp(lambda p: make(f(p), p.a), p)
    assert type(y) is type(p) and pullback(_set_fields(y, 1.0, 1.0))[0].a == 21.0
    of_values = tl.grad(f)(at(lambda a, b: make(Value(a), b)))
    assert of_values.a.kind == "result" and of_values.a.data == 20.0
    assert tl.grad(lambda p, q: f(q) * p.a, (0, 1))(p, p)[1].a == 40.0
    assert has_values(_set_fields(p, Value(1.0), 1.0)) and not has_values(p) and extra is not None


def _set_fields(p: Any, a: Any, b: Any) -> Any:
    rest = iter([a, b, *[0.0] * 9])
    return mapped(lambda x: next(rest), p)


@pytest.mark.parametrize("executor", EXECUTORS)
@kinds
def test_compiled_and_in_batches(make: Callable[[Any, Any], Any], executor: Any) -> None:
    p = at(make)
    g = compile(lambda p, s: {"f": f(p) * s, "p": mapped(lambda x: x * s, p)}, executor=executor)
    found = g(p, 2.0)
    assert found["f"] == 82.0 and type(found["p"]) is type(p) and found["p"].a == 4.0
    second = at(lambda a, b: make(3.0, b))
    assert g(second, 2.0)["f"] == 132.0 and len(g.traces) == 1, "another number is no other program"
    assert compile(tl.grad(f), executor=executor)(p).a == 20.0
    rows = make(np.array([2.0, 3.0]), (np.array([5.0, 5.0]), {"k": [7.0, 7.0], "none": None}))
    if make is Derived:
        rows.c = [0.0, 0.0]
    batch = g.batch(rows, [2.0, 2.0], reduce=None)
    assert batch["f"].tolist() == [82.0, 132.0] and type(batch["p"]) is type(p) and batch["p"].a.tolist() == [4.0, 6.0]
    w = Value(2.0)
    compile(lambda p: f(p) * w, executor=executor).batch(rows).backward()
    assert w.grad == (41.0 + 66.0) / 2
    traced = compile(lambda s: g.batch(rows, [2.0, 2.0], reduce=None)["p"].a[1] * s)
    assert traced(2.0) == 12.0


def test_a_field_that_changes_is_noticed() -> None:
    d = Plain(3.0)
    g = compile(lambda d, x: d.a * x)
    assert g(d, 2.0) == 6.0
    d.a = 10.0
    assert g(d, 2.0) == 20.0
    d.a = [1.0, 2.0]
    with pytest.raises(TypeError):
        g(d, 2.0)
    options = compile(lambda d, x: x * (2.0 if d.b == "double" else 1.0))
    assert [options(Plain(1.0, mode), 3.0) for mode in ("double", "single")] == [6.0, 3.0]
    assert options.traces == ["Plain(a=*, b='double'), *", "Plain(a=*, b='single'), *"]
    with pytest.raises(TraceError, match="static_argnames"):
        compile(lambda d: sum(range(d.a)))(Plain(3))
    assert compile(lambda d, x: x * sum(range(d.a)), static_argnames="d")(Frozen(3, None), 2.0) == 6.0


def test_they_are_made_again_without_their_init() -> None:
    Derived.made.clear()
    d = Derived(3.0)
    assert d.doubled == 6.0 and Derived.made == ["made"]
    assert tl.grad(lambda d: d.doubled * d.c)(d) == _set(Derived(2.0, 0.0), c=6.0), "the cached property is found anew"
    assert compile(lambda d: d.doubled)(d) == 6.0
    d.note = 5.0  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="note"):
        tl.grad(lambda d: d.note * d.a)(d)
    assert Derived.made == ["made", "made"], "the one that was compared with"
    assert not hasattr(tl.grad(lambda p: p.a)(Odd(2.0)), "unset")


def test_structures_of_them() -> None:
    p = Plain([1.0, None], Frozen(2.0, np.array([3.0, 4.0])))
    structure = Structure(p)
    assert structure.numbers == [1.0, 2.0, 3.0, 4.0] and sketch(p) == (
        "Plain(a=[*, None], b=Frozen(a=*, b=an array of shape (2,)))"
    )
    filled = structure.filled([5.0, 6.0, 7.0, 8.0])
    assert filled.a == [5.0, None] and filled.b.a == 6.0 and filled.b.b.tolist() == [7.0, 8.0]
    assert numbers_along(p, filled) == [5.0, 6.0, 7.0, 8.0]
    assert numbers_along(p, Frozen([1.0, None], 2.0)) is None and numbers_along(p, dataclasses.asdict(p)) is None
    with pytest.raises(ShapeError, match=r"structure of Plain\(a=\*, b=\*\), got Frozen"):
        tl.hvp(lambda p: p.a * p.b, Plain(1.0), Frozen(1.0, 1.0))
    of_arrays = tl.jacobian(lambda p: np.array([p.a * p.b, p.a]))(Plain(2.0, 3.0))
    assert type(of_arrays) is Plain and of_arrays.a.tolist() == [3.0, 1.0] and of_arrays.b.tolist() == [2.0, 0.0]
    with pytest.raises(TypeError, match="got a str, 'x'"):
        tl.grad(lambda p: p.a)(Plain(1.0, "x"))
    root = fixed_point(lambda z: Plain(0.5 * (z.a + 2.0 / z.a), z.a), Plain(1.0, 1.0)).values
    assert type(root) is Plain and root.a.data == pytest.approx(2**0.5)
    assert tl.gradients(mapped(lambda x: x * 2.0, Plain(Value(1.0), None)).a, []) == []


@dataclasses.dataclass
class Line(nn.Module):
    """A module, so it counts as a single thing, although it is a dataclass too."""

    slope: Any

    def forward(self, x: Any) -> Any:
        return self.slope * x


@pytest.mark.parametrize("make", [OrderedDict, lambda **kw: defaultdict(float, kw), Plain, Pair, dict])
def test_batches_keep_the_kind(make: Any) -> None:
    both = compile(lambda p: mapped(lambda v: v * 2.0, p))
    x = make(a=np.array([1.0, 2.0]), b=np.array([3.0, 4.0]))

    def g(p: Any) -> Any:
        assert type(p) is type(x)
        return mapped(lambda v: v * 2.0, p)

    for found in (compile(g).batch(x, reduce=None), compile(lambda s: compile(g).batch(x, reduce=None))(1.0)):
        assert type(found) is type(x) and Structure(found).numbers == [2.0, 4.0, 6.0, 8.0]
    for kind in (dict, make):
        given = kind(a=np.array([1.0, 2.0]), b=np.array([3.0, 4.0]))
        assert type(both.batch(given, reduce=None)) is type(given)


@pytest.mark.parametrize("eager", [False, True])
def test_as_samples_of_a_training(eager: bool) -> None:
    model = Line(Value(0.0))
    data = Plain(np.array([1.0, 2.0]), Frozen(np.array([0.5, 1.0]), None)), [3.0, 6.0]
    if eager:
        data = (Plain(data[0].a, data[0].a), data[1])
    else:
        data = (Plain(data[0].a, Frozen(data[0].b.a, np.array([0.0, 0.0]))), data[1])
    tl.train.fit(
        _Of(model), lambda y, t: (y - t) ** 2, data, optim.SGD([model.slope], lr=0.1), 50, progress=False, eager=eager
    )
    assert model.slope.data == pytest.approx(3.0, abs=1e-3)


class _Of(nn.Module):
    def __init__(self, line: Line) -> None:
        self.line = line

    def forward(self, p: Plain) -> Any:
        assert type(p) is Plain
        return self.line(p.a)
