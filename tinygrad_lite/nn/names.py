"""The error for a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable

from ..text.wording import or_the_closest


def unknown_name(what: str, name: str, known: Iterable[str]) -> ValueError:
    """Names the closest of the known ones, then all of them.

    >>> print(unknown_name("fruit", "Aple", ["apple", "pear"]))
    no fruit is called 'Aple', did you mean 'apple'? Known are: apple, pear
    """
    known = list(known)
    return ValueError(f"no {what} is called {name!r}{or_the_closest(name, known)} Known are: {', '.join(known)}")
