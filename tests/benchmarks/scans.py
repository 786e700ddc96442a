"""scans: loops of many steps with their gradients: an integrator, a filter, two recurrent networks.

A later call is raced against jax's scan, and the integrator against loops that are written by hand for numba, forward
and back. Without a peer: seconds of the first call, with all its preparation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .measuring import Bars, Findings, in_child, own_row, ratio_row
from .racing import Contender, race, repeated, totals
from .wide_networks import MILLISECONDS, SECONDS, first_and_later

STEPS = {"Lorenz": 10_000, "Kalman": 1_000, "RNN": 200, "LSTM": 50}
TIME_STEP = 0.001
LORENZ_AT = (10.0, 28.0, 8.0 / 3.0, 1.0, 1.0, 1.0)
KALMAN_AT, BEGIN = (-1.0, -2.0, 0.0, 0.0), (1.0, 0.0, 1.0, 0.0)
INPUTS, HIDDEN, LANES = 4, 16, 32
GATES = {"RNN": 1, "LSTM": 4}
FIRST_BARS: dict[str, Bars] = {"Lorenz": (0.3, 0.05), "RNN": (0.5, 0.2), "LSTM": (0.5, 0.2)}
LATER_BARS: dict[tuple[str, str], Bars] = {
    ("Lorenz", "numba, by hand"): (None, 1.5),
    ("Kalman", "jax, jit"): (1.5, 0.8),
    ("RNN", "jax, jit"): (1.5, 1.0),
    ("LSTM", "jax, jit"): (1.5, 1.0),
}
PEERS = ("", "numba, by hand", "jax, jit")

Program = tuple[Callable[[], object], Callable[[], Sequence[float]]]
"""A call that computes a value and its gradient, and a function that gives the numbers of the latest call."""


def lorenz_step(c: Sequence[Any], s: Any, r: Any, b: Any) -> list[Any]:
    """A classical Runge-Kutta step of Lorenz's equations."""

    def slope(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        return s * (y - x), x * (r - z) - y, x * y - b * z

    def moved(h: float, k: tuple[Any, Any, Any]) -> list[Any]:
        return [a + h * e for a, e in zip(c, k, strict=True)]

    k1 = slope(*c)
    k2 = slope(*moved(TIME_STEP / 2, k1))
    k3 = slope(*moved(TIME_STEP / 2, k2))
    k4 = slope(*moved(TIME_STEP, k3))
    parts = zip(c, k1, k2, k3, k4, strict=True)
    return [a + TIME_STEP / 6 * (p + 2.0 * q + 2.0 * u + v) for a, p, q, u, v in parts]


def kalman_step(c: Sequence[Any], z: Any, q: Any, r: Any, log: Callable[[Any], Any]) -> list[Any]:
    """Predicts place and speed, and corrects them by a measured place z; the last number is the log-likelihood."""
    place, speed, a, b, d, likelihood = c
    dt = 0.1
    place = place + dt * speed
    a, b, d = a + 2 * dt * b + dt**2 * d + q * dt**3 / 3, b + dt * d + q * dt**2 / 2, d + q * dt
    total, miss = a + r, z - place
    gain, drift = a / total, b / total
    likelihood = likelihood - 0.5 * (log(total) + miss * miss / total)
    return [place + gain * miss, speed + drift * miss, a - gain * a, b - gain * b, d - drift * b, likelihood]


def measured_places(steps: int) -> Any:
    import numpy as np

    source = np.random.default_rng(1)
    walk = 0.003 * np.cumsum(np.cumsum(source.normal(size=steps)))
    return walk + 0.3 * source.normal(size=steps)


def start(name: str, steps: int) -> tuple[list[Any], Any]:
    """A network's weights, by inputs and by hidden numbers, its biases, and a batch of sequences."""
    import numpy as np

    source = np.random.default_rng(2)
    rows = HIDDEN * GATES[name]
    shapes: list[tuple[int, ...]] = [(rows, INPUTS), (rows, HIDDEN), (rows,), (rows,)]
    weights = [0.3 * source.normal(size=shape) for shape in shapes]
    return weights, source.normal(size=(LANES, steps, INPUTS))


def our_program(name: str, steps: int, executor: str = "auto") -> Program:
    return _our_network(name, steps, executor) if name in GATES else _our_function(name, steps, executor)


def _our_function(name: str, steps: int, executor: str) -> Program:
    import tinygrad_lite as tl

    def lorenz(p: Any) -> Any:
        def step(c: Any, _: None) -> Any:
            after = lorenz_step(c, *p[:3])
            return after, after[2]

        last, zs = tl.scan(step, [p[3], p[4], p[5]], length=steps)
        return last[0] + tl.mean(zs)

    def kalman(p: Any) -> Any:
        q, r = tl.exp(p[0]), tl.exp(p[1])
        last, _ = tl.scan(lambda c, z: (kalman_step(c, z, q, r, tl.log), None), [p[2], p[3], *BEGIN], places)
        return last[5]

    places = measured_places(steps)
    function, at = (lorenz, list(LORENZ_AT)) if name == "Lorenz" else (kalman, list(KALMAN_AT))
    compiled = tl.compile(tl.value_and_grad(function), executor=executor)
    found: list[Any] = []

    def call() -> None:
        found[:] = compiled(at)

    return call, lambda: [found[0], *found[1]]


def _our_network(name: str, steps: int, executor: str) -> Program:
    """Its first hidden number is to follow its first input."""
    import numpy as np

    import tinygrad_lite as tl
    from tinygrad_lite import nn

    weights, batch = start(name, steps)
    model: Any = {"RNN": nn.RNN, "LSTM": nn.LSTM}[name](INPUTS, HIDDEN)
    parameters = model.parameters()
    for p, x in zip(parameters, np.concatenate([w.ravel() for w in weights]).tolist(), strict=True):
        p.data = x

    def loss_of(xs: Any) -> Any:
        outputs, _ = model(xs)
        return tl.sum([(y[0] - x[0]) ** 2 for x, y in zip(xs, outputs, strict=True)])

    compiled = tl.compile(loss_of, executor=executor)
    found: list[float] = []

    def step() -> None:
        model.zero_grad()
        loss = compiled.batch(batch)
        loss.backward()
        found[:] = [loss.data]

    return step, lambda: [*found, *[p.grad for p in parameters]]


def jax_program(name: str, steps: int) -> Program:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def lorenz(p: Any) -> Any:
        def step(c: Any, _: None) -> Any:
            after = lorenz_step(c, *p[:3])
            return tuple(after), after[2]

        last, zs = jax.lax.scan(step, (p[3], p[4], p[5]), length=steps)
        return last[0] + zs.mean()

    def kalman(p: Any) -> Any:
        q, r = jnp.exp(p[0]), jnp.exp(p[1])
        step = lambda c, z: (tuple(kalman_step(c, z, q, r, jnp.log)), None)  # noqa: E731
        return jax.lax.scan(step, (p[2], p[3], *BEGIN), places)[0][5]

    def rnn(weights: Sequence[Any]) -> Any:
        w, v, b, c = weights

        def step(h: Any, x: Any) -> Any:
            h = jnp.tanh(x @ w.T + b + h @ v.T + c)
            return h, (h[:, 0] - x[:, 0]) ** 2

        return jax.lax.scan(step, jnp.zeros((LANES, HIDDEN)), over_time)[1].sum() / LANES

    def lstm(weights: Sequence[Any]) -> Any:
        w, v, b, c = weights

        def step(state: Any, x: Any) -> Any:
            h, kept = state
            take_in, forget, cell, give_out = jnp.split(x @ w.T + b + h @ v.T + c, 4, axis=1)
            kept = jax.nn.sigmoid(forget) * kept + jax.nn.sigmoid(take_in) * jnp.tanh(cell)
            h = jax.nn.sigmoid(give_out) * jnp.tanh(kept)
            return (h, kept), (h[:, 0] - x[:, 0]) ** 2

        return jax.lax.scan(step, (jnp.zeros((LANES, HIDDEN)),) * 2, over_time)[1].sum() / LANES

    if name in GATES:
        weights, batch = start(name, steps)
        at, over_time = [jnp.array(w) for w in weights], jnp.array(batch).swapaxes(0, 1)
    else:
        at, places = [jnp.float64(x) for x in (LORENZ_AT if name == "Lorenz" else KALMAN_AT)], measured_places(steps)
    function = {"Lorenz": lorenz, "Kalman": kalman, "RNN": rnn, "LSTM": lstm}[name]
    differentiated = jax.jit(jax.value_and_grad(function))
    found: list[Any] = []

    def call() -> None:
        found[:] = jax.block_until_ready(differentiated(at))

    return call, lambda: [float(found[0]), *[x for g in found[1] for x in g.ravel().tolist()]]


def numba_program(steps: int) -> Program:
    """Lorenz's equations: a loop forward that keeps each state, and one back, as one writes them for this alone."""
    import numba
    import numpy as np

    @numba.njit
    def slope(x, y, z, s, r, b):
        return s * (y - x), x * (r - z) - y, x * y - b * z

    @numba.njit
    def pulled(x, y, z, s, r, b, u, v, w):
        """What an adjoint (u, v, w) of the slope at (x, y, z) gives to x, y, z."""
        return -s * u + (r - z) * v + y * w, s * u - v + x * w, -x * v - b * w

    @numba.njit
    def value_and_gradient(p, steps, h):
        s, r, b = p[0], p[1], p[2]
        states, mean = np.empty((steps + 1, 3)), 0.0
        states[0] = p[3:]
        for t in range(steps):
            x, y, z = states[t, 0], states[t, 1], states[t, 2]
            a1, b1, c1 = slope(x, y, z, s, r, b)
            a2, b2, c2 = slope(x + h / 2 * a1, y + h / 2 * b1, z + h / 2 * c1, s, r, b)
            a3, b3, c3 = slope(x + h / 2 * a2, y + h / 2 * b2, z + h / 2 * c2, s, r, b)
            a4, b4, c4 = slope(x + h * a3, y + h * b3, z + h * c3, s, r, b)
            states[t + 1, 0] = x + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
            states[t + 1, 1] = y + h / 6 * (b1 + 2 * b2 + 2 * b3 + b4)
            states[t + 1, 2] = z + h / 6 * (c1 + 2 * c2 + 2 * c3 + c4)
            mean += states[t + 1, 2] / steps
        gradient = np.zeros(6)
        u, v, w = 1.0, 0.0, 0.0  # the adjoint of the state
        for t in range(steps - 1, -1, -1):
            w += 1 / steps
            x1, y1, z1 = states[t, 0], states[t, 1], states[t, 2]
            a, o, c = slope(x1, y1, z1, s, r, b)
            x2, y2, z2 = x1 + h / 2 * a, y1 + h / 2 * o, z1 + h / 2 * c
            a, o, c = slope(x2, y2, z2, s, r, b)
            x3, y3, z3 = x1 + h / 2 * a, y1 + h / 2 * o, z1 + h / 2 * c
            a, o, c = slope(x3, y3, z3, s, r, b)
            x4, y4, z4 = x1 + h * a, y1 + h * o, z1 + h * c
            u4, v4, w4 = h / 6 * u, h / 6 * v, h / 6 * w
            d4, e4, f4 = pulled(x4, y4, z4, s, r, b, u4, v4, w4)
            u3, v3, w3 = 2 * u4 + h * d4, 2 * v4 + h * e4, 2 * w4 + h * f4
            d3, e3, f3 = pulled(x3, y3, z3, s, r, b, u3, v3, w3)
            u2, v2, w2 = 2 * u4 + h / 2 * d3, 2 * v4 + h / 2 * e3, 2 * w4 + h / 2 * f3
            d2, e2, f2 = pulled(x2, y2, z2, s, r, b, u2, v2, w2)
            u1, v1, w1 = u4 + h / 2 * d2, v4 + h / 2 * e2, w4 + h / 2 * f2
            d1, e1, f1 = pulled(x1, y1, z1, s, r, b, u1, v1, w1)
            gradient[0] += (y1 - x1) * u1 + (y2 - x2) * u2 + (y3 - x3) * u3 + (y4 - x4) * u4
            gradient[1] += x1 * v1 + x2 * v2 + x3 * v3 + x4 * v4
            gradient[2] -= z1 * w1 + z2 * w2 + z3 * w3 + z4 * w4
            u, v, w = u + d1 + d2 + d3 + d4, v + e1 + e2 + e3 + e4, w + f1 + f2 + f3 + f4
        gradient[3], gradient[4], gradient[5] = u, v, w
        return states[steps, 0] + mean, gradient

    at, found = np.array(LORENZ_AT), list[Any]()

    def call() -> None:
        found[:] = value_and_gradient(at, steps, TIME_STEP)

    return call, lambda: [found[0], *found[1].tolist()]


def _contender(program: Program) -> Contender:
    call, numbers = program
    call()
    return repeated(call, 1, numbers())


def ours(name: str, steps: int, executor: str = "auto") -> Contender:
    return _contender(our_program(name, steps, executor))


def jax(name: str, steps: int) -> Contender:
    return _contender(jax_program(name, steps))


def numba(_: str, steps: int) -> Contender:
    return _contender(numba_program(steps))


def starting(name: str, steps: int) -> list[float]:
    """Seconds of the first call, megabytes that it takes, seconds of a later one."""
    return first_and_later(our_program(name, steps)[0])


def jax_starting(name: str, steps: int) -> list[float]:
    return first_and_later(jax_program(name, steps)[0])


def against(peer: str, quick: bool) -> Findings:
    rounds = 2 if quick else 5
    findings = Findings()
    for name, steps in STEPS.items():
        case = f"{name}, {steps:,} steps"
        if not peer:
            first, _, later = zip(*[in_child(starting, name, steps) for _ in range(rounds)], strict=True)
            findings.rows.append(own_row(f"{case}, first", "s", first, FIRST_BARS.get(name, (None, None))))
            if name == "Lorenz":
                findings.rows.append(own_row(f"{case}, later", "ms", [1e3 * x for x in later], (10.0, None)))
            continue
        if peer == "jax, jit":
            pairs = [[in_child(side, name, steps)[0] for side in (starting, jax_starting)] for _ in range(rounds)]
            findings.rows.append(ratio_row(f"{case}, first", peer, SECONDS, *zip(*pairs, strict=True)))
        elif name != "Lorenz":
            continue
        theirs = jax if peer == "jax, jit" else numba
        a, b = race(case, (ours, (name, steps)), (theirs, (name, steps)), 5 if quick else 11)
        bars = LATER_BARS.get((name, peer), (None, None))
        findings.rows.append(ratio_row(f"{case}, later", peer, MILLISECONDS, totals(a), totals(b), bars))
    return findings
