"""Chooses the parts of expressions that get names, on lines of their own: those that are shared, large or deep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .. import ops
from .expression import Expression, Operation, is_one, terms_of

_SHARED, _LARGE = 4, 6
"""The sizes from which a part gets a name: if it is used twice, and if its line is too long."""
_DEEPEST = 6
"""Brackets nested deeper than this are hard to read."""


def parts_to_name(
    order: Sequence[Expression], roots: Sequence[Expression], limit: int, shared: bool
) -> list[Expression]:
    """The parts that get names, so that no line exceeds the limit; none if everything fits in one line."""
    size: dict[Expression, int] = {}
    for e in order:
        size[e] = min(_size(e, size), limit + 1)
    if all(size[root] <= limit for root in roots):
        return []
    depth: dict[Expression, int] = {}
    uses = Counter(part for e in order if isinstance(e, Operation) for part in e.parts)
    named = set()
    for e in order:
        size[e] = _size(e, size)
        if size[e] > limit and isinstance(e, Operation):
            for part, times in sorted(Counter(e.parts).items(), key=lambda item: -size[item[0]]):
                if size[e] <= limit or size[part] < _LARGE:
                    break
                size[e] -= times * (size[part] - 1)
                size[part] = 1
                named.add(part)
        depth[e] = 0
        if isinstance(e, Operation):
            depth[e] = max([depth[part] for part in e.parts], default=0) + (e.op not in (ops.prod, ops.pow))
        if (shared and uses[e] > 1 and size[e] >= _SHARED) or (uses[e] and depth[e] >= _DEEPEST):
            named.add(e)
            size[e], depth[e] = 1, 0
    return [e for e in order if e in named and (shared or e not in roots)]


def _size(e: Expression, size: dict[Expression, int]) -> int:
    """The number of names, numbers and functions in an expression's text."""
    if not isinstance(e, Operation):
        return 1
    own = 0 if e.op in (ops.prod, ops.pow) else 1
    if e.op is ops.dot:
        own = sum(c not in (1, -1) and not is_one(term) for c, term in terms_of(e))
    return own + sum(size[part] for part in e.parts)
