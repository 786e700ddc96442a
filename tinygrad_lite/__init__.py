"""tinygrad_lite: write scalar Python, see every number and every derivative in the graph.

>>> from tinygrad_lite import Value
>>> x = Value(3.0, label="x"); y = (x * x + 1).log(); y.backward()
>>> round(x.grad, 3)
0.6
"""

from __future__ import annotations

import importlib

from .source.engine_choice import choose_engine, warn_of_stale_engine

choose_engine()

from . import ops  # noqa: E402  the engine is chosen before anything imports it
from .engine import Value, backward, later, methods  # noqa: E402
from .ops import log_softmax, softmax  # noqa: E402
from .recording.modes import detect_anomaly, enable_grad, no_grad  # noqa: E402

warn_of_stale_engine()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import diagnosis as diagnosis
    from . import engine as engine
    from . import errors as errors
    from . import explanation as explanation
    from . import formula as formula
    from . import nn as nn
    from . import optim as optim
    from . import train as train
    from . import transforms as transforms
    from . import viz as viz
    from .compiler import compile as compile
    from .diagnosis import diagnose as diagnose
    from .diagnosis import lr_find as lr_find
    from .explanation import compare as compare
    from .explanation import explain as explain
    from .explanation import explain_nan as explain_nan
    from .formula import Formula as Formula
    from .implicit.fixed_point_equation import fixed_point as fixed_point
    from .ops import *  # noqa: F403
    from .recording.gradient_hooks import register_hook as register_hook
    from .recording.random_source import Draws as Draws
    from .recurrence import scan as scan
    from .transforms import check as check
    from .transforms.check import gradcheck as gradcheck
    from .transforms.custom import custom_op as custom_op
    from .transforms.derivatives import grad as grad
    from .transforms.derivatives import gradients as gradients
    from .transforms.derivatives import hessian as hessian
    from .transforms.derivatives import hvp as hvp
    from .transforms.derivatives import jacobian as jacobian
    from .transforms.derivatives import jvp as jvp
    from .transforms.derivatives import value_and_grad as value_and_grad
    from .transforms.derivatives import vjp as vjp
    from .transforms.flattening import ravel as ravel
    from .transforms.sparse_derivatives import sparse_hessian as sparse_hessian
    from .transforms.sparse_derivatives import sparse_jacobian as sparse_jacobian
    from .transforms.sparse_matrix import SparseMatrix as SparseMatrix
    from .viz import draw_dot as draw_dot

__version__ = "0.2.0"

_MODULES = (
    "check", "diagnosis", "engine", "errors", "explanation", "formula", "nn", "ops", "optim", "train", "transforms",
    "viz",
)  # fmt: skip
_INNER = {"check": "transforms.check"}
"""The modules of that list that are in a folder."""
_LAZY = {
    "Draws": "recording.random_source",
    "Formula": "formula",
    "SparseMatrix": "transforms.sparse_matrix",
    "compile": "compiler",
    "compare": "explanation",
    "custom_op": "transforms.custom",
    "diagnose": "diagnosis",
    "draw_dot": "viz",
    "explain": "explanation",
    "explain_nan": "explanation",
    "fixed_point": "implicit",
    "gradcheck": "transforms.check",
    "lr_find": "diagnosis",
    "ravel": "transforms.flattening",
    "register_hook": "recording.gradient_hooks",
    "scan": "recurrence",
    "sparse_hessian": "transforms.sparse_derivatives",
    "sparse_jacobian": "transforms.sparse_derivatives",
    **dict.fromkeys(("grad", "gradients", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"), "transforms"),
}
for _name in ("explore", "graph"):
    methods[_name] = f"{__name__}.viz:{_name}"
methods["__array_ufunc__"] = f"{__name__}.recording.ufuncs:applied"
methods["register_hook"] = f"{__name__}.recording.gradient_hooks:register_hook"
methods["formula"] = f"{__name__}.formula:Formula"
for _name in ("explain", "explain_nan", "compare"):
    methods[_name] = f"{__name__}.explanation:{_name}"
methods.update(ops.COMPOSITIONS)
later["matrix_form"] = f"{__name__}.viz.matrix_report:matrix_form"
later["rolled_tree"] = f"{__name__}.compiler.trace.plain_loops:rolled_tree"
later["with_scans"] = f"{__name__}.recurrence.rolled_loops:with_scans"

# `from tinygrad_lite import *` must not hide builtins: these names are written `tinygrad_lite.sum(...)`.
_BUILTINS = {"abs", "compile", "pow", "round", "sum"}
__all__ = ["Value", "backward", "detect_anomaly", "enable_grad", "log_softmax", "no_grad", "softmax", *_MODULES]
__all__ += [name for name in (*_LAZY, *ops.COMPOSITIONS, *ops.TABLE) if name not in _BUILTINS]


def __getattr__(name: str) -> object:
    if name in ops.TABLE:
        return ops.TABLE[name]
    if name in ops.COMPOSITIONS:
        return ops.COMPOSITIONS[name]
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_INNER.get(name, name)}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_BUILTINS})
