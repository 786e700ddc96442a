"""Program: scalar code as a numbered list of operations, each of which reads earlier results."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from ...ops import Op

INPUT, PARAMETER, CONSTANT, SUM = "input", "parameter", "constant", "sum of products"
SOURCES = frozenset((INPUT, PARAMETER, CONSTANT))

Args = tuple[Any, ...]
"""Arguments. Of an operation: the places of its arguments, tuples of places for sequences. Of an input or parameter:
its position. Of a constant: its number. Of a sum of products: tuples of the pairs, the added and the subtracted."""


class Program:
    """Operations in topological order; equal operations occur once. A place is a position in this list.

    kinds     of each place: an Op, or INPUT, PARAMETER, CONSTANT, SUM
    args      of each place: see Args
    varies    whether a place depends on an input, and so differs between the lanes of a batch
    outputs   places of the results; -1 for those in products
    first     the first place that is not a parameter: passes start there, since most places of a model are parameters
    watched   how many places at the end of outputs are not results, but numbers that must be finite (finite_checks.py)
    products  results that are a product of two places, kept apart as integers (results, 3): the output and both places.
              Derivatives make as many as there are weights, and lists of so many would be slow
    """

    def __init__(self) -> None:
        self.kinds: list[Op | str] = []
        self.args: list[Args] = []
        self.varies: list[bool] = []
        self.outputs: list[int] = []
        self.watched = self.first = 0
        self.products: Any = np.empty((0, 3), int)
        self._places: defaultdict[Any, dict[Any, int]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self.kinds)

    def add(self, kind: Op | str, args: Args, varies: bool | None = None) -> int:
        """Adds an operation unless there is an equal one, and returns its place; varies if it is known already."""
        # 0.0 == -0.0 and nan != nan: constants are compared by their text.
        key = args if kind is not CONSTANT else repr(args[0])
        new = len(self.kinds)
        place = self._places[kind].setdefault(key, new)
        if place == new:
            self.kinds.append(kind)
            self.args.append(args)
            if varies is None:
                varies = kind is INPUT or any(map(self.varies.__getitem__, self.operands(new)))
            self.varies.append(varies)
        return place

    def add_all(self, kind: str, count: int) -> range:
        """Adds this many inputs or parameters and returns their places; add() does not find them again."""
        first = len(self.kinds)
        if kind == PARAMETER and first == 0:
            self.first = count
        self.kinds += [kind] * count
        self.args += zip(range(count), strict=True)
        self.varies += [kind == INPUT] * count
        return range(first, first + count)

    def begun(self) -> Program:
        """A new program with the inputs and parameters at the start of this one, at the same places."""
        count = next((k for k in range(self.first, len(self)) if self.kinds[k] not in (INPUT, PARAMETER)), len(self))
        made = Program()
        made.first = self.first
        made.kinds, made.args, made.varies = self.kinds[:count], self.args[:count], self.varies[:count]
        return made

    def copied(self) -> Program:
        """A copy whose operations can be changed; among these, its add() recognizes only constants."""
        made = Program()
        made.first = self.first
        made.kinds, made.args, made.varies = self.kinds[:], self.args[:], self.varies[:]
        made.outputs, made.watched, made.products = self.outputs[:], self.watched, self.products
        made._places[CONSTANT] = dict(self._places[CONSTANT])
        return made

    def joined(self) -> Program:
        """The program with its products among the sums of products."""
        if not len(self.products):
            return self
        made = self.copied()
        for output, place in zip(made.products[:, 0].tolist(), made.add_products(), strict=True):
            made.outputs[output] = place
        made.products = made.products[:0]
        return made

    def add_products(self) -> range:
        """Adds the products as sums of one product and returns their places.

        In each pair, a factor that differs between lanes comes first; otherwise the later one.
        """
        a, b = self.products[:, 1:].T
        varies = np.array(self.varies, bool)
        a_first = np.where(varies[a] == varies[b], a >= b, varies[a])
        pairs = zip(np.where(a_first, a, b).tolist(), np.where(a_first, b, a).tolist(), strict=True)
        first = len(self.kinds)
        self.args += [((pair,), (), ()) for pair in pairs]
        self.kinds += [SUM] * len(a)
        self.varies += [True] * len(a)
        return range(first, len(self.kinds))

    def constant(self, number: float) -> int:
        return self.add(CONSTANT, (float(number),))

    def number(self, place: int) -> float | None:
        """The number at a place that is a constant, else None."""
        return self.args[place][0] if self.kinds[place] == CONSTANT else None

    def operands(self, place: int) -> Iterable[int]:
        """The places that an operation reads, in order, with duplicates."""
        kind, args = self.kinds[place], self.args[place]
        if isinstance(kind, Op):
            if not kind.sequences:
                return args
            return chain.from_iterable([arg if type(arg) is tuple else (arg,) for arg in args])
        if kind != SUM:
            return ()
        pairs, plus, minus = args
        return pairs[0] if len(pairs) == 1 and not plus and not minus else chain(*pairs, plus, minus)

    def operations(self) -> list[int]:
        """The places of all but inputs, parameters and constants."""
        kinds = self.kinds
        return [place for place in range(self.first, len(kinds)) if kinds[place] not in SOURCES]

    def reads(self) -> Iterable[int]:
        """The places that operations and outputs read, as often as they read them; those that products read, once."""
        results = chain([place for place in self.outputs if place >= 0], np.unique(self.products[:, 1:]).tolist())
        return chain(results, chain.from_iterable(map(self.operands, self.operations())))

    def count_operands(self, place: int) -> int:
        """How many places an operation reads."""
        kind, args = self.kinds[place], self.args[place]
        if kind == SUM:
            return 2 * len(args[0]) + len(args[1]) + len(args[2])
        return sum([len(arg) if type(arg) is tuple else 1 for arg in args]) if isinstance(kind, Op) else 0

    def counts(self) -> Counter[str]:
        """How many operations there are of each kind."""
        return Counter(kind if isinstance(kind, str) else kind.name for kind in self.kinds)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """One line for each operation: `%2 = mul(%0, %1)`."""
        outputs: dict[int, list[str]] = {}
        results = len(self.outputs) - self.watched
        for position, place in enumerate(self.outputs):
            outputs.setdefault(place, []).append(f"output {position}" if position < results else "watched")
        for place, (kind, args) in enumerate(zip(self.kinds, self.args, strict=True)):
            note = f"   # {', '.join(outputs[place])}" if place in outputs else ""
            yield f"%{place} = {_text(kind, args)}{note}"
        for position, a, b in self.products.tolist():
            yield f"output {position} = %{a} * %{b}"


def _text(kind: Op | str, args: Args) -> str:
    if kind == CONSTANT:
        return repr(args[0])
    if kind == SUM:
        terms = [f"%{a} * %{b}" for a, b in args[0]] + [f"%{a}" for a in args[1]]
        return " - ".join([" + ".join(terms) or "0.0", *[f"%{a}" for a in args[2]]])
    if isinstance(kind, str):
        return f"{kind} {args[0]}"
    return f"{kind.name}({', '.join(map(_argument, args))})"


def _argument(arg: Any) -> str:
    return f"[{', '.join(f'%{a}' for a in arg)}]" if type(arg) is tuple else f"%{arg}"
