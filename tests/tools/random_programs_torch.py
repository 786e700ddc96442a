"""The random programs in PyTorch, float64: their values and derivatives, where both libraries define the same.

Left out are programs that meet a point at which conventions differ: ties of maximum and minimum, the ends of clip,
powers of 0 and to the power 0, norm, hypot and atan2 at the origin, std of numbers that are alike, jumps, kinks at 0,
and what is not finite on the way, where PyTorch multiplies a zero with an infinity and this library blocks. So are
those with a fixed point or a module, and where PyTorch lacks digits: polygamma, of which it has nine, mills, of which
it has none, and the derivative of sinc close to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from drawn_programs import RAMP, Drawn, run
from random_programs import differs

from tinygrad_lite import Value, ops
from tinygrad_lite.engine import topological_order

torch = pytest.importorskip("torch")
Tensor = Any


def _slope(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    t = at * 1.0 if at.requires_grad else at.detach().requires_grad_()
    return torch.autograd.grad(function(t), t, create_graph=True)[0]


def _norm(xs: Sequence[Tensor]) -> Tensor:
    return torch.linalg.vector_norm(torch.stack(xs))


def _less_whole(a: Tensor, b: Tensor, whole: Callable[[Tensor], Tensor]) -> Tensor:
    return a - whole(a.detach() / b.detach()) * b


F = torch.nn.functional
TWINS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow, "neg": torch.neg,
    "abs": torch.abs, "sqrt": torch.sqrt, "exp": torch.exp, "expm1": torch.expm1, "log": torch.log,
    "log1p": torch.log1p, "log2": torch.log2, "log10": torch.log10, "exp2": torch.exp2, "xlogy": torch.special.xlogy,
    "cbrt": lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3), "sinc": torch.sinc, "sin": torch.sin, "cos": torch.cos,
    "tan": torch.tan, "asin": torch.asin, "acos": torch.acos, "atan": torch.atan,
    "atan2": torch.atan2, "hypot": torch.hypot, "sinh": torch.sinh, "cosh": torch.cosh, "asinh": torch.asinh,
    "acosh": torch.acosh, "tanh": torch.tanh, "atanh": torch.atanh, "sigmoid": torch.sigmoid, "logit": torch.logit,
    "logaddexp": torch.logaddexp,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)), "relu": torch.relu, "gelu": F.gelu, "silu": F.silu,
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "elu": lambda x, alpha: torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0))),
    "floor": torch.floor, "ceil": torch.ceil, "trunc": torch.trunc, "round": torch.round,
    "fmod": lambda a, b: _less_whole(a, b, torch.trunc), "mod": lambda a, b: _less_whole(a, b, torch.floor),
    "erfinv": torch.erfinv, "log_ndtr": torch.special.log_ndtr, "ndtri": torch.special.ndtri,
    "var": lambda xs, ddof: torch.var(torch.stack(xs), correction=ddof),
    "std": lambda xs, ddof: torch.std(torch.stack(xs), correction=ddof),
    "step": lambda x: (x > 0).double() + 0.0 * x.detach(), "sign": torch.sign, "maximum": torch.maximum,
    "minimum": torch.minimum, "clip": lambda x, low, high: torch.minimum(torch.maximum(x, low), high),
    "less": lambda a, b: (a < b).double(), "less_equal": lambda a, b: (a <= b).double(),
    "equal": lambda a, b: (a == b).double(), "not_equal": lambda a, b: (a != b).double(),
    "where": lambda c, a, b: torch.where(c != 0, a, b), "identity": lambda x: x * 1.0,
    "stop_gradient": lambda x: x.detach(), "erf": torch.erf, "erfc": torch.erfc,
    "normcdf": lambda x: 0.5 * torch.erfc(-x * math.sqrt(0.5)), "lgamma": torch.lgamma,
    "sum": lambda xs: torch.stack(xs).sum(),
    "prod": lambda xs: torch.stack(xs).prod(),
    "dot": lambda xs, ys, start: start + (torch.stack(xs) * torch.stack(ys)).sum(),
    "mean": lambda xs: torch.stack(xs).mean(), "norm": _norm,
    "logsumexp": lambda xs: torch.logsumexp(torch.stack(xs), 0),
    "cubed": lambda a: a * a * a, "ramp": torch.relu,
    "where equal": lambda a, b, c, d: torch.where(a == b, c, d),
    "where not equal": lambda a, b, c, d: torch.where(a != b, c, d),
    "one hot": lambda a, b, c: (a == 0).double() * b + (a == 1).double() * c,
    "take": lambda a, b, c, d: torch.stack([b, c, d])[((a > 0).long() + (a > 1).long())],
    "take plain": lambda a, b: b * 1.0, "squash": torch.tanh,
    "slope": lambda a, b: _slope(lambda t: t * t * b + torch.tanh(t), a),
    "moved": lambda a, b: _slope(lambda t: torch.sin(t) * b, a),
}  # fmt: skip

_KINKED = {ops.relu, ops.abs, ops.leaky_relu, ops.elu, ops.step, ops.sign, ops.pow, ops.norm, ops.xlogy, RAMP}
_TIED = {ops.maximum, ops.minimum, ops.clip}


def _meets_a_convention(program: Drawn) -> bool:
    """Whether some operation is at a point where libraries differ, or some number is not finite or of extreme size."""
    xs, ws = list(map(Value, program.inputs)), list(map(Value, program.leaves))
    known = [x for x in run(program, xs, ws)[1] if isinstance(x, Value)]
    for v in topological_order(*known):
        numbers = [x.data if isinstance(x, Value) else x for a in v.args for x in (a if isinstance(a, tuple) else (a,))]
        if not all(x == x and (x == 0.0 or 1e-100 < abs(x) < 1e100) for x in [*numbers, v.data, *v.local_derivatives]):
            return True
        if (v.op in _KINKED and 0.0 in numbers) or (v.op in _TIED and len(set(numbers)) < len(numbers)):
            return True
        if v.op in (ops.atan2, ops.hypot) and not any(numbers):
            return True
        if v.op is ops.std and len(set(numbers[:-1])) == 1:
            return True
        if v.op is ops.sinc and 0.0 < abs(numbers[0]) < 1e-3:
            return True
        if v.op in (ops.fmod, ops.mod) and abs(math.remainder(*numbers)) < 1e-9 * abs(numbers[0]):
            return True
    return False


def check(program: Drawn, numbers: Sequence[float], slack: Sequence[float]) -> list[str]:
    """How PyTorch differs; nothing if it cannot be compared."""
    if not all(step.name in TWINS for step in program.steps) or _meets_a_convention(program):
        return []
    known = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (*program.inputs, *program.leaves)]
    leaves = list(known)

    def operand(x: Any) -> Any:
        if type(x) is tuple:
            return [operand(item) for item in x]
        return known[x] if type(x) is int else torch.tensor(x, dtype=torch.float64)

    for step in program.steps:
        known.append(TWINS[step.name](*map(operand, step.args)))
    total = known[-1]
    for x in known[-3:-1]:
        total = total + 0.5 * x
    found = [0.0] * len(leaves)
    if total.requires_grad:
        grads = torch.autograd.grad(total, leaves, allow_unused=True)
        found = [0.0 if g is None else float(g) for g in grads]
    found.insert(0, float(total.detach()))
    room = [max(s, 1e-9 * (1.0 + abs(x))) for s, x in zip(slack, numbers, strict=True)]
    return [f"PyTorch: {found}, backward: {list(numbers)}"] if differs(found, numbers, room) else []
