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

os.environ.setdefault("TINYGRAD_LITE_PURE", "1")  # what is generated does not need the compiled engine, perhaps stale

from tinygrad_lite import ops
from tinygrad_lite.engine_choice import hash_of

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinygrad_lite"

STUB = '''"""Generated from engine.py and the table of operations by tests/generate.py."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, SupportsFloat, TypeAlias, final

from .ops import Op

_Number: TypeAlias = "Value | float"

compiled: bool
source_hash: str
methods: dict[str, Callable[..., Any] | str]

class Origin:
    label: str | None
    path: str | None
    line: str | None
    def __init__(self, label: str | None = None, path: str | None = None, line: str | None = None) -> None: ...

@final
class Storage:
    def __init__(self, size: int) -> None: ...
    @property
    def values(self) -> array[float]: ...
    @property
    def grads(self) -> array[float]: ...
    @property
    def moved(self) -> bool: ...
    def __len__(self) -> int: ...
    def clear_grads(self) -> None: ...

@final
class Value:
    data: float
    grad: float
    label: str | None
    def __init__(self, data: SupportsFloat, label: str | None = None) -> None: ...
    @property
    def grad_state(self) -> Literal["computed", "not computed"]: ...
    @property
    def kind(self) -> Literal["parameter", "leaf", "detached", "result"]: ...
    @property
    def path(self) -> str | None: ...
    @property
    def line(self) -> str | None: ...
    @property
    def op(self) -> Op | None: ...
    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def parents(self) -> tuple[Value, ...]: ...
    @property
    def local_derivatives(self) -> tuple[float, ...]: ...
    @property
    def _prev(self) -> set[Value]: ...
    @property
    def _op(self) -> str: ...
    def item(self) -> float: ...
    def detach(self) -> Value: ...
    def backward(self) -> None: ...
    def graph(self, *, rankdir: str = "LR", max_nodes: int = 300, expand: bool = False) -> Any: ...
    def __lt__(self, other: _Number) -> bool: ...
    def __le__(self, other: _Number) -> bool: ...
    def __gt__(self, other: _Number) -> bool: ...
    def __ge__(self, other: _Number) -> bool: ...
    def __add__(self, other: _Number) -> Value: ...
    def __radd__(self, other: float) -> Value: ...
    def __sub__(self, other: _Number) -> Value: ...
    def __rsub__(self, other: float) -> Value: ...
    def __mul__(self, other: _Number) -> Value: ...
    def __rmul__(self, other: float) -> Value: ...
    def __truediv__(self, other: _Number) -> Value: ...
    def __rtruediv__(self, other: float) -> Value: ...
    def __pow__(self, other: _Number) -> Value: ...
    def __rpow__(self, other: float) -> Value: ...
    def __neg__(self) -> Value: ...
    def __pos__(self) -> Value: ...
    def __abs__(self) -> Value: ...
{methods}
def dot(xs: Iterable[_Number], ys: Iterable[_Number], start: _Number = 0.0) -> Value: ...
def dots(
    rows: Iterable[tuple[Iterable[_Number], _Number, Origin | None]],
    ys: Iterable[_Number],
    function: Callable[[Value], Any] | None = None,
) -> list[Any]: ...
def record(op: Op, args: Sequence[Any]) -> Value: ...
def backward(root: Value) -> None: ...
def topological_order(root: Value) -> list[Value]: ...
def sweep_number(v: Value) -> int: ...
def bind(leaves: Sequence[Value]) -> tuple[Storage, list[int]]: ...
def clear_grads(leaves: Iterable[Value]) -> None: ...
def set_origin(origin: Origin | None) -> Origin | None: ...
def set_recording(on: bool) -> bool: ...
def set_watch(watch: Any) -> Any: ...
'''


def stub() -> str:
    """engine.pyi"""
    lines = []
    for row in ops.ROWS:
        if 0 in row.sequences:
            continue
        plain = len(row.args) - len(row.defaults)
        arguments = [f"{a}: _Number" for a in row.args[1:plain]]
        arguments += [f"{a}: _Number = {d:g}" for a, d in zip(row.args[plain:], row.defaults, strict=True)]
        for name in (row.name, *row.aliases):
            lines.append(f"    def {name}({', '.join(['self', *arguments])}) -> Value: ...\n")
    return STUB.replace("{methods}", "".join(lines))


def operations_table() -> str:
    """The table of operations in README.md."""
    lines = ["| operation | what it is | what each argument gets | also called |", "|---|---|---|---|"]
    for row in ops.ROWS:
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
    marks = r"(<!-- operations -->\n).*?(\n<!-- end of operations -->)"
    return re.sub(marks, lambda m: m[1] + operations_table() + m[2], text, flags=re.DOTALL)


def engine(text: str) -> str:
    """engine.py with the hash of the rest of it."""
    return re.sub(r'^source_hash = ".*"$', f'source_hash = "{hash_of(text)}"', text, flags=re.MULTILINE)


def generated() -> dict[Path, str]:
    """Each file with generated parts, and what it should contain."""
    source, page = PACKAGE / "engine.py", ROOT / "README.md"
    return {
        PACKAGE / "engine.pyi": stub(),
        source: engine(source.read_text(encoding="utf-8")),
        page: readme(page.read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
