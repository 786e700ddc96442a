"""The error for a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable


def unknown_name(what: str, name: str, known: Iterable[str]) -> ValueError:
    """Names the closest of the known ones, then all of them.

    >>> print(unknown_name("fruit", "Aple", ["apple", "pear"]))
    no fruit is called 'Aple', did you mean 'apple'? Known are: apple, pear
    """
    from difflib import get_close_matches

    known = list(known)
    close = get_close_matches(name.lower(), known, n=1)
    hint = f", did you mean {close[0]!r}?" if close else "."
    return ValueError(f"no {what} is called {name!r}{hint} Known are: {', '.join(known)}")
