"""Plain loops as scans: random programs with loops, periodic and not, against the function called eagerly."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.compiler.trace import plain_loops

EXECUTORS = ("array", "native")
Program = Callable[[Sequence[Any]], Any]


@pytest.fixture
def short_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_loops, "LEAST_STEPS", 5)
    monkeypatch.setattr(plain_loops, "LEAST_OPERATIONS", 12)


def loops_of(compiled: Any) -> int:
    return sum(kind.name == "scan" for kind in compiled.program.kinds if not isinstance(kind, str))


UNARY: tuple[Callable[[Any], Any], ...] = (
    lambda x: tl.tanh(x), lambda x: tl.sin(x), lambda x: tl.cos(0.5 * x), lambda x: -x, lambda x: tl.sigmoid(x),
    lambda x: tl.where(x > 0.1, x, 0.3 * x), lambda x: tl.relu(x + 0.2), lambda x: tl.stop_gradient(x) * 0.5,
    lambda x: tl.exp(-(x * x)),
)  # fmt: skip
BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x + y, lambda x, y: x - 0.5 * y, lambda x, y: x * y, lambda x, y: x / (1.5 + y * y),
    lambda x, y: tl.maximum(x, y), lambda x, y: tl.dot([x, y, x], [y, 0.3, 0.2]), lambda x, y: tl.sum([x, y, 0.1]),
    lambda x, y: tl.tanh(x) ** 2 + y,
)  # fmt: skip


class Drawn:
    """A random program: steps that are alike, but for what `strange` changes in some of them."""

    def __init__(self, seed: int) -> None:
        draw = self.draw = random.Random(seed)
        self.steps, self.width = draw.randint(6, 24), draw.randint(1, 3)
        self.inputs, self.count = draw.randint(2, 4), draw.randint(3, 9)
        self.strange = draw.choice(("no", "no", "no", "once", "third", "random", "two loops", "shifted"))
        self.weights = [Value(draw.uniform(-1, 1)) for _ in range(draw.randint(1, 2))]
        self.table = [draw.choice((0.0, 1.0, draw.uniform(-1, 1))) for _ in range(self.steps)]
        self.body = self._body()
        self.other = self._body()
        self.fixed_start, self.reads = draw.random() < 0.4, draw.choice(("last", "all", "some", "first"))

    def _body(self) -> list[tuple[int, tuple[Any, ...]]]:
        return [self._operation(k) for k in range(self.count)] + [
            (-1, (self.draw.randrange(self.count), 0)) for _ in range(self.width)
        ]

    def _operation(self, k: int) -> tuple[int, tuple[Any, ...]]:
        draw = self.draw
        kinds = ("state", "input", "weight", "number", "table", "column", "late", "early", *["new"] * (3 if k else 0))
        return draw.randrange(len(UNARY) + len(BINARY)), tuple(
            [(draw.choice(kinds), draw.randrange(max(1, k)), draw.randrange(100)) for _ in range(2)]
        )

    def __call__(self, xs: Sequence[Any]) -> Any:
        draw = random.Random(len(self.table))
        state: list[Any] = [0.3] * self.width if self.fixed_start else [xs[k % self.inputs] for k in range(self.width)]
        column = [tl.sin(x * w) for x in xs for w in self.weights]
        column += [column[0] * column[k % len(column)] for k in range(self.steps)]
        past = [state] * 4
        seen: list[Any] = []
        for t in range(self.steps):
            body = self.body
            if self.strange == "third" and t % 3 == 2:
                body = self.other
            if self.strange == "once" and t == self.steps // 2:
                body = self.other
            if self.strange == "two loops" and t > self.steps // 2:
                body = self.other
            if self.strange == "random" and draw.random() < 0.3:
                body = self.other
            new: list[Any] = []

            def of(kind: str, k: int, n: int, now: Any = (t, state, past, new)) -> Any:
                t, state, past, new = now
                return {
                    "state": lambda: state[n % self.width],
                    "input": lambda: xs[n % self.inputs],
                    "weight": lambda: self.weights[n % len(self.weights)],
                    "number": lambda: 0.25 + n % 3,
                    "table": lambda: self.table[t],
                    "column": lambda: column[(t * (n % 2 + 1) + n) % len(column)],
                    "late": lambda: past[n % 4][n % self.width],
                    "early": lambda: seen[min(t, 1 + n % 2) - 1] if seen else xs[0],
                    "new": lambda: new[k],
                }[kind]()

            for code, args in body[: self.count]:
                a, b = (of(*arg) for arg in args)
                if self.strange == "shifted" and t % 4 == 1:
                    a, b = b, a
                new.append(UNARY[code](a) if code < len(UNARY) else BINARY[code - len(UNARY)](a, b))
            state = [0.5 * (new[args[0]] + state[k]) for k, (_, args) in enumerate(body[self.count :])]
            past = [*past[1:], state]
            seen.append(state[0])
        some = {"last": seen[-1:], "all": seen, "some": seen[::3], "first": seen[:2] + seen[-1:]}[self.reads]
        return tl.sum([*some, *state, *new]) if self.reads != "all" else tl.mean(some) + state[-1]


def close(found: Any, right: Any) -> bool:
    a, b = np.array(found, float).ravel(), np.array(right, float).ravel()
    return bool(np.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True))


def numbers(x: Any) -> float:
    return x.data if isinstance(x, Value) else float(x)


def check(seed: int) -> int:
    """Compares every way to compute a program; how many loops were found."""
    f = Drawn(seed)
    draw = random.Random(-seed)
    points = [[draw.uniform(-1, 1) for _ in range(f.inputs)] for _ in range(3)]
    direction = [draw.uniform(-1, 1) for _ in range(f.inputs)]
    value, gradient = tl.value_and_grad(f)(points[0])
    second = tl.hvp(f, points[0], direction)
    tangent = tl.jvp(f, (points[0],), (direction,))[1]
    leaves = list(f.weights)
    for w in leaves:
        w.grad = 0.0
    y = f(list(map(Value, points[0])))
    y.backward() if isinstance(y, Value) else None
    by_weights = [w.grad for w in leaves]
    found = 0
    for executor in EXECUTORS:
        run = tl.compile(f, executor=executor)
        assert close(run(points[0]), numbers(value)), (seed, executor, "value")
        found += loops_of(run)
        again = run.batch(points, reduce=None)
        assert close(again, [numbers(f(p)) for p in points]), (seed, executor, "batch")
        inside = tl.compile(tl.value_and_grad(f), executor=executor)
        assert close(inside(points[0])[1], gradient), (seed, executor, "gradient inside")
        assert close(inside.batch(points, reduce=None)[1], [tl.grad(f)(p) for p in points]), (
            seed,
            executor,
            "gradients",
        )
        twice = tl.compile(lambda x: tl.hvp(f, x, direction), executor=executor)
        assert close(twice(points[0]), second), (seed, executor, "second inside")
        forward = tl.compile(lambda x: tl.jvp(f, (x,), (direction,))[1], executor=executor)
        assert close(forward(points[0]), tangent), (seed, executor, "forward inside")
        assert close(tl.grad(run)(points[0]), gradient), (seed, executor, "gradient outside")
        assert close(tl.hvp(run, points[0], direction), second), (seed, executor, "second outside")
        for w in leaves:
            w.grad = 0.0
        y = run(list(map(Value, points[0])))
        y.backward() if isinstance(y, Value) else None
        assert close([w.grad for w in leaves], by_weights), (seed, executor, "weights")
        for w in leaves:
            w.grad = 0.0
        y = run.batch(points, reduce="sum")
        y.backward() if isinstance(y, Value) else None
        batched = [w.grad for w in leaves]
        for w in leaves:
            w.grad = 0.0
        for p in points:
            y = f(list(map(Value, p)))
            y.backward() if isinstance(y, Value) else None
        assert close(batched, [w.grad for w in leaves]), (seed, executor, "weights by batch")
    return found


@pytest.mark.usefixtures("short_loops")
@pytest.mark.parametrize("first", range(0, 100, 25))
def test_random_loops_are_what_they_are_eagerly(first: int) -> None:
    found = [check(seed) for seed in range(first, first + up_to(25))]
    assert sum(map(bool, found)) > len(found) // 4, "too few have loops"
