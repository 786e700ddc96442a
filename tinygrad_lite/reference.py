"""Reverse-mode automatic differentiation, whole, in one sitting: what engine.py does, without what makes it fast.

A program computes one number from others by additions, products, logarithms and so on. How fast does that number
change with each of the others? Three ideas answer that.

Record. A Value is a number that remembers which operation made it, and of which arguments. A Value that no operation
made is a leaf. So a result holds its whole history: a graph that leads from the result back to the leaves.

Know the derivative of each operation. Its local derivative by one of its arguments says how fast its result changes
with that argument while the others stay: for a * b, by a, it is b. The table of operations (ops.py) has a rule for each
argument, which gives g times the local derivative, for any g.

Go back. The adjoint of a node of the graph is the derivative of the final result by that node; that of the final result
itself is 1. Each node passes a contribution to each of its arguments: its adjoint times the local derivative (the chain
rule). The adjoint of an argument is the sum of the contributions that come to it. So a node may pass on only when all
nodes that use it have passed on: they go in topological order.

The rules are written in operations of the same table. Run on numbers they give numbers: backward(). Run on Values they
are recorded like everything else, so the derivative is a graph too, and can be differentiated again: gradients().

The tests hold the engine to this file: to the last bit, where both add up in the same order.

>>> x = Value(3.0)
>>> backward(x * x + ops.sin(x))
>>> x.grad == 2 * 3.0 + ops.cos(3.0)
True
>>> (first,) = gradients(x**3, [x])
>>> first, gradients(first, [x])
(Value(27.0), [Value(18.0)])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import ops
from .floats.reals import as_float


class Value:
    """A number that remembers what made it.

    data  the number, which never changes: what was recorded of it stays true
    op    the operation that made it, a row of the table; None for a leaf
    args  the arguments of that operation: Values, plain numbers, and tuples of them
    grad  the derivative by this Value, once backward() has run
    """

    def __init__(self, data: float, op: Any = None, args: tuple[Any, ...] = ()) -> None:
        self._data = as_float("Value(data)", data)
        self.op = op
        self.args = args
        self.grad = 0.0

    @property
    def data(self) -> float:
        return self._data

    def __repr__(self) -> str:
        return f"Value({self.data})"

    @staticmethod
    def _apply(op: Any, args: tuple[Any, ...]) -> Value:
        """Computes and records an operation. A row of the table, when called, calls this if an argument is a Value."""
        checked: list[Any] = []
        for k, arg in enumerate(args):
            checked.append(tuple([op.number(k, x) for x in arg]) if isinstance(arg, tuple) else op.number(k, arg))
        return Value(op.value(*each(number, checked)), op, tuple(checked))

    def __add__(self, other: Any) -> Any:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return ops.sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return ops.sub(other, self)

    def __mul__(self, other: Any) -> Any:
        return ops.mul(self, other)

    def __rmul__(self, other: Any) -> Any:
        return ops.mul(other, self)

    def __truediv__(self, other: Any) -> Any:
        return ops.div(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return ops.div(other, self)

    def __pow__(self, other: Any) -> Any:
        return ops.pow(self, other)

    def __rpow__(self, other: Any) -> Any:
        return ops.pow(other, self)

    def __neg__(self) -> Any:
        return ops.neg(self)


def number(x: Any) -> Any:
    """The number of a Value; a plain number as it is."""
    return x.data if isinstance(x, Value) else x


def leaf(x: Any) -> Any:
    """A leaf of the same number in the place of a Value; a plain number as it is."""
    return Value(x.data) if isinstance(x, Value) else x


def each(function: Callable[[Any], Any], args: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments, with a function applied to each of them, and to each of those in a tuple."""
    return tuple([each(function, arg) if isinstance(arg, tuple) else function(arg) for arg in args])


def laid_flat(args: tuple[Any, ...]) -> list[Any]:
    """The arguments one after the other, also those in tuples."""
    return [x for arg in args for x in (arg if isinstance(arg, tuple) else (arg,))]


def parents(node: Value) -> list[Value]:
    """The Values among the arguments of a node: in x * x, twice x."""
    return [x for x in laid_flat(node.args) if isinstance(x, Value)]


