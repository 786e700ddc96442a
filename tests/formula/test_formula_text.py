"""How formulas are written: exact texts, labels that are no identifiers, numbers, LaTeX, named parts."""

from __future__ import annotations

import math
import re

import pytest
from table import points
from test_formula import ROWS, a, agrees, b, w, x

from tinygrad_lite import Value, ops
from tinygrad_lite.formula import Formula
from tinygrad_lite.ops import Op
from tinygrad_lite.transforms.derivatives import gradients

mathtext = pytest.importorskip("matplotlib.mathtext")

# A graph, its text, and the text of its derivative by x.
TEXTS: list[tuple[Value, str, str]] = [
    ((w * x + b).tanh(), "tanh(w*x + b)", "w * (1 - tanh(w*x + b)**2)"),
    (x * x + 2 * x + 1, "x**2 + 2*x + 1", "2*x + 2"),
    (1 - x, "1 - x", "-1"),
    (-x + b, "b - x", "-1"),
    (-(x - b), "-(x - b)", "-1"),
    (a - (b - x), "a - b + x", "1"),
    (x + x + x, "3*x", "3"),
    (x - x, "0", "0"),
    (0.5 * x * x, "0.5*x**2", "x"),
    (x * 1e-6, "1e-06*x", "1e-06"),
    (x / 3, "x/3", "1/3"),
    (x / 0.3, "x/0.3", "1/0.3"),
    (1 / x, "1/x", "-1/x**2"),
    (a / (b * x), "a / (b*x)", "-a / (b*x**2)"),
    (3 / (x + 1) ** 2, "3/(x + 1)**2", "-6/(x + 1)**3"),
    (x * b / x, "b", "0"),
    (x**3, "x**3", "3*x**2"),
    ((-x) ** 2, "x**2", "2*x"),
    ((-x) ** 3, "-x**3", "-3*x**2"),
    ((-x) ** -3, "-1/x**3", "3/x**4"),
    ((-x) ** 0.5, "(-x)**0.5", "-0.5*(-x)**-0.5"),
    ((x**2) ** 3, "x**6", "6*x**5"),
    ((x**2) ** 0.5, "(x**2)**0.5", "x*(x**2)**-0.5"),
    (x**0.5, "x**0.5", "0.5*x**-0.5"),
    (x.sqrt(), "sqrt(x)", "0.5/sqrt(x)"),
    (2**x, "2**x", "0.6931471805599453*2**x"),
    ((x + 1) * (x + 1), "(x + 1)**2", "2 * (x + 1)"),
    (2 * (x + b), "2 * (x + b)", "2"),
    (x.exp() * x.exp(), "exp(x)**2", "2*exp(x)**2"),
    (x.sin() * x, "x*sin(x)", "x*cos(x) + sin(x)"),
    (x.sigmoid(), "sigmoid(x)", "sigmoid(x) * (1 - sigmoid(x))"),
    (abs(x), "abs(x)", "sign(x)"),
    (x.leaky_relu(), "leaky_relu(x)", "where(step(x), 1, 0.01)"),
    (x.leaky_relu(0.2), "leaky_relu(x, 0.2)", "where(step(x), 1, 0.2)"),
    (x.less(b) * x, "x*less(x, b)", "less(x, b)"),
    (x.stop_gradient() * x, "x*stop_gradient(x)", "stop_gradient(x)"),
    (x.step().where(x.sqrt(), 0.0) * b, "where(step(x), b*sqrt(x), 0)", "where(step(x), 0.5*b/sqrt(x), 0)"),
    (x.clip(0, math.inf), 'clip(x, 0, float("inf"))', 'where(less_equal(0, x)*less_equal(x, float("inf")), 1, 0)'),
    (ops.polygamma(0.0, x), "polygamma(0, x)", "polygamma(1, x)"),
    (x % 3, "mod(x, 3)", "1"),
    (7 % x, "mod(7, x)", "-round((7 - mod(7, x))/x)"),
    (x.round(), "round(x)", "0"),
    (x.erfinv(), "erfinv(x)", "0.8862269254527579*exp(erfinv(x)**2)"),
    (ops.dot([w, 2.0], [x, a], b), "w*x + 2*a + b", "w"),
    (ops.sum([x, w, x]), "2*x + w", "2"),
    (ops.mean([x, w]), "(x + w)/2", "1/2"),
    (ops.prod([x, w, x]), "x**2*w", "2*w*x"),
    (ops.norm([x, w]), "norm([x, w])", "where(norm([x, w]), x/norm([x, w]), norm([x, w]) + sqrt(norm([x, w])))"),
    (ops.take([x, w], Value(1.0, "i")), "take([x, w], i)", "where(equal(i, 0), 1, 0)"),
    (x.equal(b) * x + x.not_equal(2), "x*equal(x, b) + not_equal(x, 2)", "equal(x, b)"),
]  # fmt: skip


