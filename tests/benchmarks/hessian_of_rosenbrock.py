"""W6, the Hessian of Rosenbrock's function in ten dimensions: an ordinary call, eager and compiled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .measuring import Findings, Unit, own_row, ratio_row
from .racing import Contender, Entry, alone, race, repeated, totals

POINT = [-1.2 + 2.5 / 9 * k for k in range(10)]
CALLS = 10
A_CALL = Unit("us a call", CALLS * 1e-6)


def rosenbrock(x: Sequence[Any]) -> Any:
    """As one writes it for scalars."""
    return sum(100.0 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def _of_array(x: Any) -> Any:
    """As one writes it for arrays."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _calling(call: Callable[[], Any], numbers: Callable[[Any], Any]) -> Contender:
    """numbers(call()) is the matrix in nested lists."""
    results = [number for row in numbers(call()) for number in row]
    return repeated(call, CALLS, results)


def ours() -> Contender:
    import tinygrad_lite as tl

    hessian = tl.hessian(rosenbrock)
    return _calling(lambda: hessian(POINT), list)


def compiled(executor: str = "auto") -> Contender:
    import tinygrad_lite as tl

    hessian = tl.compile(tl.hessian(rosenbrock), executor=executor)
    return _calling(lambda: hessian(POINT), list)


def autograd() -> Contender:
    import autograd
    import autograd.numpy as np

    hessian = autograd.hessian(_of_array)
    x = np.array(POINT)
    return _calling(lambda: hessian(x), lambda h: h.tolist())


def torch() -> Contender:
    """Whichever of PyTorch's ways is the fastest here."""
    import torch
    from torch.autograd.functional import hessian

    torch.set_num_threads(1)
    x = torch.tensor(POINT, dtype=torch.float64)
    transformed = torch.func.hessian(_of_array)
    ways = [lambda: transformed(x), lambda: hessian(_of_array, x), lambda: hessian(_of_array, x, vectorize=True)]
    return _calling(min(ways, key=_least_of_five), lambda h: h.tolist())


def _least_of_five(call: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(5):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def jax(compiled: bool) -> Contender:
    import jax

    jax.config.update("jax_enable_x64", True)
    hessian = jax.hessian(_of_array)
    if compiled:
        hessian = jax.jit(hessian)
    x = jax.numpy.array(POINT)
    return _calling(lambda: hessian(x).block_until_ready(), lambda h: h.tolist())


def casadi() -> Contender:
    import casadi

    x = casadi.SX.sym("x", len(POINT))
    matrix, _ = casadi.hessian(rosenbrock(casadi.vertsplit(x)), x)
    hessian = casadi.Function("hessian", [x], [matrix])
    return _calling(lambda: hessian(POINT), lambda h: h.full().tolist())


PEERS: dict[str, Entry] = {
    "autograd": (autograd, ()),
    "torch": (torch, ()),
    "jax": (jax, (False,)),
    "jax, jit": (jax, (True,)),
    "casadi": (casadi, ()),
}


def against(peer: str, quick: bool) -> Findings:
    """The eager Hessian may take a quarter of autograd's time; the compiled one races torch, jax and casadi."""
    a, b = race("W6", (ours, ()), PEERS[peer], 7 if quick else 21)
    bars = (1 / 4, None) if peer == "autograd" else (None, None)
    return Findings([ratio_row("W6 Hessian of Rosenbrock", peer, A_CALL, totals(a), totals(b), bars)])


def compiled_against(peer: str, quick: bool) -> Findings:
    case, rounds = "W6 compiled Hessian", 7 if quick else 21
    if not peer:
        samples = [seconds / A_CALL.seconds for seconds in totals(alone((compiled, ()), rounds))]
        return Findings([own_row(case, A_CALL.name, samples, (None, 5.0))])
    a, b = race(case, (compiled, ()), PEERS[peer], rounds)
    return Findings([ratio_row(case, peer, A_CALL, totals(a), totals(b), (1.0, None))])
