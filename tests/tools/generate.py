"""Writes what is generated from the table of operations: python tests/tools/generate.py

engine/values.py and engine/__init__.pyi (the table's rows as methods of Value), engine/unary_slopes.py, the table in
pages/operations.md, and the hashes in compiled files. A test fails while any of them is stale.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

if __name__ == "__main__":
    os.environ["TINYGRAD_LITE_PURE"] = "1"  # the compiled engine may be stale, and is not needed

from tinygrad_lite import Value, ops
from tinygrad_lite.engine import transcribe
from tinygrad_lite.floats import gamma, normal_law
from tinygrad_lite.formula import Formula
from tinygrad_lite.source.engine_choice import SOURCES, hash_of

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tinygrad_lite"
ROWS = tuple(ops.TABLE.values())  # the library's own: what tests add later is not among them


def stub(text: str) -> str:
    """engine/__init__.pyi with the methods that the table gives to Value, and those that are made of its rows."""
    lines = []
    for row in ROWS:
        if 0 in row.sequences:
            continue
        plain = len(row.args) - len(row.defaults)
        arguments = [f"{a}: _Number" for a in row.args[1:plain]]
        arguments += [f"{a}: _Number = {d:g}" for a, d in zip(row.args[plain:], row.defaults, strict=True)]
        for name in (row.name, *row.aliases):
            lines.append(f"    def {name}({', '.join(['self', *arguments])}) -> Value: ...\n")
    lines += [f"    def {name}(self) -> Value: ...\n" for name in ops.COMPOSITIONS]
    return _between("    # operations\n", "    # end of operations\n", "".join(lines), text)


def methods(text: str) -> str:
    """engine/values.py with the table's rows as methods of Value, except those that are written out."""
    lines = []
    for row in ROWS:
        for name in (row.name, *row.aliases) if 0 not in row.sequences else ():
            if f"    def {name}(self" not in text:
                lines.append(f"    {name} = _as_method(ops.{row.name})\n")
    return _between("    # operations\n", "    # end of operations\n", "".join(lines), text)


C_FUNCTIONS = re.findall(r"double (\w+)\(", (PACKAGE / "floats" / "c_functions.pxd").read_text(encoding="utf-8"))
UNARY = tuple(row for row in ROWS if row.arity == 1)
INFIX = {ops.add: "{} + {}", ops.sub: "{} - {}", ops.mul: "{} * {}", ops.neg: "-{}"}
INFIX |= {ops.where: "{1} if {0} != 0.0 else {2}", ops.identity: "{}", ops.stop_gradient: "{}"}


def _written(row: ops.Op, args: list[str]) -> str:
    """The value of a row as compiled files compute it, to the last bit."""
    if row in INFIX:
        return f"({INFIX[row].format(*args)})"
    module, name = "c", row.value.__name__
    if row.value.__module__ in (gamma.__name__, normal_law.__name__):
        module = row.value.__module__.rpartition(".")[2]
    elif row is ops.hypot:
        module = "ieee"  # C's rounds otherwise
    elif row is ops.div or row.name in C_FUNCTIONS:
        module, name = "c_functions", "divide" if row is ops.div else row.name
    return f"{module}.{name}({', '.join(args)})"


def _slope(row: ops.Op) -> str:
    """The body of the function that computes what a row's rule makes of an adjoint of 1, in the same steps."""
    lines: list[str] = []
    x, y = Value(0.5), Value(0.5)
    known: dict[Value, str] = {x: "x", y: "y"}

    def add(op: ops.Op, args: tuple[str, ...]) -> str:
        if op is ops.mul and args[0] == "1.0":
            return args[1]
        named = []
        for arg in args:
            if len(arg) > 40:
                lines.append(f"    t{len(lines)} = {ast.unparse(ast.parse(arg))}\n")
                arg = f"t{len(lines) - 1}"
            named.append(arg)
        return _written(op, named)

    given = row.rules[0](1.0, y, x)
    if isinstance(given, Value):
        transcribe([given], known, repr, add)
    result = known[given] if isinstance(given, Value) else repr(given)
    return "".join(lines) + f"    return {ast.unparse(ast.parse(result))}\n"


