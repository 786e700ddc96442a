"""Program: scalar code as a numbered list of operations, each on the results of earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ..ops import Op

INPUT, PARAMETER, CONSTANT, SUM = "input", "parameter", "constant", "sum of products"
SOURCES = frozenset((INPUT, PARAMETER, CONSTANT))

Args = tuple[Any, ...]
"""Of an operation: the places of its arguments, tuples of them for sequences. Of an input or a parameter: its position.
Of a constant: its number. Of a sum of products: the pairs, then what is added, then what is subtracted, as tuples."""


class Program:
    """Operations in an order in which each stands after its arguments; equal ones stand once.

    kinds    an Op, or INPUT, PARAMETER, CONSTANT, SUM
    args     see Args
    outputs  places of the results
    """

    def __init__(self) -> None:
        self.kinds: list[Op | str] = []
        self.args: list[Args] = []
        self.outputs: list[int] = []
        self._places: dict[tuple[Op | str, Args], int] = {}

    def __len__(self) -> int:
        return len(self.kinds)

    def add(self, kind: Op | str, args: Args) -> int:
        """The place of an operation: that of an equal one, or a new one."""
        # 0.0 == -0.0, and nan != nan: constants are told apart by their text.
        key = (kind, (repr(args[0]),)) if kind == CONSTANT else (kind, args)
        place = self._places.setdefault(key, len(self.kinds))
        if place == len(self.kinds):
            self.kinds.append(kind)
            self.args.append(args)
        return place

    def constant(self, number: float) -> int:
        return self.add(CONSTANT, (float(number),))

    def number(self, place: int) -> float | None:
        """The number of a constant, else None."""
        return self.args[place][0] if self.kinds[place] == CONSTANT else None

    def operands(self, place: int) -> Iterator[int]:
        """The places that an operation reads, in order, with duplicates."""
        kind, args = self.kinds[place], self.args[place]
        if kind in SOURCES:
            return
        for arg in args:
            if type(arg) is not tuple:
                yield arg
            elif kind == SUM and arg and type(arg[0]) is tuple:
                for pair in arg:
                    yield from pair
            else:
                yield from arg

    def alive(self) -> bytearray:
        """1 for every place that an output needs."""
        needed = bytearray(len(self))
        for place in self.outputs:
            needed[place] = 1
        for place in range(len(self) - 1, -1, -1):
            if needed[place]:
                for operand in self.operands(place):
                    needed[operand] = 1
        return needed

    def uses(self) -> list[int]:
        """How often each place is read, by operations that an output needs, and as an output."""
        counts = [0] * len(self)
        needed = self.alive()
        for place in self.outputs:
            counts[place] += 1
        for place in range(len(self)):
            if needed[place]:
                for operand in self.operands(place):
                    counts[operand] += 1
        return counts

    def counts(self) -> Counter[str]:
        return Counter(kind if isinstance(kind, str) else kind.name for kind in self.kinds)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterable[str]:
        outputs: dict[int, list[str]] = {}
        for position, place in enumerate(self.outputs):
            outputs.setdefault(place, []).append(f"output {position}")
        for place, (kind, args) in enumerate(zip(self.kinds, self.args, strict=True)):
            note = f"   # {', '.join(outputs[place])}" if place in outputs else ""
            yield f"%{place} = {self._text(kind, args)}{note}"

    def _text(self, kind: Op | str, args: Args) -> str:
        if kind == CONSTANT:
            return repr(args[0])
        if kind in SOURCES:
            return f"{kind} {args[0]}"
        if kind == SUM:
            terms = [f"%{a} * %{b}" for a, b in args[0]] + [f"%{a}" for a in args[1]]
            return " - ".join([" + ".join(terms) or "0.0", *[f"%{a}" for a in args[2]]])
        assert isinstance(kind, Op)
        return f"{kind.name}({', '.join(map(_argument, args))})"


def _argument(arg: Any) -> str:
    return f"[{', '.join(f'%{a}' for a in arg)}]" if type(arg) is tuple else f"%{arg}"
