"""Plain loops as scans: random programs with loops, periodic and not, against the function called eagerly."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from compiled import FORCED
from loops import numbers
from thoroughness import up_to

import tinygrad_lite as tl
from tinygrad_lite import Value
from tinygrad_lite.compiler.passes.repeated_steps import Wiring
from tinygrad_lite.compiler.trace import plain_loops

pytestmark = pytest.mark.filterwarnings("ignore")  # of leaves that derivatives at numbers cut off


@pytest.fixture
def short_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_loops, "LEAST_STEPS", 5)
    monkeypatch.setattr(plain_loops, "LEAST_OPERATIONS", 12)


def loops_of(compiled: Any) -> int:
    return sum(kind.name == "scan" for kind in compiled.program.kinds if not isinstance(kind, str))


def lorenz(theta: Sequence[Any], steps: int, dt: float = 0.001) -> Any:
    """x after so many steps of Runge and Kutta's method, and the mean of z."""
    s, r, b, *c = theta
    zs = []

    def slopes(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        return s * (y - x), x * (r - z) - y, x * y - b * z

    def moved(k: Sequence[Any], h: float) -> list[Any]:
        return [a + h * d for a, d in zip(c, k, strict=True)]

    for _ in range(steps):
        k1 = slopes(*c)
        k2 = slopes(*moved(k1, dt / 2))
        k3 = slopes(*moved(k2, dt / 2))
        k4 = slopes(*moved(k3, dt))
        c = moved([p + 2.0 * q + 2.0 * u + w for p, q, u, w in zip(k1, k2, k3, k4, strict=True)], dt / 6)
        zs.append(c[2])
    return c[0] + tl.mean(zs)


LORENZ = [10.0, 28.0, 8.0 / 3.0, 1.0, 1.0, 1.0]


def test_a_long_loop_is_found_and_said() -> None:
    f = tl.compile(tl.value_and_grad(lambda theta: lorenz(theta, 200)))
    found, right = f(LORENZ), tl.value_and_grad(lambda theta: lorenz(theta, 200))(LORENZ)
    assert close([found[0], *found[1]], [right[0], *right[1]])
    # the last step does not compute y, which nobody reads
    assert "a loop of 199 steps, 71 operations a step" in f.summary and loops_of(f) == 2
    assert len(f.program) < 400, "the mean of all z is one number of the loop"


def test_preparing_hardly_grows_with_the_steps() -> None:
    sizes = []
    for steps in (200, 800):
        f = tl.compile(tl.grad(lambda theta, steps=steps: lorenz(theta, steps)))
        f(LORENZ)
        sizes.append(len(f.program))
    assert sizes[0] == sizes[1]


def test_short_loops_stay_straight() -> None:
    for steps in (20, 100):
        f = tl.compile(lambda theta, steps=steps: lorenz(theta, steps))
        f(LORENZ)
        assert loops_of(f) == 0 and "loop" not in f.summary


@pytest.mark.usefixtures("short_loops")
def test_what_only_adds_stays_straight() -> None:
    def total(xs: Sequence[Any]) -> Any:
        y = 0.0
        for x in xs:
            y = y + tl.tanh(tl.sin(x * 0.3) * tl.exp(x)) - x
        return y

    f = tl.compile(total)
    xs = np.linspace(-1, 1, 30).tolist()
    assert close(f(xs), total(xs)) and loops_of(f) == 0


@pytest.mark.usefixtures("short_loops")
def test_a_loop_that_differentiates_in_each_step() -> None:
    def descended(theta: Sequence[Any]) -> Any:
        x = [theta[0], theta[1]]
        for _ in range(20):
            slope = tl.grad(lambda x: (x[0] - theta[2]) ** 2 * x[1] + tl.sin(x[1]) ** 2 + x[0] ** 4)(x)
            x = [a - 0.05 * d for a, d in zip(x, slope, strict=True)]
        return x[0] * x[1]

    for f in (descended, tl.grad(descended), tl.hessian(descended)):
        for executor in FORCED:
            run = tl.compile(f, executor=executor)
            assert close(run([0.5, 0.7, 0.3]), f([0.5, 0.7, 0.3])) and loops_of(run)


@pytest.mark.usefixtures("short_loops")
@pytest.mark.parametrize("x", [-1.0, 0.0, 1.0])
def test_what_a_zero_adjoint_blocks_is_blocked_in_loops(x: float) -> None:
    def root(theta: Sequence[Any]) -> Any:
        y = theta[0]
        for _ in range(20):
            y = tl.where(y > 0, tl.sqrt(tl.relu(y)), 0.1 * y) + 0.01 * theta[1] * y
        return y

    def descended(theta: Sequence[Any]) -> Any:
        y = theta[0]
        for _ in range(20):
            y = y - 0.1 * theta[1] * tl.grad(lambda y: tl.where(y > 0, tl.sqrt(tl.relu(y)), y * y))(y)
        return y

    for f in (root, tl.grad(root), tl.hessian(root), descended, tl.grad(descended)):
        for executor in FORCED:
            run = tl.compile(f, executor=executor)
            assert close(run([x, 0.3]), f([x, 0.3])) and loops_of(run)


@pytest.mark.usefixtures("short_loops")
def test_a_hooked_result_keeps_its_hook() -> None:
    def hooked(theta: Sequence[Any]) -> Any:
        y = theta[0]
        for t in range(20):
            y = tl.sin(y * 0.7) + 0.1
            if t == 10:
                y.register_hook(lambda g: g * 2.0)
        return y

    f, found = tl.compile(hooked), []
    for function in (f, hooked):
        x = Value(0.3)
        function([x]).backward()
        found.append(x.grad)
    assert found[0] == found[1] != 0.0 and loops_of(f) == 0


@pytest.mark.usefixtures("short_loops")
def test_steps_draw_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def numbers_of(draws: tl.Draws, found: int) -> list[float]:
        def noisy(theta: Sequence[Any]) -> Any:
            y = theta[0]
            for _ in range(20):
                y = tl.sin(y) + 0.1 * draws.uniform()
            return y

        f = tl.compile(noisy)
        drawn = [f([0.3]) for _ in range(2)]
        assert loops_of(f) == found
        return drawn

    rolled = numbers_of(tl.Draws(3), 1)
    monkeypatch.setattr(plain_loops, "LEAST_OPERATIONS", 1 << 30)
    assert close(rolled, numbers_of(tl.Draws(3), 0))


@pytest.mark.usefixtures("short_loops")
def test_loops_in_loops() -> None:
    def nested(theta: Sequence[Any]) -> Any:
        y = theta[0]
        for _ in range(8):
            z = y
            for _ in range(9):
                z = tl.sin(z * theta[1]) + 0.01
            y = y * 0.5 + z * theta[2]
        return y

    for f in (nested, tl.grad(nested), tl.hessian(nested)):
        run = tl.compile(f)
        assert close(run([0.5, 0.7, 0.3]), f([0.5, 0.7, 0.3]))
        assert "a loop of 8 steps, 5 operations a step" in run.summary


@pytest.mark.usefixtures("short_loops")
def test_a_recurrent_net_by_hand() -> None:
    cell, read_out = tl.nn.Linear(5, 3), tl.nn.Linear(3, 1)

    def net(xs: Sequence[Sequence[Any]]) -> Any:
        h: list[Any] = [0.0] * 3
        for x in xs:
            h = [v.tanh() for v in cell([*x, *h])]
        return read_out(h)[0]

    f = tl.compile(net)
    batch = np.random.default_rng(0).normal(size=(4, 12, 2))
    leaves = [*cell.parameters(), *read_out.parameters()]
    f.batch(batch, reduce="sum").backward()
    found = [v.grad for v in leaves]
    tl.engine.clear_grads(leaves)
    for xs in batch.tolist():
        net(xs).backward()
    assert close(found, [v.grad for v in leaves]) and loops_of(f) == 2


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
        self.steps, self.width = draw.randint(9, 24), draw.randint(1, 3)
        self.inputs, self.count = draw.randint(2, 4), draw.randint(3, 9)
        self.strange = draw.choice((*["no"] * 6, "once", "third", "random", "two loops", "shifted"))
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
        kinds = (
            "state",
            "state",
            "state",
            "input",
            "weight",
            "number",
            "table",
            "column",
            "late",
            "early",
            *["new"] * (3 if k else 0),
        )
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
    tl.engine.clear_grads(leaves)
    y = f(list(map(Value, points[0])))
    y.backward() if isinstance(y, Value) else None
    by_weights = [w.grad for w in leaves]
    found = 0
    for executor in FORCED:
        run = tl.compile(f, executor=executor)
        assert close(run(points[0]), numbers(value)), (seed, executor, "value")
        found += loops_of(run)
        again = run.batch(points, reduce=None)
        assert close(again, numbers([f(p) for p in points])), (seed, executor, "batch")
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
        tl.engine.clear_grads(leaves)
        y = run(list(map(Value, points[0])))
        y.backward() if isinstance(y, Value) else None
        assert close([w.grad for w in leaves], by_weights), (seed, executor, "weights")
        tl.engine.clear_grads(leaves)
        y = run.batch(points, reduce="sum")
        y.backward() if isinstance(y, Value) else None
        batched = [w.grad for w in leaves]
        tl.engine.clear_grads(leaves)
        for p in points:
            y = f(list(map(Value, p)))
            y.backward() if isinstance(y, Value) else None
        assert close(batched, [w.grad for w in leaves]), (seed, executor, "weights by batch")
    return found


@pytest.mark.usefixtures("short_loops")
@pytest.mark.parametrize("first", range(0, 100, 25))
def test_random_loops_are_what_they_are_eagerly(first: int) -> None:
    found = [check(seed) for seed in range(first, first + up_to(25))]
    assert sum(map(bool, found)) > len(found) // 5, "too few have loops"


@pytest.mark.parametrize("broken", range(4, 36, 5))
def test_the_check_does_not_trust_the_guess(broken: int) -> None:
    """Two operations a step: item 2t reads the item before it and a number, item 2t + 1 reads item 2t twice."""
    args = [x for t in range(20) for x in (2 * t - 1 if t else -2, -1, 2 * t, 2 * t)]
    kinds, starts = np.tile([0, 1], 20), np.arange(0, 81, 2)
    whole = Wiring(range(40), kinds, starts, np.array(args), np.arange(40))._checked(0, 40, 2)
    assert whole is not None and (whole.start, whole.steps) == (0, 20)
    args[2 * broken] -= 1
    found = Wiring(range(40), kinds, starts, np.array(args), np.arange(40))._checked(0, 40, 2)
    assert found is None or found.start >= broken