def slopes(text: str) -> str:
    """engine/unary_slopes.py with the functions of each row of one number."""
    functions, calls = "", ""
    for row in UNARY:
        value = _written(row, ["x"])
        if not value.startswith("c"):
            functions += f"\n\ndef _{row.name}_value(x):\n    return {ast.unparse(ast.parse(value))}\n"
            value = f"_{row.name}_value("
        functions += f"\n\ndef _{row.name}(x, y):\n{_slope(row)}"
        calls += f"_row(ops.{row.name}, {value.partition('(')[0]}, _{row.name})\n"
    return _between("# rows\n", "# end of rows\n", f"{functions}\n\n{calls}", text)


def slope_declarations(text: str) -> str:
    """engine/unary_slopes.pxd, C's side of it."""
    lines = []
    for row in UNARY:
        if not _written(row, ["x"]).startswith("c"):
            lines.append(f"cdef double _{row.name}_value(double x) except? -1\n")
        lines.append(f"cdef double _{row.name}(double x, double y) except? -1\n")
    return _between("# rows\n", "# end of rows\n", "".join(lines), text)


def operations_table() -> str:
    """The table of operations, in pages/operations.md."""
    lines = ["| operation | what it is | what each argument gets | also called |", "|---|---|---|---|"]
    for row in ROWS:
        aliases = ", ".join(f"`{a}`" for a in row.aliases)
        symbol = f" `{row.symbol}`" if row.symbol != row.name else ""
        doc = row.doc.replace("**", r"\*\*")  # else Markdown's bold
        lines.append(f"| `{row.signature}`{symbol} | {doc} | {_rule_texts(row)} | {aliases} |")
    return "\n".join(lines)


def _rule_texts(row: ops.Op) -> str:
    """The row's rules, run on symbols: what each argument gets, from the adjoint g and the result y."""
    symbol = Formula.symbol
    args = [
        symbol(name) if i not in row.sequences else (symbol(f"{name}[0]"), symbol(f"{name}[1]"))
        for i, name in enumerate(row.args)
    ]
    texts = []
    for rule in row.rules:
        given = 0.0 if rule is None else rule(symbol("g"), symbol("y"), *args)
        first = given[0] if isinstance(given, list) else given
        *parts, last = str(first if isinstance(first, Formula) else Formula(first)).splitlines()
        texts.append(f"...; {last}" if parts else last)  # a long series has its parts on lines before
    return ", ".join(f"`{text}`" for text in texts)


def operations_page(text: str) -> str:
    """pages/operations.md with a new table."""
    return _between("<!-- operations -->\n", "<!-- end of operations -->", operations_table() + "\n", text)


def _between(start: str, end: str, new: str, text: str) -> str:
    head, _, rest = text.partition(start)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"found no part from {start!r} to {end!r} to write anew")
    return head + start + new + end + tail


def hashed(text: str) -> str:
    """A source with the hash of the rest of it."""
    return re.sub(r'^source_hash = ".*"$', f'source_hash = "{hash_of(text.encode())}"', text, flags=re.MULTILINE)


def generated() -> dict[Path, str]:
    """Each file with generated parts, and what it should contain."""
    types, page = PACKAGE / "engine" / "__init__.pyi", PACKAGE / "pages" / "operations.md"
    sources = {path: path.read_text(encoding="utf-8") for path in map(Path, SOURCES.values())}
    values = Path(SOURCES["tinygrad_lite.engine.values"])
    sources[values] = methods(sources[values])
    unary = Path(SOURCES["tinygrad_lite.engine.unary_slopes"])
    sources[unary] = slopes(sources[unary])
    declarations = unary.with_suffix(".pxd")
    return {
        types: stub(types.read_text(encoding="utf-8")),
        declarations: slope_declarations(declarations.read_text(encoding="utf-8")),
        page: operations_page(page.read_text(encoding="utf-8")),
        **{path: hashed(source) for path, source in sources.items()},
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
