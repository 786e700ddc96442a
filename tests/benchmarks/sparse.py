"""sparse: second and first derivatives of many variables, arrays in and out, against CasADi and jax.jit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from .hessian_of_rosenbrock import rosenbrock as array_of_rosenbrock
from .measuring import Bars, Findings, Row, Unit, in_child, ratio_row
from .racing import Contender, race, repeated, totals

Call = Callable[[], Any]
CALLS = 10
A_CALL, SECONDS = Unit("us a call", CALLS * 1e-6), Unit("s", 1.0)
# By problem, number of variables and what is measured.
BARS: dict[tuple[str, int, str], Bars] = {
    ("Hessian", 1000, "prepared"): (10.0, 2.0),
    ("Hessian", 10_000, "prepared"): (10.0, 2.0),
    ("Hessian", 1000, "a call"): (1.0, 0.5),
    ("Hessian", 10_000, "a call"): (1.0, 0.5),
    ("Jacobian", 1000, "a call"): (1.5, 1.0),
    ("dense Hessian", 100, "a call"): (1.5, 1.0),
    ("dense Jacobian", 100, "a call"): (1.5, 1.0),
}


def point(n: int) -> Any:
    import numpy as np

    return np.linspace(-1.2, 1.3, n)


def rosenbrock(x: Any) -> Any:
    """As one writes it for scalars; the sum is one operation, for CasADi too."""
    import tinygrad_lite as tl

    return tl.sum([100.0 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x)])


def stencil(u: Any, exp: Callable[[Any], Any]) -> list[Any]:
    """A discretized equation, whose Jacobian has three diagonals."""
    full = [0.0, *u, 0.0]
    return [a - 2.0 * b + c + 0.01 * exp(b) + a * c for a, b, c in zip(full, full[1:], full[2:], strict=False)]


def weights(n: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).normal(size=(n, n))


def ours(problem: str, n: int) -> Call:
    import numpy as np

    import tinygrad_lite as tl

    x = point(n)
    if problem == "Hessian":
        call = tl.compile(tl.sparse_hessian(rosenbrock))
    elif problem == "Jacobian":
        call = tl.compile(tl.sparse_jacobian(lambda u: stencil(u, tl.exp)))
    elif problem == "dense Hessian":
        call = tl.compile(tl.hessian(rosenbrock))
    else:
        rows = weights(n).tolist()
        call = tl.compile(tl.jacobian(lambda x: np.array([tl.dot(row, x).tanh() for row in rows])))
    return lambda: call(x)


def casadi(problem: str, n: int, by_array: bool) -> Call:
    """An ordinary call takes a list, which is what CasADi takes fastest besides its own matrices."""
    import casadi

    x = casadi.SX.sym("x", n)
    if problem == "Hessian":
        a, b = x[:-1], x[1:]
        of_array = casadi.sum1(100.0 * (b - a**2) ** 2 + (1 - a) ** 2) if by_array else None
        y = of_array if by_array else array_of_rosenbrock(casadi.vertsplit(x))
        matrix, _ = casadi.hessian(y, x)
    else:
        matrix = casadi.jacobian(casadi.vertcat(*stencil(casadi.vertsplit(x), casadi.exp)), x)
    function, numbers = casadi.Function("f", [x], [matrix]), point(n).tolist()
    return lambda: function(numbers)


def jax(problem: str, n: int) -> Call:
    """Arrays of NumPy in, arrays of jax out."""
    import jax

    jax.config.update("jax_enable_x64", True)
    x, matrix = point(n), jax.numpy.array(weights(n))

    def sum_of_squares(x: Any) -> Any:
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    if problem == "dense Hessian":
        call = jax.jit(jax.hessian(sum_of_squares))
    else:
        call = jax.jit(jax.jacobian(lambda x: jax.numpy.tanh(matrix @ x)))
    return lambda: call(x).block_until_ready()


def _numbers(matrix: Any) -> list[float]:
    """The entries row by row, of whichever library."""
    if hasattr(matrix, "nonzeros"):  # CasADi's go column by column
        return list(matrix.T.nonzeros())
    entries: Sequence[Any] = getattr(matrix, "values", matrix)
    return [float(x) for x in getattr(entries, "ravel", lambda: entries)()]


MAKERS: dict[str, Callable[..., Call]] = {"ours": ours, "casadi": casadi, "jax": jax}


def contender(who: str, *args: Any) -> Contender:
    call = MAKERS[who](*args)
    return repeated(call, CALLS, _numbers(call()))


def preparing_seconds(who: str, *args: Any) -> float:
    """From the function to the first result, in a process that has prepared something small before."""
    MAKERS[who](args[0], 5, *args[2:])()
    start = time.process_time()
    MAKERS[who](*args)()
    return time.process_time() - start


def against(peer: str, quick: bool) -> Findings:
    """Prepared means traced, differentiated, compiled and called once. CasADi gets the same scalar code, or arrays."""
    rounds, who, rows = (3 if quick else 9), peer.partition(",")[0], list[Row]()
    for (problem, n, what), bars in BARS.items():
        if problem.startswith("dense") is not (who == "jax"):
            continue
        theirs = (who, problem, n) if who == "jax" else (who, problem, n, "arrays" in peer)
        case = f"{problem} of {n:,}, {what}"
        if what == "prepared":
            pairs = [
                (in_child(preparing_seconds, "ours", problem, n), in_child(preparing_seconds, *theirs))
                for _ in range(rounds)
            ]
            rows.append(ratio_row(case, peer, SECONDS, *zip(*pairs, strict=True), bars))
        elif "arrays" not in peer:
            a, b = race(case, (contender, ("ours", problem, n)), (contender, theirs), rounds)
            rows.append(ratio_row(case, peer, A_CALL, totals(a), totals(b), bars))
    return Findings(rows)


PEERS = ("casadi", "casadi, arrays", "jax, jit")
