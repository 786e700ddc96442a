"""Turns labels into Python identifiers, so that formulas are valid Python for any label."""

from __future__ import annotations

import keyword
import re
import unicodedata

from .. import ops


def identifier(label: str) -> str:
    """The label as a Python name that is not a keyword or an operation; "" if nothing is left of it.

    >>> identifier("w.0"), identifier("exp"), identifier("2nd $"), identifier("lambda"), identifier("!?")
    ('w_0', 'exp_', '_2nd', 'lambda_', '')
    """
    # Python normalizes names to this form, so names can only be looked up in it.
    text = unicodedata.normalize("NFKC", label)
    name = "".join(c if f"a{c}".isidentifier() else "_" for c in text).rstrip("_")
    if name and not name.isidentifier():
        name = f"_{name}"
    return (
        f"{name}_" if keyword.iskeyword(name) or name in ops.TABLE or name in ops.ALIASES or name == "float" else name
    )


def is_element(name: str) -> bool:
    """Whether a name is that of an element, such as xs[0].

    >>> is_element("xs[0]"), is_element("x")
    (True, False)
    """
    return re.fullmatch(r"[^\W\d]\w*\[\d+\]", name) is not None
