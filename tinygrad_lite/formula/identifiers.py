"""Labels as Python identifiers, so that formulas are valid Python whatever a label holds."""

from __future__ import annotations

import keyword
import re
import unicodedata

from .. import ops


def identifier(label: str) -> str:
    """The label as a name that is neither a keyword nor an operation; "" where nothing is left of it.

    >>> identifier("w.0"), identifier("exp"), identifier("2nd $"), identifier("lambda"), identifier("!?")
    ('w_0', 'exp_', '_2nd', 'lambda_', '')
    """
    # Python reads names in this normal form, so it is the only one in which they can be looked up.
    text = unicodedata.normalize("NFKC", label)
    name = "".join(c if f"a{c}".isidentifier() else "_" for c in text).rstrip("_")
    if name and not name.isidentifier():
        name = f"_{name}"
    return (
        f"{name}_" if keyword.iskeyword(name) or name in ops.TABLE or name in ops.ALIASES or name == "float" else name
    )


def is_element(name: str) -> bool:
    """
    >>> is_element("xs[0]"), is_element("x")
    (True, False)
    """
    return re.fullmatch(r"[^\W\d]\w*\[\d+\]", name) is not None
