"""Writes a Program as plain numbers, which the native executor reads.

Each operation is written as its code, the slot of its result, and what it reads:

    ADD, SUB, MUL, DIV, NEG    a slot for each argument
    ONE, TWO                   the function, a slot for each argument
    LANES                      the function, which takes all lanes at once, the slot of the argument
    MANY                       the function, how many numbers, a slot for each
    SUMS                       the slot to start from, how many pairs, plus and minus, a slot for each factor and term
    WEIGHTED                   the same, where the first factor of each pair is one number for all lanes
    TAKE                       how many elements, a slot for each, the slot of the index
    EQUAL                      the slots of two numbers, then of the results if they are equal and if not
    CALL                       the position in `calls`
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from ... import ops
from ...ops import Op
from ..passes.program import CONSTANT, INPUT, SUM, Args, Program
from ..passes.strength_reduction import WHERE_EQUAL

ADD, SUB, MUL, DIV, NEG, ONE, LANES, TWO, MANY, SUMS, WEIGHTED, TAKE, EQUAL, CALL = range(14)
# Sums of products that are a single operation, by their numbers of pairs, plus and minus terms.
_PLAIN = {(1, 0, 0): MUL, (0, 2, 0): ADD, (0, 1, 1): SUB, (0, 0, 1): NEG}


class Encoding:
    """A program as numbers.

    written       its operations
    results       the slot of each output
    constants     the slots and numbers of the constants
    inputs, parameters, slots   how many there are; inputs take the first slots, parameters the next
    spread        the parameters that operations read lane by lane; weights, which all lanes share, are not among them
    """

    def __init__(self, program: Program, forms: Mapping[Op | str, tuple[int, ...]]) -> None:
        self.written = Code(program, forms, self._constant)
        self.inputs, self.parameters = _count_inputs(program), program.parameters
        self.slots = self.inputs + self.parameters
        self._program = program
        self._constants: dict[str, tuple[int, float]] = {}
        self._free: list[int] = []
        # By place, also by that of parameter k: ~k counts from the end.
        self._slot = [-1] * len(program) + [self.inputs + k for k in reversed(range(self.parameters))]
        self.spread: set[int] = set()
        self._encode()
        self.results = array("i", [self._slot[place] for place in program.outputs])
        self.constants = list(self._constants.values())

    def _encode(self) -> None:
        """Writes all operations. A slot is used again after its last read, except those of constants and parameters."""
        program, slot = self._program, self._slot
        copies = _copies(program)
        reads = [_reads(program, place, copies) for place in range(len(program))]
        last = _last_readers(program, copies, reads)
        kept = [copies.get(place, place) for place in program.outputs]
        self.spread.update([~place for place in kept if place < 0])
        for place, (kind, args) in enumerate(zip(program.kinds, program.args, strict=True)):
            if kind == INPUT:
                slot[place] = args[0]
            elif place in copies:
                slot[place] = slot[copies[place]]
            elif last[place] < 0:
                continue
            elif kind == CONSTANT:
                slot[place] = self._constant(args[0])
            else:
                result = slot[place] = self._new_slot()
                self.written.add(kind, args, result, [slot[read] for read in reads[place]])
                weights = self.written.count_weights(kind, args)
                self.spread.update([~read for read in reads[place][weights:] if read < 0])
                for read in reads[place]:
                    if read >= 0 and last[read] == place:
                        last[read] = -1  # an operation may read it twice, but frees it once
                        self._free.append(slot[read])

    def _new_slot(self) -> int:
        if self._free:
            return self._free.pop()
        self.slots += 1
        return self.slots - 1

    def _constant(self, number: float) -> int:
        text = repr(number)
        if text not in self._constants:
            self._constants[text] = (self.slots, number)
            self.slots += 1
        return self._constants[text][0]


class Code:
    """Operations written one after the other.

    numbers  an array of 32-bit integers
    calls    (operation, slots of its arguments, tuples for sequences) of the operations that have no form
    widest   the most numbers that one function reads
    """

    def __init__(
        self, program: Program, forms: Mapping[Op | str, tuple[int, ...]], constant: Callable[[float], int]
    ) -> None:
        """
        forms     for each operation that runs without calling its value: the code and, if it has one, the function
        constant  gives the slot of a number
        """
        self.numbers, self.widest = array("i"), 1
        self.calls: list[tuple[Op, tuple[Any, ...]]] = []
        self._program, self._forms, self._constant = program, forms, constant

    def add(self, kind: Op | str, args: Args, result: int, read: list[int]) -> None:
        """Writes one operation; `read` holds the slots that it reads."""
        code = self.numbers
        form = self._forms.get(kind)
        if form is not None and form[0] != MANY:
            if kind is ops.pow and self._program.number(args[1]) == 2.0:
                form, read = (MUL,), [read[0], read[0]]
            code.extend((form[0], result, *form[1:], *read))
        elif form is not None and (kind not in _OF_SOME or args[0]):
            self.widest = max(self.widest, len(read))
            code.extend((*form[:1], result, *form[1:], len(read), *read))
        elif kind == SUM:
            lefts, _, plus, minus = map(len, args)
            pairs, read = lefts, [*_paired(read, lefts), *read[2 * lefts :]]
            plain = _PLAIN.get((pairs, plus, minus))
            if plain is not None:
                code.extend((plain, result, *read))
            else:  # starts from -0.0: starting from 0.0, a sum of -0.0 would be 0.0
                operation = WEIGHTED if self.count_weights(kind, args) else SUMS
                code.extend((operation, result, self._constant(-0.0 if read else 0.0), pairs, plus, minus, *read))
        elif kind is ops.sum or (kind is ops.mean and read):
            code.extend((SUMS, result, self._constant(0.0), 0, len(read), 0, *read))
            if kind is ops.mean:
                code.extend((DIV, result, result, self._constant(float(len(read)))))
        elif kind is ops.dot and len(args[0]) == len(args[1]):
            count = len(args[0])
            code.extend((SUMS, result, read[-1], count, 0, 0, *_paired(read, count)))
        elif kind is ops.take:
            code.extend((TAKE, result, len(args[0]), *read))
        elif kind is WHERE_EQUAL:
            code.extend((EQUAL, result, *read))
        else:
            assert isinstance(kind, Op)
            code.extend((CALL, result, len(self.calls)))
            rest = iter(read)
            given = [next(rest) if type(arg) is int else tuple([next(rest) for _ in arg]) for arg in args]
            self.calls.append((kind, tuple(given)))

    def count_weights(self, kind: Op | str, args: Args) -> int:
        """How many first factors of a sum there are, if all lanes share them: parameters and constants; else 0."""
        if kind != SUM or not args[0] or tuple(map(len, args[1:])) in _PLAIN:
            return 0
        row, kinds = args[0], self._program.kinds
        shared = max(row[0], row[-1]) < 0 if type(row) is range else all(k < 0 or kinds[k] == CONSTANT for k in row)
        return len(row) if shared else 0


_OF_SOME = (ops.var, ops.std)
"""Operations with a function in C whose value raises an error for an empty sequence."""


def _paired(read: list[int], count: int) -> Iterable[int]:
    """The first `count` numbers, each followed by the one that stands `count` after it."""
    return chain.from_iterable(zip(read[:count], read[count : 2 * count], strict=True))


def _count_inputs(program: Program) -> int:
    """How many inputs there are, up to the last that the program has."""
    known = zip(program.kinds, program.args, strict=True)
    return max([args[0] + 1 for kind, args in known if kind == INPUT], default=0)


def _copies(program: Program) -> dict[int, int]:
    """For each identity and stop_gradient, the place that it copies."""
    found: dict[int, int] = {}
    for place, kind in enumerate(program.kinds):
        if kind is ops.identity or kind is ops.stop_gradient:
            source: int = program.args[place][0]
            found[place] = found.get(source, source)
    return found


def _reads(program: Program, place: int, copies: Mapping[int, int]) -> Sequence[int]:
    """The places that an operation reads, in order, with duplicates; sources in place of copies."""
    operands = tuple(chain.from_iterable(program.rows(place)))
    return tuple([copies.get(operand, operand) for operand in operands]) if copies else operands


def _last_readers(program: Program, copies: Mapping[int, int], reads: Sequence[Sequence[int]]) -> list[int]:
    """For each place, the last place that reads it; past the end if it is kept, -1 if no output needs it."""
    end = len(program)
    last = [-1] * end
    for place in program.outputs:
        kept = copies.get(place, place)
        if kept >= 0:
            last[kept] = end
    for place in range(end - 1, -1, -1):
        if last[place] >= 0:
            for read in reads[place]:
                if read >= 0 and last[read] < 0:
                    last[read] = place
            if program.kinds[place] is CONSTANT:
                last[place] = end
    return last
