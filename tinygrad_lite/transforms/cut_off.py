"""Warns when a transform returns plain numbers that depend on leaves, since no gradient can reach these leaves."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from ..engine import Value, topological_order
from ..errors import CutOffWarning
from ..ops import no_gradient
from ..source.source_lines import calling_frame

_LINEAR = frozenset((
    "add", "sub", "neg", "sum", "mean", "fmod", "mod", "identity", "abs", "relu", "maximum", "minimum", "clip", "where",
    "take",
))  # fmt: skip
"""Rows with constant derivatives, wherever they are defined."""
_shown: dict[tuple[Any, ...], str] = {}
_MOST = 1000


def cut_off(y: Any, xs: Sequence[Value], older: Sequence[Value], itself: bool) -> Value | None:
    """One of the older leaves on which the derivatives of y by xs (with `itself`, also y) depend, or None.

    A row that is not known to be linear counts as nonlinear in all its arguments.

    >>> x, w = Value(1.0), Value(2.0)
    >>> cut_off(x * x + w, [x], [w], False), cut_off(x * w, [x], [w], False) is w
    (None, True)
    """
    leaves, moved = set(older), set(xs)
    below: dict[Value, Value] = {}
    for v in topological_order(y) if isinstance(y, Value) else ():
        if v.op is None:
            if v in leaves:
                below[v] = v
            continue
        parents = list(_passing(v))
        leaf = next((below[p] for p in parents if p in below), None)
        if leaf is not None:
            below[v] = leaf
        if moved.isdisjoint(parents):
            continue
        moved.add(v)
        if leaf is not None:
            for p, q in _curved(v, parents):
                if p in moved and q in below:
                    return below[q]
    return below.get(y) if itself else None


def _passing(v: Value) -> Iterator[Value]:
    """The parents that get gradients."""
    assert v.op is not None
    for rule, arg in zip(v.op.rules, v.args, strict=True):
        if rule is not no_gradient:
            for x in arg if type(arg) is tuple else (arg,):
                if isinstance(x, Value):
                    yield x


def _curved(v: Value, parents: Sequence[Value]) -> Iterator[tuple[Any, Any]]:
    """Yields pairs (p, q) such that the derivative by p depends on q."""
    assert v.op is not None
    if v.op.name in _LINEAR:
        return
    if v.op.name in ("mul", "dot", "div"):
        a, b, *_ = [arg if type(arg) is tuple else (arg,) for arg in v.args]
        for p, q in zip(a, b, strict=True):
            yield p, q
            yield q, p
            if v.op.name == "div":
                yield q, q
        return
    for p in parents:
        for q in parents:
            yield p, q


def warn_of(what: str, f: Any, y: Any, xs: Sequence[Value], older: Sequence[Value], itself: bool) -> bool:
    """Warns at the calling line outside this package if a leaf is cut off; f is the function that was differentiated.

    Returns whether it warned.
    """
    frame = calling_frame()
    site = frame.f_code.co_filename, frame.f_lineno, what, getattr(f, "__code__", type(f))
    text = _shown.get(site)  # the search for a leaf is not repeated at a line that was warned of
    if text is None:
        leaf = cut_off(y, xs, older, itself)
        if leaf is None:
            return False
        name = leaf.label or leaf.path or repr(leaf)
        if len(_shown) == _MOST:
            _shown.clear()
        text = _shown[site] = (
            f"{what} was called with numbers and gives numbers; these also depend on {name}, which no gradient will "
            "reach. Pass a Value instead of a number, or compile the function around it; if you only want the numbers, "
            "call it under no_grad()"
        )
    _warn_at(frame, text)
    return True


def warn_of_floats(what: str, instead: str) -> None:
    """Warns that floats are returned inside a function that is being differentiated."""
    _warn_at(calling_frame(), f"{what} inside a transform's function gives floats, which no gradient enters: {instead}")


def _warn_at(frame: FrameType, text: str) -> None:
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    module = frame.f_globals.get("__name__") or frame.f_code.co_filename
    warnings.warn_explicit(text, CutOffWarning, frame.f_code.co_filename, frame.f_lineno, module, registry)