def topological_order(root: Value) -> list[Value]:
    """The root and all that it was computed from, each node after all nodes that use it (Kahn, 1962).

    First count the uses of each node. Then start at the root, and cross off the uses that each node makes of its
    parents. A node whose last use is crossed off is ready.
    """
    uses = {root: 0}
    waiting = [root]
    while waiting:
        for x in parents(waiting.pop()):
            if x not in uses:
                uses[x] = 0
                waiting.append(x)
            uses[x] += 1
    order = []
    ready = [root]
    while ready:
        order.append(ready.pop())
        for x in parents(order[-1]):
            uses[x] -= 1
            if uses[x] == 0:
                ready.append(x)
    return order


def by_rules(op: Any, g: Any, y: Any, args: tuple[Any, ...]) -> list[Any]:
    """What the rules of an operation give for each of its arguments, laid flat: g times the local derivative.

    y  the result of the operation. A plain number among the arguments is a constant: 0 stands for its derivative.
    """
    found: list[Any] = []
    for rule, arg in zip(op.rules, args, strict=True):
        if isinstance(arg, tuple):
            found += rule(g, y, *args)
        else:
            found.append(rule(g, y, *args) if isinstance(arg, Value) else 0.0)
    return found


def local_derivatives(node: Value) -> list[float]:
    """The local derivatives of a node as numbers: its rules with g = 1, on leaves, so that no history is kept."""
    return [number(c) for c in by_rules(node.op, Value(1.0), leaf(node), each(leaf, node.args))]


def adjoints(root: Value, one: Any, contributions: Callable[[Value, Any], list[Any]]) -> dict[Value, Any]:
    """The adjoint of the root, which is given, as one, and those of all nodes that the root depends on.

    contributions  a function of a node and its adjoint: what the node passes to each of its arguments
    """
    order = topological_order(root)
    gathered: dict[Value, list[Any]] = {node: [] for node in order}
    gathered[root].append(one)
    found = {}
    for node in order:
        terms = gathered[node]
        if terms:
            found[node] = terms[0] if len(terms) == 1 else ops.sum(terms)
        if terms and node.op is not None:
            arguments = zip(laid_flat(node.args), contributions(node, found[node]), strict=True)
            for k, (x, contribution) in enumerate(arguments):
                if isinstance(x, Value) and counts(node, k, found[node], contribution):
                    gathered[x].append(contribution)
    return found


def counts(node: Value, k: int, adjoint: Any, contribution: Any) -> bool:
    """Whether the contribution of a node to its k-th argument counts: not where a zero means that nothing passes.

    Zero times infinity is nan, not a number; but two kinds of zero are stronger than infinity. Where the adjoint is
    exactly zero, the result does not depend on the node. And an operation that is flat passes nothing on.
    """
    c = number(contribution)
    if c == c and c != 0.0:
        return True
    if c != c and number(adjoint) == 0.0:
        return False
    return not is_flat(node, k)


def is_flat(node: Value, k: int) -> bool:
    """Whether the result of an operation stays the same while its k-th argument moves a little: relu(x) for x < 0.

    A local derivative of 0 is not enough: x * x has that at 0. The table knows which operations are flat.
    """
    flat = node.op.blocks(leaf(node), each(leaf, node.args), k)
    return flat and local_derivatives(node)[k] == 0.0


def as_numbers(node: Value, adjoint: float) -> list[float]:
    """The contributions of a node as numbers: its adjoint times its local derivatives."""
    return [adjoint * derivative for derivative in local_derivatives(node)]


def backward(root: Value) -> None:
    """Adds the derivative of the root by each leaf to the .grad of that leaf.

    So the terms of a sum may be differentiated one after the other. Other nodes start afresh: .grad is their adjoint.
    """
    found = adjoints(root, 1.0, as_numbers)
    for node in topological_order(root):
        node.grad = found.get(node, 0.0) + (node.grad if node.op is None else 0.0)


def as_values(node: Value, adjoint: Value) -> list[Any]:
    """The contributions of a node as Values: its rules, run on the node and its arguments themselves, are recorded."""
    return by_rules(node.op, adjoint, node, node.args)


def gradients(root: Value, xs: Sequence[Value]) -> list[Value]:
    """The derivatives of the root by each of xs as Values, which can be differentiated again."""
    found = adjoints(root, Value(1.0), as_values)
    return [found.get(x, Value(0.0)) for x in xs]
