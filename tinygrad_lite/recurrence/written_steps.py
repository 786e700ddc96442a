"""The numbers of a scan recorded step by step, so that every result is a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..compiler.autodiff import recorded_anew
from ..engine import Value
from .scan_body import Body, Columns, Numbering, Vector


def written_out(
    body: Body, at: Numbering, carry: Sequence[Any], read: Sequence[Columns], captured: Sequence[tuple[Value, Any]]
) -> Vector:
    """All numbers, from the carry at first, what steps read, and what the body captured and what stands for it."""
    found: Vector = [0.0] * at.size
    rows = [part.rows(at.steps) for part in read]
    inside = [v for part in read for v in part.inside]
    for place, x in zip(at.first, carry, strict=True):
        found[place] = x
    for t in at.order:
        instead = dict(zip([*body.carry, *inside], [*carry, *[x for row in rows for x in row[t]]], strict=True))
        instead.update(captured)
        outputs = recorded_anew(body.outputs, instead, all_of_them=True)
        carry, given = outputs[: at.carried], outputs[at.carried :][: at.given]
        for k, x in enumerate(carry):
            found[at.carry(k, t + 1 - at.backward)] = x
        for k, x in enumerate(given):
            found[at.given_by(t, k)] = x
        for k, x in enumerate(outputs[at.carried + at.given :]):
            found[at.sum(k)] = found[at.sum(k)] + x
    for k in range(at.given):
        found[at.total(k)] = ops.sum(found[at.given_by(0, k) :][: at.steps])
    return found
