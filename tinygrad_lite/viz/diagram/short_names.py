"""Shortens names so that those of different things stay different."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from ...text.wording import JOINERS, shortened, visible


def short_names(names: Iterable[str], limit: int) -> dict[str, str]:
    """A short form of each name, of at most `limit` characters where that tells all names apart.

    A long name keeps its beginning. Where names would read the same then, they keep their beginning and their end, and
    where they still would, they are not cut.

    >>> short_names(["encoder.weight", "encoder.bias"], 9)["encoder.bias"]
    'enc….bias'
    """
    found: dict[str, str] = {}
    left = set(names)
    for short in (shortened, _with_its_end, lambda name, _: visible(name)):
        alike: dict[str, list[str]] = defaultdict(list)
        for name in left:
            alike[short(name, limit)].append(name)
        alone = {some[0]: text for text, some in alike.items() if len(some) == 1}
        found |= alone
        left -= alone.keys()
    return found | {name: visible(name) for name in left}


def _with_its_end(name: str, limit: int) -> str:
    shown = visible(name)
    if len(shown) <= limit:
        return shown
    kept = limit // 3
    return shown[:kept].rstrip(JOINERS) + "…" + shown[kept + 1 - limit :].lstrip(JOINERS)
