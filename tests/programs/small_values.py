"""Two small Value classes like those that people write, and a network around them, to compare ours with."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any


class ClosureValue:
    """A lecture's Value: each result holds a set of its parents and a closure that passes its gradient on to them."""

    def __init__(self, data: float, parents: tuple[ClosureValue, ...] = (), op: str = "", label: str = "") -> None:
        self.data = data
        self.grad = 0.0
        self.label = label
        self._prev = set(parents)
        self._op = op
        self._backward: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        return f"ClosureValue({self.data})"

    def __add__(self, other: ClosureValue | float) -> ClosureValue:
        right = other if isinstance(other, ClosureValue) else ClosureValue(other)
        total = ClosureValue(self.data + right.data, (self, right), "+")

        def backward() -> None:
            self.grad += total.grad
            right.grad += total.grad

        total._backward = backward
        return total

    def __mul__(self, other: ClosureValue | float) -> ClosureValue:
        right = other if isinstance(other, ClosureValue) else ClosureValue(other)
        product = ClosureValue(self.data * right.data, (self, right), "*")

        def backward() -> None:
            self.grad += right.data * product.grad
            right.grad += self.data * product.grad

        product._backward = backward
        return product

    def _unary(self, data: float, slope: float, op: str) -> ClosureValue:
        result = ClosureValue(data, (self,), op)

        def backward() -> None:
            self.grad += slope * result.grad

        result._backward = backward
        return result

    def __pow__(self, exponent: float) -> ClosureValue:
        return self._unary(self.data**exponent, exponent * self.data ** (exponent - 1), "**")

    def tanh(self) -> ClosureValue:
        y = math.tanh(self.data)
        return self._unary(y, 1 - y * y, "tanh")

    def exp(self) -> ClosureValue:
        y = math.exp(self.data)
        return self._unary(y, y, "exp")

    def log(self) -> ClosureValue:
        return self._unary(math.log(self.data), 1 / self.data, "log")

    def relu(self) -> ClosureValue:
        return self._unary(max(self.data, 0.0), float(self.data > 0), "relu")

    def __neg__(self) -> ClosureValue:
        return self * -1

    def __sub__(self, other: ClosureValue | float) -> ClosureValue:
        return self + -other

    def __truediv__(self, other: ClosureValue | float) -> ClosureValue:
        return self * other**-1

    def __rsub__(self, other: float) -> ClosureValue:
        return -self + other

    def __rtruediv__(self, other: float) -> ClosureValue:
        return self**-1 * other

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        order: list[ClosureValue] = []
        seen: set[ClosureValue] = set()
        stack: list[tuple[ClosureValue, bool]] = [(self, False)]
        while stack:
            v, parents_done = stack.pop()
            if parents_done:
                order.append(v)
            elif v not in seen:
                seen.add(v)
                stack.append((v, True))
                stack.extend((p, False) for p in v._prev)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()


class TupleValue:
    """The local-gradient style: slots, and two tuples, the operands and the derivative by each of them."""

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(self, data: float, children: tuple[TupleValue, ...] = (), local_grads: tuple[float, ...] = ()) -> None:
        self.data = data
        self.grad = 0.0
        self._children = children
        self._local_grads = local_grads

    def __add__(self, other: TupleValue | float) -> TupleValue:
        other = other if isinstance(other, TupleValue) else TupleValue(other)
        return TupleValue(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: TupleValue | float) -> TupleValue:
        other = other if isinstance(other, TupleValue) else TupleValue(other)
        return TupleValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n: float) -> TupleValue:
        return TupleValue(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self) -> TupleValue:
        y = math.exp(self.data)
        return TupleValue(y, (self,), (y,))

    def log(self) -> TupleValue:
        return TupleValue(math.log(self.data), (self,), (1.0 / self.data,))

    def relu(self) -> TupleValue:
        return TupleValue(max(0.0, self.data), (self,), (1.0 if self.data > 0 else 0.0,))

    def __neg__(self) -> TupleValue:
        return self * -1

    def __radd__(self, other: float) -> TupleValue:
        return self.__add__(other)

    def __rmul__(self, other: float) -> TupleValue:
        return self.__mul__(other)

    def __sub__(self, other: TupleValue | float) -> TupleValue:
        return self + -other

    def __truediv__(self, other: TupleValue | float) -> TupleValue:
        return self * other**-1

    def backward(self) -> None:
        order: list[TupleValue] = []
        seen: set[TupleValue] = set()

        def visit(v: TupleValue) -> None:
            if v not in seen:
                seen.add(v)
                for child in v._children:
                    visit(child)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            grad = v.grad
            for child, local in zip(v._children, v._local_grads):  # noqa: B905  one length by construction
                child.grad += local * grad


class SmallNeuron:
    """Written out as sums of products; weights are drawn in micrograd's order."""

    def __init__(self, value: Callable[[float], Any], nin: int, linear: bool) -> None:
        self.w = [value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = value(0.0)
        self.linear = linear

    def __call__(self, x: Sequence[Any]) -> Any:
        total = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return total if self.linear else total.relu()


class SmallMLP:
    """Layers of neurons of one Value class, with relu between them."""

    def __init__(self, value: Callable[[float], Any], nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [
            [SmallNeuron(value, sizes[k], linear=k == last) for _ in range(nout)] for k, nout in enumerate(nouts)
        ]

    def __call__(self, x: Sequence[Any]) -> Any:
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for neuron in layer for p in (*neuron.w, neuron.b)]

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0.0
