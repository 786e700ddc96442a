"""Reverse-mode automatic differentiation, complete and short: what engine/ does, without what makes it fast.

A program computes one number from others by additions, products, logarithms and so on. How fast does that number
change with each of the others? Three ideas answer that.

Record. A Value is a number that remembers which operation made it, and from which arguments. A Value that no operation
made is a leaf. So a result holds its whole history: a graph that leads from the result back to the leaves.

Know the derivative of each operation. The local derivative with respect to an argument says how fast the result changes
with that argument while the others stay the same: for a * b, with respect to a, it is b. The table of operations
(ops.py) has a rule for each argument. The rule gives g times the local derivative, for any g.

Go back. The adjoint of a node is the derivative of the final result with respect to that node; the adjoint of the final
result itself is 1. Each node passes a contribution to each of its arguments: its adjoint times the local derivative
(the chain rule). The adjoint of an argument is the sum of the contributions that it receives. So a node can pass
contributions on only after all nodes that use it have done so: nodes take their turns in topological order.

The rules are written in operations of the same table. Run on numbers, they give numbers: backward(). Run on Values,
they are recorded like everything else, so the derivative is a graph too and can be differentiated again: gradients().

The tests compare the engine with this file, to the last bit where both add in the same order.

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
    """A number that remembers how it was computed.

    data  the number, which never changes, so what was recorded from it stays true
    op    the operation that made it, a row of the table; None for a leaf
    args  the arguments of that operation: Values, plain numbers, and tuples of them
    grad  the derivative of the result with respect to this Value, once backward() has run
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
        """Computes and records an operation. Calling a row of the table leads here if an argument is a Value."""
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
    """The number of a Value; a plain number is returned as it is."""
    return x.data if isinstance(x, Value) else x


def leaf(x: Any) -> Any:
    """A leaf with the same number as a Value; a plain number is returned as it is."""
    return Value(x.data) if isinstance(x, Value) else x


def each(function: Callable[[Any], Any], args: Sequence[Any]) -> tuple[Any, ...]:
    """Applies a function to each argument, and to each element of an argument that is a tuple."""
    return tuple([each(function, arg) if isinstance(arg, tuple) else function(arg) for arg in args])


def laid_flat(args: tuple[Any, ...]) -> list[Any]:
    """The arguments as one flat list, with the elements of tuples in place of the tuples."""
    return [x for arg in args for x in (arg if isinstance(arg, tuple) else (arg,))]


def parents(node: Value) -> list[Value]:
    """The Values among the arguments of a node; x * x has x twice."""
    return [x for x in laid_flat(node.args) if isinstance(x, Value)]


def topological_order(root: Value) -> list[Value]:
    """The root and everything it was computed from, each node after all nodes that use it (Kahn, 1962).

    First count how often each node is used. Then start at the root, and cross off the uses that each node makes of its
    parents. A node is ready when its last use is crossed off.
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
    """The results of an operation's rules, as a flat list: g times the local derivative, for each argument.

    y  the result of the operation. A plain number among the arguments is a constant, so its derivative is 0.
    """
    found: list[Any] = []
    for rule, arg in zip(op.rules, args, strict=True):
        if isinstance(arg, tuple):
            found += rule(g, y, *args)
        else:
            found.append(rule(g, y, *args) if isinstance(arg, Value) else 0.0)
    return found


def local_derivatives(node: Value) -> list[float]:
    """The local derivatives of a node as numbers: its rules with g = 1, run on leaves so that no history is kept."""
    return [number(c) for c in by_rules(node.op, Value(1.0), leaf(node), each(leaf, node.args))]


def adjoints(root: Value, one: Any, contributions: Callable[[Value, Any], list[Any]]) -> dict[Value, Any]:
    """The adjoints of the root and of all nodes that it depends on.

    one            the adjoint of the root, which is 1
    contributions  a function of a node and its adjoint that gives what the node passes to each of its arguments
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
    """Whether a node's contribution to its k-th argument counts. It does not if a zero means that nothing passes.

    Zero times infinity is nan, but two kinds of zero win over infinity. If the adjoint is exactly zero, the result does
    not depend on the node. And an operation that is flat passes nothing on.
    """
    c = number(contribution)
    if c == c and c != 0.0:
        return True
    if c != c and number(adjoint) == 0.0:
        return False
    return not is_flat(node, k)


def is_flat(node: Value, k: int) -> bool:
    """Whether an operation's result stays the same while its k-th argument moves a little, as relu(x) does for x < 0.

    A local derivative of 0 is not enough: x * x has one at 0. The table says which operations are flat.
    """
    flat = node.op.blocks(leaf(node), each(leaf, node.args), k)
    return flat and local_derivatives(node)[k] == 0.0


def as_numbers(node: Value, adjoint: float) -> list[float]:
    """The contributions of a node as numbers: its adjoint times its local derivatives."""
    return [adjoint * derivative for derivative in local_derivatives(node)]


def backward(root: Value) -> None:
    """Adds the derivative of the root with respect to each leaf to the .grad of that leaf.

    So the terms of a sum can be differentiated one after the other. For other nodes, .grad is set to the adjoint.
    """
    found = adjoints(root, 1.0, as_numbers)
    for node in topological_order(root):
        node.grad = found.get(node, 0.0) + (node.grad if node.op is None else 0.0)


def as_values(node: Value, adjoint: Value) -> list[Any]:
    """The contributions of a node as Values: its rules run on the node and its own arguments, and are recorded."""
    return by_rules(node.op, adjoint, node, node.args)


def gradients(root: Value, xs: Sequence[Value]) -> list[Value]:
    """The derivatives of the root with respect to each of xs, as Values, which can be differentiated again."""
    found = adjoints(root, Value(1.0), as_values)
    return [found.get(x, Value(0.0)) for x in xs]
