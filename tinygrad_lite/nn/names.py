"""The error for an unknown name."""

from __future__ import annotations

from collections.abc import Iterable

from ..text.wording import or_the_closest


def unknown_name(what: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for an unknown name: it suggests the closest known name, then lists all of them.

    >>> print(unknown_name("fruit", "Aple", ["apple", "pear"]))
    no fruit is called 'Aple', did you mean 'apple'? Known are: apple, pear
    """
    known = list(known)
    return ValueError(f"no {what} is called {name!r}{or_the_closest(name, known)} Known are: {', '.join(known)}")
