"""Writes expressions as LaTeX, with only what Jupyter's MathJax understands."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Any

from .. import ops
from ..ops import Op
from .expression import Expression, Operation, Symbol
from .printing import ATOM, POWER, PRODUCT, SUM, Text, Written

_GREEK = frozenset(
    re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega",
    )
)
_NAME = re.compile(r"([^\W\d_]+)(?:[._]?(\d+)|[._]([A-Za-z0-9._]+)|\[(\d+)\])?")
_WORDS = (r"\mathrm", r"\text", "{")
# A space after < keeps HTML from reading the following text as a tag.
_SPECIAL = {c: f"\\{c}" for c in "$_{}#%&"} | {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim ", "<": "< "}


class Latex(Text):
    """Writes expressions as Text does, in LaTeX's math mode."""

    left_out = r"\dots"

    def name(self, name: str) -> str:
        return _pretty(name) or name

    def symbols(self, symbols: Sequence[Symbol]) -> dict[Expression, str]:
        """The LaTeX of each symbol: the first spelling that no other symbol has taken."""
        taken = set(self._names.values())
        found: dict[Expression, str] = {}
        for s in symbols:
            plain = spelled(s.name)
            text = next(
                t for t in (_pretty(s.label) or spelled(s.label), _pretty(s.name), plain) if t and t not in taken
            )
            taken.add(text)
            found[s] = text
        return found

    def derivative_of(self, written: Written, by: Sequence[Symbol]) -> str:
        d = "d" if len(self._symbols) < 2 else r"\partial"
        groups = [(self._symbols[s], len(list(same))) for s, same in groupby(by)]
        above = f"{d}^{{{len(by)}}}" if len(by) > 1 else d
        below_line = r" \, ".join(f"{d} {name}^{{{n}}}" if n > 1 else f"{d} {name}" for name, n in groups)
        return rf"\frac{{{above}}}{{{below_line}}} {self.held(written, POWER)}"

    def digits(self, value: int | float) -> Written:
        if not math.isfinite(value):
            return Written(r"\mathrm{NaN}" if value != value else r"\infty", ATOM)
        mantissa, e, exponent = repr(value).partition("e")
        if not e:
            return Written(mantissa, ATOM)
        power = f"10^{{{int(exponent)}}}"
        return Written(power, POWER) if mantissa == "1" else Written(rf"{mantissa} \cdot {power}", PRODUCT)

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)"

    def multiplied(self, factors: list[Written]) -> Written:
        if len(factors) == 1:
            return factors[0]
        texts = [self.held(factor, PRODUCT) for factor in factors]
        text = texts[0]
        for before, after in pairwise(texts):
            apart = before.startswith(_WORDS) or after.startswith(_WORDS)
            text += (r" \cdot " if after[0].isdigit() else r" \, " if apart else " ") + after
        return Written(text, PRODUCT)

    def divided(self, above: Written, under: Written) -> Written:
        return Written(rf"\frac{{{above.text}}}{{{under.text}}}", PRODUCT)

    def power(self, base: Written, exponent: Written) -> Written:
        return Written(f"{self.held(base, ATOM)}^{{{exponent.text}}}", POWER)

    def call(self, op: Op, args: tuple[Any, ...]) -> Written:
        form = _FORMS.get(op)
        if form is not None:
            return form(self, *args)
        if len(args) == 1 and type(args[0]) is tuple:
            inside = ", ".join(map(self.of, args[0]))
        else:
            inside = ", ".join(self.arguments(op, args))
        return Written(_function(op.name) + self.bracketed(inside), ATOM)

    def sequence(self, texts: Sequence[str]) -> str:
        return rf"\left[{', '.join(texts)}\right]"

    def condition(self, e: Expression) -> str:
        """The condition that e is not 0, as text."""
        if isinstance(e, Operation) and e.op in _RELATIONS and not self.is_named(e):
            return f"{self.of(e.args[0])} {_RELATIONS[e.op]} {self.of(e.args[1])}"
        return rf"{self.of(e)} \neq 0"


