"""How long a run of a program is expected to take: by the native sweep, and on arrays.

Both estimates read the program alone, before anything is laid out. Times are nanoseconds on one core; only their ratios
matter. What any other function costs above a plain step is left out, as if it were equal in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from .. import ops
from ..ops import Op
from .array.array_forms import count_lines
from .joint_results import COMPONENT, Joint
from .native import bytecode_machine as native
from .native.bytecode import LANES, ONE, TWO
from .passes.grouping import Group, together
from .passes.program import CONSTANT, INPUT, SUM, Program
from .passes.strength_reduction import WHERE_EQUAL

# Of a call on arrays, how many there are beside the lines of the program, and of an operand in a lane.
_CALL, _CALLS = 1200.0, 20
_STEP, _FACTOR, _FACTOR_BY_LANE, _FACTOR_IN_PRODUCT, _TERM = 0.6, 1.0, 3.0, 0.05, 0.5
# Of an operand in a block of lanes, and in a lane.
_NATIVE_OPERAND, _NATIVE_STEP, _NATIVE_FACTOR, _NATIVE_WEIGHT, _NATIVE_FUNCTION = 2.0, 0.25, 0.8, 0.12, 2.0
_NATIVE_NUMBERS, _NATIVE_LANES = 1 << 15, 256
# What a function costs more on arrays, in a lane, if the native executor computes it in vector instructions, as tanh.
_ARRAY_FUNCTION = 8.0
# Of an operation in each lane: a call of a function in C, or, if it is known by its value alone, in Python.
_NATIVE_CALL, _PYTHON_CALL = 2.0, 2000.0
# The native sweep computes a group with at most this many operands and function calls; NumPy is quicker with more.
_MOST_SWEPT, _MOST_CALLS = 4096, {ONE: 16, TWO: 16, LANES: 256}
# From this many terms on, a sum is one call.
MANY_TERMS = 4
# Operations that the native executor knows beside those of `forms`.
_IN_CODE = frozenset((ops.sum, ops.mean, ops.dot, ops.take, ops.identity, ops.stop_gradient, WHERE_EQUAL))


class NativeCost:
    """The cost of a program that runs operation by operation."""

    def __init__(self, program: Program) -> None:
        # By kind and level, then the products that stand apart, and the numbers copied in and out: how many operands,
        # and the time in a lane.
        operands, by_lane = [], []
        for members in together(program):
            kind, count = program.kinds[members[0]], len(members) * program.count_operands(members[0])
            operands.append(count)
            by_lane.append(_by_lane(program, members[0]) * count)
            if isinstance(kind, Op):
                by_lane[-1] += _called(kind) * len(members)
        apart, moved = program.count_factors_apart(), program.kinds.count(INPUT) + program.results
        self._operands = np.array([*operands, apart, 0])
        self._by_lane = np.array([*by_lane, _NATIVE_STEP * apart, _NATIVE_STEP * moved])
        self._slots = max(1, sum(program.varies))

    def time(self, lanes: int) -> float:
        return float(self._times(lanes).sum())

    def least_on_arrays(self, lanes: int) -> float:
        """A lower bound for a run on arrays: operations of one kind on one level take a call, or a native sweep."""
        return _CALL * _CALLS + float(np.minimum(self._times(lanes), _CALL).sum())

    def _times(self, lanes: int) -> Any:
        block = max(1, min(_NATIVE_LANES, _NATIVE_NUMBERS // self._slots))
        return _NATIVE_OPERAND * self._operands * -(-lanes // block) + self._by_lane * lanes


class ArrayCost:
    """The cost of a program whose groups run as array operations.

    plain  if all groups do
    swept  if the native sweep computes the groups that is_swept() selects
    """

    def __init__(self, program: Program, groups: Sequence[Group]) -> None:
        self.plain, self.swept = _Sum(), _Sum()
        sweeping = False
        for group in groups:
            operands = _operands(program, group)
            self.plain.add(program, group, operands)
            if is_swept(program, group):
                self.swept.add_swept(group, operands, not sweeping)
                sweeping = True
            else:
                self.swept.add(program, group, operands)
                sweeping = False


class _Sum:
    """Adds up the costs of groups."""

    def __init__(self) -> None:
        self._each_run, self._by_lane = _CALL * _CALLS, 0.0

    def add(self, program: Program, group: Group, operands: int) -> None:
        """Adds a group on arrays; operands is how many each member reads."""
        count, product = len(group) * operands, group.product
        self._each_run += _CALL * _lines(program, group)
        if isinstance(group.kind, Joint) or group.kind is COMPONENT:  # one call for all numbers of a result
            self._each_run += _PYTHON_CALL
        elif isinstance(group.kind, Op) and not group.kind.array:
            called = _called(group.kind) * len(group.members)
            self._each_run += 0.0 if group.varies else called
            self._by_lane += called if group.varies else 0.0
        if group.varies:
            if isinstance(group.kind, Op) and native.forms.get(group.kind, (ONE,))[0] == LANES:
                self._by_lane += _ARRAY_FUNCTION * len(group.members)
            if product is None:
                factor = _STEP
            elif not product.crossed:
                factor = _FACTOR
            else:
                factor = _FACTOR_IN_PRODUCT if group.summed is not None or product.shared else _FACTOR_BY_LANE
            self._by_lane += factor * count
            if product is not None and group.summed is None and not product.complete:
                self._by_lane += _TERM * len(group) * sum(map(len, program.args[group.members[0]][2:]))

    def add_swept(self, group: Group, operands: int, begins: bool) -> None:
        """Adds a group that the native sweep computes; begins if the group before it runs on arrays."""
        count = len(group.members) * operands
        self._each_run += _NATIVE_OPERAND * count + _CALL * begins
        self._by_lane += (_NATIVE_FACTOR if group.product is not None else _NATIVE_STEP) * count
        if isinstance(group.kind, Op):
            self._by_lane += _NATIVE_FUNCTION * count

    def time(self, lanes: int) -> float:
        return self._each_run + self._by_lane * lanes


def _operands(program: Program, group: Group) -> int:
    """How many numbers each member of a group reads."""
    if group.product is not None and group.summed is not None:
        return 2 * int(group.product.left.shape[1])
    return program.count_operands(group.members[0])


def is_swept(program: Program, group: Group) -> bool:
    """Whether the native sweep is expected to compute a group quicker than array calls do with few lanes."""
    product, count = group.product, len(group.members)
    if not group.varies or group.summed is not None or count * program.count_operands(group.members[0]) > _MOST_SWEPT:
        return False
    if not program.padded.isdisjoint(group.members):
        return False
    if product is not None and product.crossed and product.left.shape[-1] > 1:
        return False
    if isinstance(group.kind, Op) and group.kind is not WHERE_EQUAL and group.kind is not ops.take:
        form = native.forms.get(group.kind)
        if form is None or count > _MOST_CALLS.get(form[0], count):
            return False
    places = chain.from_iterable([row for place in group.members for row in program.rows(place)])
    return all(place >= 0 and (program.varies[place] or program.kinds[place] == CONSTANT) for place in places)


def _by_lane(program: Program, place: int) -> float:
    """The time of an operand in a lane, by the native executor."""
    lefts: Any = program.args[place][0] if program.kinds[place] == SUM else ()
    if len(lefts) < 2:
        return _NATIVE_STEP
    return _NATIVE_FACTOR if any(map(program.by_lane, (lefts[0], lefts[-1]))) else _NATIVE_WEIGHT


def _called(op: Op) -> float:
    """The cost of a call by the native executor: of a function of one lane, or of one in Python if none is in C."""
    if op in native.forms:
        return _NATIVE_CALL if native.forms[op][0] in (ONE, TWO) else 0.0
    return 0.0 if op in _IN_CODE else _PYTHON_CALL


def _lines(program: Program, group: Group) -> int:
    """Roughly how many lines a group takes; copies of rows that are not contiguous are left out."""
    product = group.product
    if isinstance(group.kind, Op):
        return count_lines(group.kind)
    if group.summed is not None:
        return 1
    *_, plus, minus = program.args[group.members[0]]
    terms = len(minus) + (1 if product is None and len(plus) >= MANY_TERMS else len(plus))
    if product is None:
        return max(1, terms - 1)
    in_two_steps = group.varies and not product.crossed and product.left.shape[-1] > 1
    return 1 + in_two_steps + (0 if product.complete else terms)
