"""W7, the price of an option by Black and Scholes (1973) and its five derivatives: of one, and of ten thousand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .measuring import Bars, Findings, Unit, own_row, ratio_row
from .racing import Contender, Entry, alone, race, repeated, totals

OPTION = (100.0, 105.0, 0.75, 0.03, 0.22)
"""Spot, strike, years, rate, volatility."""
RANGES = ((80, 120), (80, 120), (0.1, 2), (0, 0.06), (0.1, 0.5))
MANY = 10_000
CALLS = 100
A_CALL = Unit("us a call", CALLS * 1e-6)
BARS: dict[str, Bars] = {"casadi": (1 / 10, None), "": (None, 2.0)}
BATCH_BARS: dict[str, Bars] = {"numpy, by hand": (1.0, None), "jax, jit": (None, 1.0)}


def price_by(log: Any, sqrt: Any, exp: Any, erf: Any) -> Callable[..., Any]:
    """The price of a call, computed with the functions of any library."""

    def normal(z: Any) -> Any:
        return 0.5 * (1.0 + erf(z * math.sqrt(0.5)))

    def price(spot: Any, strike: Any, years: Any, rate: Any, volatility: Any) -> Any:
        deviation = volatility * sqrt(years)
        d1 = (log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / deviation
        return spot * normal(d1) - strike * exp(-rate * years) * normal(d1 - deviation)

    return price


def _ours(executor: str) -> Any:
    import tinygrad_lite as tl

    price = price_by(tl.log, tl.sqrt, tl.exp, tl.erf)
    return tl.compile(tl.value_and_grad(price, argnums=range(5)), executor=executor)


def ours(executor: str = "auto") -> Contender:
    call = _ours(executor)
    price, derivatives = call(*OPTION)
    return repeated(lambda: call(*OPTION), CALLS, [price, *derivatives])


def casadi() -> Contender:
    """Numbers in, numbers out."""
    import casadi

    symbols = [casadi.SX.sym(name) for name in ("spot", "strike", "years", "rate", "volatility")]
    price = price_by(casadi.log, casadi.sqrt, casadi.exp, casadi.erf)(*symbols)
    derivatives = casadi.gradient(price, casadi.vertcat(*symbols))
    function = casadi.Function("option", symbols, [casadi.vertcat(price, derivatives)])

    def call() -> list[float]:
        numbers: list[float] = function(*OPTION).nonzeros()
        return numbers

    return repeated(call, CALLS, call())


def option(peer: str, quick: bool) -> Findings:
    rounds = 7 if quick else 21
    if not peer:
        samples = [seconds / A_CALL.seconds for seconds in totals(alone((ours, ()), rounds))]
        return Findings([own_row("W7 option", A_CALL.name, samples, BARS[peer])])
    a, b = race("W7", (ours, ()), (casadi, ()), rounds)
    return Findings([ratio_row("W7 option", peer, A_CALL, totals(a), totals(b), BARS[peer])])


def _options() -> list[Any]:
    import numpy as np

    source = np.random.default_rng(1)
    return [source.uniform(low, high, MANY) for low, high in RANGES]


def _on_batches(call: Callable[[], Sequence[Any]]) -> Contender:
    """call() gives six arrays."""
    results = [number for array in call() for number in array.tolist()]
    return Contender((lambda held: call(),), results)


def our_batch(executor: str = "auto") -> Contender:
    function, columns = _ours(executor), _options()

    def call() -> list[Any]:
        price, derivatives = function.batch(*columns, reduce=None)
        return [price, *derivatives]

    return _on_batches(call)


def numpy() -> Contender:
    """Common parts of the derivatives are computed once; terms that contain derivatives of d1 and d2 cancel."""
    import numpy as np
    from scipy.special import erf

    spot, strike, years, rate, volatility = _options()

    def normal(z: Any) -> Any:
        return 0.5 * (1 + erf(z * math.sqrt(0.5)))

    def call() -> list[Any]:
        root = np.sqrt(years)
        deviation = volatility * root
        d1 = (np.log(spot / strike) + (rate + 0.5 * volatility * volatility) * years) / deviation
        discount = np.exp(-rate * years) * normal(d1 - deviation)
        share = normal(d1)
        paid = strike * discount
        density = spot * np.exp(-0.5 * d1 * d1) * (1 / math.sqrt(2 * math.pi))
        by_years = density * volatility / (2 * root) + rate * paid
        return [spot * share - paid, share, -discount, by_years, years * paid, density * root]

    return _on_batches(call)


def jax() -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    price = price_by(jnp.log, jnp.sqrt, jnp.exp, jax.scipy.special.erf)
    function = jax.jit(jax.vmap(jax.value_and_grad(price, argnums=range(5))))
    columns = [jnp.array(column) for column in _options()]

    def call() -> list[Any]:
        prices, derivatives = jax.block_until_ready(function(*columns))
        return [prices, *derivatives]

    return _on_batches(call)


def many_options(peer: str, quick: bool) -> Findings:
    theirs: Entry = ({"numpy, by hand": numpy, "jax, jit": jax}[peer], ())
    a, b = race("W7 batch", (our_batch, ()), theirs, 7 if quick else 21)
    unit = Unit("ms a call", 1e-3)
    return Findings([ratio_row(f"W7 {MANY:,} options", peer, unit, totals(a), totals(b), BATCH_BARS[peer])])