@pytest.mark.parametrize(("y", "text", "derivative"), TEXTS, ids=[text for _, text, _ in TEXTS])
def test_texts(y: Value, text: str, derivative: str) -> None:
    f = Formula(y)
    assert str(f) == text
    if "x" in f.leaves:
        assert str(f.derivative(x)) == derivative


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *[(2.0, "2"), (-3.0, "-3"), (0.5, "0.5"), (0.1 + 0.2, "0.30000000000000004"), (-0.0, "-0.0")],
        *[(1e-6, "1e-06"), (2.0**53, "9007199254740992"), (1e16, "1e+16")],
        *[(math.inf, 'float("inf")'), (-math.inf, '-float("inf")'), (math.nan, 'float("nan")')],
    ],
)
def test_numbers(number: float, text: str) -> None:
    assert str(Formula(number)) == text
    assert repr(float(eval(text))) == repr(number)
    assert str(Formula(x.atan2(number))) == f"atan2(x, {text})"


def test_equations() -> None:
    f = Formula((w * x + b).tanh())
    assert f.equation == str(f) == "tanh(w*x + b)"
    first = f.derivative("x")
    assert first.equation == "d/dx tanh(w*x + b) = w * (1 - tanh(w*x + b)**2)"
    assert first.derivative("x").equation.startswith("d2/dx2 tanh(w*x + b) = -2 * w**2 * tanh(w*x + b) * (1")
    assert Formula(x**2 * w**3).derivative(x).derivative(w).derivative(w).equation == "d3/dx dw2 (x**2*w**3) = 12*x*w"
    assert Formula(x * w).derivative(x).equation == "d/dx (x*w) = w"
    assert Formula(x - x).derivative(x).equation == "d/dx 0 = 0"
    assert first._repr_latex_() == (
        r"$\displaystyle \frac{\partial}{\partial x} \tanh\left(w x + b\right) "
        r"= w \left(1 - \tanh\left(w x + b\right)^{2}\right)$"
    )
    cube = Formula(x**3).derivative(x).derivative(x)
    assert cube.latex(equation=True) == r"\frac{d^{2}}{d x^{2}} x^{3} = 6 x"
    assert (first + 1).equation == str(first + 1)


def test_large_parts_and_shared_ones_are_named() -> None:
    h = (w * x + b).tanh()
    f = Formula((h * a + b).sigmoid() * h + (h * b + a).sigmoid(), limit=16)
    assert f.lines == ["t1 = tanh(w*x + b)", "t1*sigmoid(t1*a + b) + sigmoid(t1*b + a)"]
    assert f.derivative(x).lines[0] == "t1 = tanh(w*x + b)"
    assert f.derivative(x).equation.splitlines()[0] == "t1 = tanh(w*x + b)"
    assert f.latex().splitlines() == [
        r"\begin{aligned}",
        r"t_{1} &= \tanh\left(w x + b\right) \\",
        r"& t_{1} \operatorname{sigmoid}\left(t_{1} a + b\right) + \operatorname{sigmoid}\left(t_{1} b + a\right)",
        r"\end{aligned}",
    ]
    assert len(Formula((h * a + b).sigmoid() * h + (h * b + a).sigmoid(), limit=None).lines) == 1


def test_lines_are_short_and_define_what_they_use() -> None:
    h = [(w * x + k).tanh() for k in range(4)]
    for _ in range(20):
        h = [ops.dot(h, [w, b, a, x], p.sin()).tanh() for p in h]
    f = Formula(ops.sum(h)).derivative(x)
    defined = set(f.leaves)
    for line in f.lines:
        name, _, text = line.rpartition(" = ")
        assert set(re.findall(r"\b(?:t\d+|[a-z])\b", text)) <= defined and len(text) < 300
        defined.add(name)
    agrees(f, gradients(ops.sum(h), [x], create_graph=True)[0])
    text = str(f).splitlines()
    assert len(f.lines) > 100 and len(text) == 101
    assert text[50] == f"# ... {len(f.lines) - 100:,} more lines" and [*text[:50], *text[51:]] == [
        *f.lines[:50],
        *f.lines[-50:],
    ]
    assert f.latex().count("\n") == 102 and well_formed(f.latex())


def test_names_of_parts_are_not_those_of_leaves() -> None:
    t1 = Value(0.5, "t1")
    h = (t1 * x + b).tanh()
    f = Formula(h.sigmoid() * h, limit=4)
    assert f.lines == ["t2 = tanh(t1*x + b)", "t2*sigmoid(t2)"]


def test_leaves_are_named_by_their_labels_first() -> None:
    first, second, third = Value(2.0), Value(3.0, "x1"), Value(4.0, "x1")
    f = Formula(first * second * third * Value(5.0))
    assert str(f) == "x2*x1*x1_2*x3"
    assert f.leaves["x2"] is first and f.leaves["x1"] is second and f.leaves["x1_2"] is third
    assert str(f.derivative("x1")) == "x2*x3*x1_2" == str(f.derivative(second))


