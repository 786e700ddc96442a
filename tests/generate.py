"""Writes what is generated from the table of operations: python tests/generate.py

engine.pyi (the methods of Value for editors and mypy), the table in README.md, and the hash that engine.py carries.
A test fails while any of them is stale.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    os.environ["TINYGRAD_LITE_PURE"] = "1"  # the compiled engine may be stale, and is not needed

from tinygrad_lite import ops
from tinygrad_lite.engine_choice import hash_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinygrad_lite"
ROWS = tuple(ops.TABLE.values())  # the library's own: what tests add later is not among them


def stub(text: str) -> str:
    """engine.pyi with the methods that the table gives to Value."""
    lines = []
    for row in ROWS:
        if 0 in row.sequences:
            continue
        plain = len(row.args) - len(row.defaults)
        arguments = [f"{a}: _Number" for a in row.args[1:plain]]
        arguments += [f"{a}: _Number = {d:g}" for a, d in zip(row.args[plain:], row.defaults, strict=True)]
        for name in (row.name, *row.aliases):
            lines.append(f"    def {name}({', '.join(['self', *arguments])}) -> Value: ...\n")
    return _between("    # operations\n", "    # end of operations\n", "".join(lines), text)


def operations_table() -> str:
    """The table of operations in README.md."""
    lines = ["| operation | what it is | what each argument gets | also called |", "|---|---|---|---|"]
    for row in ROWS:
        aliases = ", ".join(f"`{a}`" for a in row.aliases)
        symbol = f" `{row.symbol}`" if row.symbol != row.name else ""
        lines.append(f"| `{row.signature}`{symbol} | {row.doc} | {_rule_texts(row)} | {aliases} |")
    return "\n".join(lines)


def _rule_texts(row: ops.Op) -> str:
    """The row's rules, run on names: what each argument gets, from the adjoint g and the result y."""
    args = [
        Text(name) if i not in row.sequences else (Text(f"{name}[0]"), Text(f"{name}[1]"))
        for i, name in enumerate(row.args)
    ]
    texts = []
    for rule in row.rules:
        given = 0.0 if rule is None else rule(Text("g"), Text("y"), *args)
        texts.append(str(given[0] if isinstance(given, list) else given).removesuffix(".0"))
    return ", ".join(f"`{text}`" for text in texts)


class Text:
    """An expression that writes itself down: the rules' own operations, on names."""

    def __init__(self, text: str, binding: int = 9) -> None:
        self.text, self.binding = text, binding

    def __str__(self) -> str:
        return self.text

    @staticmethod
    def _apply(op: ops.Op, args: tuple[Any, ...]) -> Text:
        return Text(f"{op.name}({', '.join(_text(a, 0) for a in args)})")

    def __neg__(self) -> Text:
        return Text(f"-{_text(self, 3)}", 3)

    def __pow__(self, other: object) -> Text:
        return Text(f"{_text(self, 5)} ** {_text(other, 4)}", 4)


def _text(x: object, binding: int) -> str:
    """An operand, in brackets where it binds less than its place asks."""
    if isinstance(x, tuple):
        return f"[{', '.join(_text(item, 0) for item in x)}]"
    if isinstance(x, Text):
        return x.text if x.binding >= binding else f"({x.text})"
    return f"{x:.5g}"


def _operator(symbol: str, left: int, right: int) -> tuple[Callable[[Any, Any], Text], Callable[[Any, Any], Text]]:
    def forward(a: Any, b: Any) -> Text:
        return Text(f"{_text(a, left)} {symbol} {_text(b, right)}", left)

    return forward, lambda a, b: forward(b, a)


Text.__add__, Text.__radd__ = _operator("+", 1, 1)  # type: ignore[attr-defined]
Text.__sub__, Text.__rsub__ = _operator("-", 1, 2)  # type: ignore[attr-defined]
Text.__mul__, Text.__rmul__ = _operator("*", 2, 2)  # type: ignore[attr-defined]
Text.__truediv__, Text.__rtruediv__ = _operator("/", 2, 3)  # type: ignore[attr-defined]


def readme(text: str) -> str:
    """README.md with its table made anew."""
    return _between("<!-- operations -->\n", "<!-- end of operations -->", operations_table() + "\n", text)


def _between(start: str, end: str, new: str, text: str) -> str:
    head, _, rest = text.partition(start)
    _, _, tail = rest.partition(end)
    if not tail:
        raise ValueError(f"found no part from {start!r} to {end!r} to write anew")
    return head + start + new + end + tail


def engine(text: str) -> str:
    """engine.py with the hash of the rest of it."""
    return re.sub(r'^source_hash = ".*"$', f'source_hash = "{hash_of(text)}"', text, flags=re.MULTILINE)


def generated() -> dict[Path, str]:
    """Each file with generated parts, and what it should contain."""
    source, types, page = PACKAGE / "engine.py", PACKAGE / "engine.pyi", ROOT / "README.md"
    return {
        types: stub(types.read_text(encoding="utf-8")),
        source: engine(source.read_text(encoding="utf-8")),
        page: readme(page.read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
