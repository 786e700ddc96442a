"""Functions in C that run a program: once, or step by step."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Any

from ...ops import position
from ..joint_results import COMPONENT, Joint
from ..native.bytecode import Encoding
from ..native.bytecode_machine import forms
from .c_library import function
from .c_source import Source


def lacking(encoding: Encoding) -> set[str]:
    """The operations that have no form in C, since they are known by their value in Python alone.

    A joint result has none either, but its own program may have one.
    """
    found = set[str]()
    for op, _ in encoding.written.calls:
        if isinstance(op, Joint):
            found |= lacking(Encoding(op.step, forms))
        elif op is not COMPONENT:
            found.add(op.name)
    return found


def sweep(encoding: Encoding) -> int:
    """The address of a function in C that runs a program once, as Executor takes it; 0 if an operation has no form."""
    if encoding.written.calls:
        return 0
    source = Source(encoding)
    found = function("sweep", source.sweep(), source.functions)
    return ctypes.cast(found, ctypes.c_void_p).value or 0


class CLoop:
    """A program of one step, run many times by one function in C.

    encoding  the program. Inputs: the carry, then what a step reads; outputs: the next carry, what a step gives, and
              what is summed over the steps
    carried   how many numbers the carry has
    given     how many numbers a step gives
    backward  whether the steps run from the last to the first
    """

    def __init__(self, encoding: Encoding, carried: int, given: int, backward: bool) -> None:
        source = Source(encoding)
        self._run = function("loop", source.loop(carried, given), source.functions)
        self._run.argtypes = (ctypes.c_void_p,)
        self._carried, self._given, self._backward = carried, given, backward
        self._summed = len(encoding.results) - carried - given
        self._slots, self._spare = encoding.slots, max(2, encoding.written.widest)

    def run(self, parameters: Any, read: Sequence[Any], found: Any, steps: int) -> None:
        """Runs all steps in all lanes.

        parameters  what all steps and lanes share
        read        what steps read, in parts of shape (some, steps, lanes), or (some, 1, lanes) if all steps share it
        found       (numbers, lanes), for the carry before the first step and after each, what steps gave, the sums. The
                    carry at first is given, the rest is filled in
        """
        lanes = found.shape[1]
        room = array("d", bytes(8 * (self._slots + self._spare + self._summed * lanes)))
        own, carry = room.buffer_info()[0], _address(found)
        given = carry + 8 * lanes * self._carried * (steps + 1)
        at = [
            steps, lanes, self._backward, _address(parameters), carry, given, given + 8 * lanes * self._given * steps,
            own + 8 * (self._slots + self._spare), own, own + 8 * self._slots,
        ]  # fmt: skip
        for part in read:
            if len(part):
                first, (number, step, lane) = _address(part), part.strides
                for k in range(len(part)):
                    at += first + k * number, step // 8, lane // 8
        numbers = array("q", at)
        if self._run(numbers.buffer_info()[0]):
            position(room[self._slots], int(room[self._slots + 1]))  # raises the error of an index that is none


def _address(numbers: Any) -> int:
    """Where the numbers of a float64 array begin."""
    return int(numbers.__array_interface__["data"][0])
