"""Enums, modules and subclasses of dict next to dataclasses: what is a structure and what is not."""

from __future__ import annotations

import copy
import dataclasses
import enum
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_dataclasses import Line, Plain

import tinygrad_lite as tl
from tinygrad_lite import Value, compile, nn
from tinygrad_lite.transforms.pytree import mapped


class Colour(enum.Enum):
    RED = 1.0


@dataclasses.dataclass
class Mixed:
    weight: float


class Member(Mixed, enum.Enum):
    LIGHT = 1.0


def test_members_of_enums_and_modules_are_no_structures() -> None:
    assert compile(lambda e, x: x * e.value)(Colour.RED, 2.0) == 2.0
    g = compile(lambda e, x: x * e.weight)
    assert g(Member.LIGHT, 2.0) == 2.0 and "LIGHT" in g.traces[0]
    line = Line(Value(3.0))
    call = compile(lambda m, x: m(x))
    assert call(line, 2.0) == 6.0
    call.batch(line, [1.0, 2.0]).backward()
    assert line.slope.grad == 1.5
    with pytest.raises(TypeError, match="what to differentiate by"):
        tl.grad(lambda m: m(1.0))(line)


def test_dicts_of_other_classes_stay_what_they_are() -> None:
    total = compile(lambda d: (d["x"] + d["y"], d))
    with pytest.raises(KeyError):
        total({"x": 1.0})
    value, same = total(defaultdict(lambda: 5.0, x=1.0))
    assert value == 6.0 and type(same) is defaultdict
    for factory in (float, int, float):
        found = compile(lambda d: d["y"])(defaultdict(factory, x=1.0))
        assert found == 0.0
    f = compile(lambda d: mapped(lambda x: 2.0 * x, d))
    for made in (OrderedDict(b=1.0, a=2.0), {"b": 1.0, "a": 2.0}, defaultdict(float, b=1.0, a=2.0)):
        found = f(made)
        assert type(found) is type(made) and found == {"b": 2.0, "a": 4.0}
    assert len(f.traces) == 3

    class Moded(dict):  # type: ignore[type-arg]
        mode = "double"

    moded = Moded(x=1.0)
    g = compile(lambda d: d["x"] * (2.0 if d.mode == "double" else 3.0))
    assert g(moded) == 2.0
    moded.mode = "triple"
    assert g(moded) == 3.0


class Kind(enum.IntEnum):
    SQUARE = 1


@pytest.mark.parametrize("choice", [True, np.True_, Kind.SQUARE, Colour.RED, Member.LIGHT])
@pytest.mark.parametrize("transform", [tl.grad, tl.value_and_grad, tl.jacobian, tl.hessian])
def test_nothing_is_differentiated_by_a_choice(transform: Callable[..., Any], choice: Any) -> None:
    """A Value would be another object: `p.b is Kind.SQUARE` would silently be False."""
    for given in (Plain(2.0, choice), [2.0, choice], {"x": 2.0, "kind": choice}):
        with pytest.raises(TypeError, match=r"no derivative by .*, which is a choice: pass it as"):
            transform(lambda given: 1.0)(given)
    assert tl.grad(lambda x, kind: x * x if kind is choice else x)(2.0, choice) == 4.0


def test_a_module_may_be_a_frozen_dataclass() -> None:
    @dataclasses.dataclass(frozen=True)
    class Scale(nn.Module):
        w: Value

        def forward(self, x: Any) -> Any:
            return self.w * x

    model = nn.Sequential(Scale(Value(3.0)))
    assert model(2.0).data == 6.0 and model.layers[0]._place is not None
    assert not model.eval().layers[0].training and model.train().layers[0].training


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_compiled_function_is_not_copied(copied: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"a Compiled cannot be copied or pickled, .* compile the function of the"):
        copied(compile(abs))