# Labels that would break Python or LaTeX, collide with functions, with names of parts or with each other.
HOSTILE = [
    "", " ", "a b", "a_b", "a__b", "$", "$x$", "\\", r"\alpha", "'", '"', "`", "x'", "{", "}{", "#", "%", "&", "^", "~",
    "<script>", "a<b", "x\ny", "\t", "\u202e", "é", "переменная", "变量", "x²", "①", "ﬁ", "μ", "Ω", "α_1",  # noqa: RUF001
    "\U0001f600", "lambda", "None", "exp", "less", "arctan2", "float", "__debug__", "t1", "t_1", "t2", "x1", "x_1",
    "x.1", "x[1]", "x2", "1", "2nd", "w.0", "w_in", "alpha", "Delta", "_", "__", "x_", "g*h", "x", "x", "x", "x_2",
]  # fmt: skip


def well_formed(tex: str) -> bool:
    r"""Braces, \left and \right, and environments match; nothing is left that would start mathematics or a comment."""
    bare = re.sub(r"\\[{}$%#&_]", "", tex.replace(r"\\", ""))
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        if depth < 0:
            return False
    pairs = [(r"\left", r"\right"), (r"\begin", r"\end")]
    matched = all(len(re.findall(rf"\{p}\b", bare)) == len(re.findall(rf"\{q}\b", bare)) for p, q in pairs)
    return depth == 0 and matched and not re.search(r"[$%#]", bare)


def typeset(tex: str) -> None:
    r"""matplotlib reads it, all but environments and \&, which it does not know."""
    assert well_formed(tex), tex
    if r"\begin" not in tex:
        mathtext.MathTextParser("path").parse("$" + tex.replace(r"\&", "+") + "$")


def test_hostile_labels() -> None:
    leaves = [Value(0.01 * k + 0.3, label) for k, label in enumerate(HOSTILE)] + [Value(2.0), Value(3.0)]
    y = ops.sum([leaf.tanh() * leaf for leaf in leaves])
    f = Formula(y, limit=30)
    assert set(f.leaves.values()) == set(leaves) and all(name.isidentifier() for name in f.leaves)
    agrees(f, y)
    agrees(Formula(y.clip(0, math.inf)), y)
    for leaf in leaves:
        agrees(f.derivative(leaf), gradients(y, [leaf], create_graph=True)[0])
    typeset(f.latex())
    spelled = {Formula(leaf * 2).latex() for leaf in leaves if leaf.label not in ("", " ", "x")}
    for tex in spelled:
        typeset(tex)
    everywhere = Formula(y, limit=None).latex()
    found = re.findall(r"\\tanh\\left\((.*?)\\right\)", everywhere)
    assert len(found) == len(set(found)) == len(leaves)


FORMULA_TEX: list[tuple[Value, str]] = [
    ((w * x + b).tanh(), r"\tanh\left(w x + b\right)"),
    (x / (w * b), r"\frac{x}{w b}"),
    (x * 1e-6 + 2.5e-7, r"10^{-6} x + 2.5 \cdot 10^{-7}"),
    (2**x * 3, r"3 \cdot 2^{x}"),
    (x**-0.5, r"x^{-0.5}"),
    ((x + 1) ** 2, r"\left(x + 1\right)^{2}"),
    (abs(x) + x.sqrt() + x.exp(), r"\left|x\right| + \sqrt{x} + e^{x}"),
    (3 * x.exp2() + x.cbrt(), r"3 \cdot 2^{x} + \sqrt[3]{x}"),
    (x.log2() + x.log10(), r"\log_{2}\left(x\right) + \log_{10}\left(x\right)"),
    (x.maximum(w), r"\max\left(x, w\right)"),
    (x.asin(), r"\arcsin\left(x\right)"),
    (x.stop_gradient(), r"\operatorname{stop\_gradient}\left(x\right)"),
    (ops.norm([x, w]), r"\operatorname{norm}\left(x, w\right)"),
    (ops.take([x, w], b.less(0.0)), r"\operatorname{take}\left(\left[x, w\right], \left[b < 0\right]\right)"),
    (x.clip(-math.inf, 1.0), r"\operatorname{clip}\left(x, -\infty, 1\right)"),
    (b.less_equal(x).where(x, 0.0), r"\begin{cases} x & \text{if } b \leq x \\ 0 & \text{otherwise} \end{cases}"),
    (b.where(x, 0.0), r"\begin{cases} x & \text{if } b \neq 0 \\ 0 & \text{otherwise} \end{cases}"),
    (Value(1.0, "alpha_1") * Value(1.0, "Omega"), r"\alpha_{1} \Omega"),
    (Value(1.0, "x1") * Value(1.0, "w_in") * Value(1.0, "loss"), r"x_{1} w_{in} \, \mathrm{loss}"),
]


@pytest.mark.parametrize(("y", "tex"), FORMULA_TEX, ids=[tex for _, tex in FORMULA_TEX])
def test_latex(y: Value, tex: str) -> None:
    assert Formula(y).latex() == tex
    typeset(tex)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_in_latex(row: Op) -> None:
    (point,) = points(row, count=1, reach=1.0)
    args = [
        tuple(map(Value, arg)) if type(arg) is tuple else arg if rule is None else Value(arg)
        for arg, rule in zip(point, row.rules, strict=True)
    ]
    f = Formula(row(*args), limit=None)
    typeset(f.latex())
    typeset(f.derivative(next(iter(f.leaves))).latex())