def spelled(text: str) -> str:
    r"""Any text in upright letters, escaped so that LaTeX and HTML find no command in it.

    >>> print(spelled("a b_{$\\"))
    {\text{a b}\_\{\$\backslash }
    """
    shown = "".join(c if c.isprintable() else " " for c in text).strip()
    runs = [run for run in re.split(r"([$_{}#%&\\^~<])", shown) if run]
    texts = [_SPECIAL.get(run) or rf"\text{{{run}}}" for run in runs]
    return f"{{{''.join(texts)}}}" if len(texts) > 1 else "".join(texts)


def _pretty(name: str) -> str:
    r"""A name that is a letter, a Greek letter or a word, with its subscript, in LaTeX; "" for other names.

    >>> _pretty("w_in"), _pretty("alpha2"), _pretty("loss"), _pretty("a b")
    ('w_{in}', '\\alpha_{2}', '\\mathrm{loss}', '')
    """
    found = _NAME.fullmatch(unicodedata.normalize("NFKC", name))
    if not found:
        return ""
    letters, *subscripts = found.groups()
    if len(letters) == 1 and not letters.isascii():
        kind, _, letter = unicodedata.name(letters, "").replace("LAMDA", "LAMBDA").partition(" LETTER ")
        letters = {"GREEK SMALL": letter.lower(), "GREEK CAPITAL": letter.capitalize()}.get(kind, "")
    if letters in _GREEK:
        letters = f"\\{letters}"
    elif not letters.isascii() or not letters:
        return ""
    elif len(letters) > 1:
        letters = rf"\mathrm{{{letters}}}"
    subscript = ",".join(re.findall(r"[^._]+", next((s for s in subscripts if s), "")))
    return f"{letters}_{{{subscript}}}" if subscript else letters


def _function(name: str) -> str:
    if name in _FUNCTIONS:
        return f"\\{_FUNCTIONS[name]}"
    escaped = name.replace("_", r"\_")
    return rf"\operatorname{{{escaped}}}"


def _cases(page: Latex, condition: Expression, a: Expression, b: Expression) -> Written:
    lines = rf"{page.of(a)} & \text{{if }} {page.condition(condition)} \\ {page.of(b)} & \text{{otherwise}}"
    return Written(rf"\begin{{cases}} {lines} \end{{cases}}", SUM)


def _indicator(page: Latex, a: Expression, b: Expression, relation: str) -> Written:
    """Iverson's brackets: 1 where the relation holds, else 0."""
    return Written(rf"\left[{page.of(a)} {relation} {page.of(b)}\right]", ATOM)


# Rows that are not written by their names: they have a LaTeX command or a form of their own.
_FUNCTIONS = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "maximum": "max", "minimum": "min",
    "log2": "log_{2}", "log10": "log_{10}",
    **{name: name for name in ("log", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
}  # fmt: skip
_RELATIONS = {ops.less: "<", ops.less_equal: r"\leq", ops.equal: "=", ops.not_equal: r"\neq"}
_FORMS: dict[Op, Callable[..., Written]] = {
    ops.abs: lambda page, x: Written(rf"\left|{page.of(x)}\right|", ATOM),
    ops.sqrt: lambda page, x: Written(rf"\sqrt{{{page.of(x)}}}", ATOM),
    ops.cbrt: lambda page, x: Written(rf"\sqrt[3]{{{page.of(x)}}}", ATOM),
    ops.exp2: lambda page, x: Written(f"2^{{{page.of(x)}}}", POWER),
    ops.exp: lambda page, x: Written(f"e^{{{page.of(x)}}}", POWER),
    ops.where: _cases,
    **{op: functools.partial(_indicator, relation=text) for op, text in _RELATIONS.items()},
}
