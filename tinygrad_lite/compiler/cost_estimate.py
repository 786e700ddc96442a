"""How long a run of a program is expected to take: on arrays, and by the native sweep."""

from __future__ import annotations

from ..ops import Op
from .passes.grouping import Group

# Nanoseconds on one core, for a call and for an operand in a lane. Only the ratios matter.
_CALLS, _CALL = 20, 1200.0
_STEP, _FACTOR, _FACTOR_BY_LANE, _FACTOR_IN_PRODUCT = 0.6, 1.0, 3.0, 0.05
_NATIVE_CALL, _NATIVE_STEP, _NATIVE_FACTOR, _NATIVE_FUNCTION = 2.0, 0.25, 0.8, 2.0
_NATIVE_NUMBERS, _NATIVE_LANES = 1 << 15, 256


class Cost:
    """Adds up the costs of groups. What a function costs above a plain step is left out, as if equal in both."""

    def __init__(self) -> None:
        self._by_lane, self._native_by_lane = 0.0, 0.0
        self._each_run = 0.0
        self._operands, self._lines, self._slots = 0, 0, 1

    def add(self, group: Group, operands: int) -> None:
        """Adds a group; operands is how many each member reads."""
        count, product = len(group.members) * operands, group.product
        self._operands += count
        in_dot = product is not None and product.left.shape[1] > 1
        self._native_by_lane += (_NATIVE_FACTOR if in_dot else _NATIVE_STEP) * count
        if group.varies:
            if product is None:
                factor = _STEP
            elif not product.crossed:
                factor = _FACTOR
            else:
                factor = _FACTOR_IN_PRODUCT if group.summed or product.shared else _FACTOR_BY_LANE
            self._by_lane += factor * count

    def add_swept(self, group: Group, operands: int) -> None:
        """Adds a group that the native sweep computes; operands is how many each member reads."""
        count = len(group.members) * operands
        self._each_run += _NATIVE_CALL * count
        self._by_lane += (_NATIVE_FACTOR if group.product is not None else _NATIVE_STEP) * count
        if isinstance(group.kind, Op):
            self._by_lane += _NATIVE_FUNCTION * count

    def finish(self, lines: int, slots: int) -> None:
        self._lines, self._slots = lines, max(1, slots)

    def arrays(self, lanes: int) -> float:
        return _CALL * (_CALLS + self._lines) + self._each_run + self._by_lane * lanes

    def native(self, lanes: int) -> float:
        block = max(1, min(_NATIVE_LANES, _NATIVE_NUMBERS // self._slots))
        return _NATIVE_CALL * self._operands * -(-lanes // block) + self._native_by_lane * lanes
