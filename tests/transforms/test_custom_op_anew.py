"""Rows of operations that are defined again live as long as the graphs recorded with them."""

from __future__ import annotations

import gc

from test_custom_op import Define, cube_of, passing, slope_of_cube

import tinygrad_lite as tl
from tinygrad_lite import Value, grad, gradients, hessian, jvp, no_grad, ops
from tinygrad_lite.engine import topological_order


def test_defined_anew(own_operations: Define) -> None:
    x = Value(3.0)
    former = own_operations("mine", lambda x: 2 * x, lambda g, y, x: g * 2.0)
    y = x.mine()
    now = own_operations("mine", lambda x: 5 * x, lambda g, y, x: g * 5.0)
    z = x.mine()
    assert y.op is former and z.op is now is tl.mine
    (y + z).backward()
    assert x.grad == 7.0 and gradients(y, [x], create_graph=True)[0].data == 2.0, "what was recorded keeps its rules"
    assert y._op == z._op == "mine" and len(topological_order(y + z)) == 4
    own_operations("mine", lambda xs: 1.0, lambda g, y, xs: [0.0] * len(xs), args="*xs")
    assert not hasattr(x, "mine") and "mine" not in dir(x), "of a sequence there is no method"
    own_operations("mine", lambda x: x, passing)
    assert x.mine().data == 3.0


def living() -> int:
    """How many rows called mine are kept."""
    gc.collect()
    return sum(type(thing) is ops.Op and thing.name == "mine" for thing in gc.get_objects())


def test_a_row_defined_anew_lives_as_long_as_what_was_recorded_with_it(own_operations: Define) -> None:
    """As in a notebook's cell that runs again and again; everything that used the row must release it."""

    def run(k: float) -> tuple[Value, Value]:
        row = own_operations("mine", lambda x, n: k * x**n, (lambda g, y, x, n: g * (k * n) * x ** (n - 1.0), None),
                             args="x n=2")  # fmt: skip
        x = Value(3.0, label="x")
        y = x.mine() * 2
        y.backward()
        assert hessian(row)(1.0) == 2 * k
        compiled = tl.compile(lambda x: row(x) + grad(row)(x))
        assert compiled(1.0) == 3 * k and compiled.batch([1.0], reduce=None).tolist() == [3 * k]
        with no_grad():
            assert jvp(tl.compile(lambda t: t * y), (1.0,), (1.0,))[1] == y.data
        assert str(y.formula()) and y.graph().svg() and y.explore() and tl.explain(y, x) and tl.compare(y).ok
        return x, y

    run(1.0)
    before = living(), len(ops.ROWS)
    kept = [run(float(k)) for k in range(2, 6)]
    assert living() == before[0] + len(kept) - 1, "the last is the table's as well"
    for k, (x, y) in enumerate(kept, 2):
        mine = y.parents[0]
        assert mine.op.value(1.0, 2.0) == k and mine.args == (x, 2.0) and mine.parents == (x,)
        assert mine.local_derivatives == (6.0 * k,) and repr(mine.op) == "<operation mine(x, n=2)>"
        first = gradients(y, [x], create_graph=True)[0]
        assert (first.data, gradients(first, [x])) == (12.0 * k, [4.0 * k])
        y.backward()
        assert x.grad == 2 * 12.0 * k
    del kept, x, y, mine, first
    assert (living(), len(ops.ROWS)) == before


def test_more_definitions_than_nodes_have_codes(own_operations: Define) -> None:
    x = Value(3.0)
    first = own_operations("mine", cube_of, slope_of_cube)
    y = first(x)
    for k in range(1 << 16):
        row = own_operations("mine", lambda x, k=k: k * x, lambda g, y, x, k=k: g * float(k))
    z = row(x)
    (y + z).backward()
    assert y.op is first and z.op is row and x.grad == 27.0 + 65535.0
    assert tl.norm([y, z]).op is ops.norm and tl.less(y, 1.0).data == 0.0
