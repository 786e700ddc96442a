"""Divides the program of a loop's step in what runs once for all steps, before and after, and what runs step by step.

Only what depends on the carry, and leads to the next one, must run step by step. The rest runs with the steps as lanes:
in a recurrent network the inputs' part of all steps is one matrix product, and so are the weights' derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from ..joint_results import Joint
from .program import CONSTANT, INPUT, SUM, Args, Program, Row, row_of


class LoopParts:
    """The parts of a program in sums of products whose first inputs are the carry and whose first outputs the next one.

    loop    from the carry and what it reads: the next carry, and what is kept
    before  what the loop reads, from inputs without the carry
    reads   which inputs these are
    kept    how many numbers of a step are kept: the loop computes them, and outputs beside the next carry need them
    """

    def __init__(self, program: Program, carried: int) -> None:
        self._program, self._carried = program, carried
        self._inputs = program.kinds.count(INPUT)
        self._depends = [False] * len(program)
        for place, kind in enumerate(program.kinds):
            if kind == INPUT:
                self._depends[place] = program.args[place][0] < carried
            else:
                self._depends[place] = any(map(self._depends.__getitem__, program.operands(place)))
        self._kept: list[int] = []
        self.before, self.reads, self.loop = self._divided()

    @property
    def kept(self) -> int:
        return len(self._kept)

    def after(self, outputs: Sequence[int]) -> tuple[Program, list[int]]:
        """Outputs of the program, by their positions, from its inputs, the next carry, what the loop reads and is kept.

        Then which of these are read.
        """
        program, first = self._program, self._inputs + self._carried + len(self.before.outputs)
        made, inputs = self._begun(range(first + len(self._kept)))
        places = {place: inputs[self._inputs + k] for place, k in self._table.items()}
        places |= {k: inputs[args[0]] for k, args in enumerate(program.args) if program.kinds[k] == INPUT}
        for k, place in enumerate(program.outputs[: self._carried], self._inputs):
            if place >= 0 and self._depends[place]:
                places.setdefault(place, inputs[k])
        places.update(zip(self._kept, [inputs[first + k] for k in range(len(self._kept))], strict=True))
        made.outputs = self._copied(made, places, [program.outputs[position] for position in outputs])
        return _with_inputs_read(made)

    def copied_carry(self, output: int) -> int | None:
        """Which number of the next carry an output of the program is, if it is one."""
        nexts, place = self._program.outputs[: self._carried], self._program.outputs[output]
        return nexts.index(place) if place in nexts else None

    def _divided(self) -> tuple[Program, list[int], Program]:
        program, depends, carried = self._program, self._depends, self._carried
        nexts = program.outputs[:carried]
        steps = [k for k in sorted(self._below(nexts, lambda place: depends[place])) if program.kinds[k] != INPUT]
        before, inputs = self._begun(range(carried, self._inputs))
        known = {
            k: inputs[args[0]] for k, args in enumerate(program.args) if program.kinds[k] == INPUT and not depends[k]
        }
        reads: dict[int, int] = {}  # by the place in `before`: which input of the loop it is

        def read(places: Iterable[int]) -> None:
            fixed = [p for p in places if p >= 0 and not depends[p] and program.kinds[p] != CONSTANT]
            for place in self._copied(before, known, fixed):
                reads.setdefault(place, carried + len(reads))

        divided: dict[int, tuple[Args, int | None]] = {}
        for place in steps:
            args, rest = program.args[place], None
            if program.kinds[place] == SUM:
                args, others = self._split(args)
                if others is not None:
                    self._copied(before, known, list(chain.from_iterable(others)))
                    rest = before.add(SUM, _mapped(others, lambda p: known.get(p, p)))
                    reads.setdefault(rest, carried + len(reads))
            divided[place] = args, rest
            read(chain.from_iterable([(arg,) if type(arg) is int else arg for arg in args if type(arg) is not range]))
        read(nexts)
        before.outputs = list(reads)

        loop, inputs = self._begun(range(carried + len(reads)))
        places = {k: inputs[args[0]] for k, args in enumerate(program.args) if program.kinds[k] == INPUT and depends[k]}

        def moved(place: int) -> int:
            if place < 0 or place in places:
                return places.get(place, place)
            if program.kinds[place] == CONSTANT:
                return loop.constant(program.args[place][0])
            return reads[known[place]]

        for place, (args, rest) in divided.items():
            args = _mapped(args, moved)
            if rest is not None:
                args = *args[:2], (*args[2], reads[rest]), args[3]
            places[place] = loop.add(program.kinds[place], args)
        # A number that the loop computed costs less to keep than to compute again: one row is written and read. A joint
        # result is dropped after its step, but not its numbers.
        computed = {place for place in divided if not isinstance(program.kinds[place], Joint)}
        roots = program.outputs[carried:]
        outside = self._below(roots, lambda place: place not in computed)
        needed = computed.intersection(chain(roots, *map(program.operands, outside)))
        self._kept = sorted(needed.difference(nexts))
        loop.outputs = list(map(moved, [*nexts, *self._kept]))
        self._table = {place: reads[new] for place, new in known.items() if new in reads}
        before, used = _with_inputs_read(before)
        return before, [carried + k for k in used], loop

    def _split(self, args: Args) -> tuple[Args, Args | None]:
        """The terms of a sum that depend on the carry, and the others if these are more than one number."""
        lefts, rights, plus, minus = args
        moves = self._moves
        moving = [moves(a) or moves(b) for a, b in zip(lefts, rights, strict=True)]
        (kept, others) = (
            (
                _chosen(lefts, moving, wanted), _chosen(rights, moving, wanted),
                *[tuple([place for place in places if moves(place) is wanted]) for places in (plus, minus)],
            )
            for wanted in (True, False)
        )  # fmt: skip
        return (kept, others) if others[0] or len(others[2]) + len(others[3]) > 1 else (args, None)

    def _moves(self, place: int) -> bool:
        """Whether a place, which may be that of a parameter, depends on the carry."""
        return place >= 0 and self._depends[place]

    def _begun(self, inputs: range) -> tuple[Program, dict[int, int]]:
        """A program with an input for each of these, and the places of the inputs."""
        made = Program()
        made.parameters = self._program.parameters
        return made, dict(zip(inputs, made.add_all(INPUT, len(inputs)), strict=True))

    def _below(self, roots: Iterable[int], wanted: Callable[[int], bool]) -> set[int]:
        """The places that roots are computed from, with the roots, as far as they are wanted."""
        found: set[int] = set()
        stack = list(roots)
        while stack:
            place = stack.pop()
            if place < 0 or place in found or not wanted(place):
                continue
            found.add(place)
            stack.extend(self._program.operands(place))
        return found

    def _copied(self, made: Program, places: dict[int, int], roots: Sequence[int]) -> list[int]:
        """Copies what roots are computed from into another program, from the places that are there already."""
        program = self._program
        for place in sorted(self._below(roots, lambda place: place not in places)):
            args = program.args[place]
            args = args if program.kinds[place] == CONSTANT else _mapped(args, lambda p: places.get(p, p))
            places[place] = made.add(program.kinds[place], args)
        return [places.get(root, root) for root in roots]


def _with_inputs_read(program: Program) -> tuple[Program, list[int]]:
    """The same program without the inputs that it does not read, and which inputs are left."""
    read = program.read().union([place for place in program.outputs if place >= 0])
    made = Program()
    made.parameters = program.parameters
    inputs = [place for place in sorted(read) if program.kinds[place] == INPUT]
    places = dict(zip(inputs, made.add_all(INPUT, len(inputs)), strict=True))
    for place, kind in enumerate(program.kinds):
        if kind != INPUT:
            args = program.args[place]
            places[place] = made.add(kind, args if kind == CONSTANT else _mapped(args, lambda p: places.get(p, p)))
    made.outputs = [places.get(place, place) for place in program.outputs]
    return made, [program.args[place][0] for place in inputs]


def _mapped(args: Args, places: Callable[[int], int]) -> Args:
    return tuple(
        [
            arg if type(arg) is range else row_of(list(map(places, arg))) if type(arg) is tuple else places(arg)
            for arg in args
        ]
    )


def _chosen(row: Row, mask: Sequence[bool], wanted: bool) -> Row:
    if all(chosen is wanted for chosen in mask):
        return row
    return row_of([place for place, chosen in zip(row, mask, strict=True) if chosen is wanted])
