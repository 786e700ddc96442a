"""Value and gradient of long loops with executor="c": a Kalman filter, and Runge-Kutta steps of the Lorenz system."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from .measuring import Findings, Unit, ratio_row
from .racing import Contender, race, repeated, totals

PEERS = ("our native sweep", "jax, jit")
A_CALL = Unit("ms a call", 1e-3)
PROGRAMS = {"Kalman, 1,000 steps": "kalman", "Lorenz, 10,000 steps": "lorenz"}
KALMAN_POINT, LORENZ_POINT = [-1.0, -2.0, 0.0, 0.0], [10.0, 28.0, 8.0 / 3.0, 1.0, 1.0, 1.0]
_LORENZ_STEP = 0.001


def observations() -> list[float]:
    """What the filter sees: a slow swing, and noise."""
    source = random.Random(1)
    return [math.sin(0.01 * k) + source.gauss(0.0, 0.3) for k in range(1000)]


def kalman_step(carry: Sequence[Any], z: Any, q: Any, r: Any, log: Any) -> list[Any]:
    """A filter for position and speed, whose covariance is a, b, d, and the logarithm of the likelihood."""
    m0, m1, a, b, d, total = carry
    dt = 0.1
    m0 = m0 + dt * m1
    a, b, d = a + dt * (b + b) + dt * dt * d + q * (dt**3 / 3), b + dt * d + q * (dt * dt / 2), d + q * dt
    s, e = a + r, z - m0
    k0, k1 = a / s, b / s
    total = total - 0.5 * (log(s) + e * e / s)
    return [m0 + k0 * e, m1 + k1 * e, a - k0 * a, b - k0 * b, d - k1 * b, total]


def lorenz_step(carry: Sequence[Any], s: Any, r: Any, b: Any) -> list[Any]:
    """A step of Runge and Kutta."""

    def slope(x: Any, y: Any, z: Any) -> list[Any]:
        return [s * (y - x), x * (r - z) - y, x * y - b * z]

    def moved(k: Sequence[Any], h: float) -> list[Any]:
        return [a + h * e for a, e in zip(carry, k, strict=True)]

    h = _LORENZ_STEP
    k1 = slope(*carry)
    k2 = slope(*moved(k1, h / 2))
    k3 = slope(*moved(k2, h / 2))
    k4 = slope(*moved(k3, h))
    found = zip(carry, k1, k2, k3, k4, strict=True)
    return [a + (h / 6) * (p + 2.0 * q + 2.0 * u + w) for a, p, q, u, w in found]


def ours(program: str, executor: str) -> Contender:
    import tinygrad_lite as tl

    seen = observations()

    def kalman(th: Any) -> Any:
        q, r = tl.exp(th[0]), tl.exp(th[1])
        start = [th[2], th[3], 1.0, 0.0, 1.0, 0.0]
        return tl.scan(lambda c, z: (kalman_step(c, z, q, r, tl.log), None), start, seen)[0][5]

    def lorenz(th: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            new = lorenz_step(c, *th[:3])
            return new, new[2]

        last, zs = tl.scan(step, th[3:], None, 10_000)
        return last[0] + tl.mean(zs)

    f, point = (kalman, KALMAN_POINT) if program == "kalman" else (lorenz, LORENZ_POINT)
    compiled = tl.compile(tl.value_and_grad(f), executor=executor)
    value, slopes = compiled(point)
    return repeated(lambda: compiled(point), 1, [value, *slopes])


def jax(program: str) -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    seen = jnp.array(observations())

    def kalman(th: Any) -> Any:
        q, r = jnp.exp(th[0]), jnp.exp(th[1])
        start = [th[2], th[3], *map(jnp.float64, (1.0, 0.0, 1.0, 0.0))]
        return jax.lax.scan(lambda c, z: (kalman_step(c, z, q, r, jnp.log), None), start, seen)[0][5]

    def lorenz(th: Any) -> Any:
        def step(c: Any, _: Any) -> Any:
            new = lorenz_step(c, *th[:3])
            return new, new[2]

        last, zs = jax.lax.scan(step, th[3:], None, length=10_000)
        return last[0] + jnp.mean(zs)

    f, point = (kalman, KALMAN_POINT) if program == "kalman" else (lorenz, LORENZ_POINT)
    compiled = jax.jit(jax.value_and_grad(f))
    at = list(map(jnp.float64, point))
    value, slopes = compiled(at)
    return repeated(lambda: jax.block_until_ready(compiled(at)), 1, [float(value), *map(float, slopes)])


def against(peer: str, quick: bool) -> Findings:
    findings = Findings()
    for name, program in PROGRAMS.items():
        theirs = (jax, (program,)) if peer.startswith("jax") else (ours, (program, "auto"))
        a, b = race(name, (ours, (program, "c")), theirs, 5 if quick else 11)
        findings.rows.append(ratio_row(f"{name}, executor c", peer, A_CALL, totals(a), totals(b)))
    return findings
