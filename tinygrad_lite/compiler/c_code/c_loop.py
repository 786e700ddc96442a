"""A program that runs step by step as one function in C."""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ops import position
from ..native.bytecode import Encoding
from .c_library import function
from .c_source import Source


class CLoop:
    """A program of one step, run many times by one function in C.

    encoding        the program. Inputs: the carry, then what a step reads; outputs: the next carry, what a step gives,
                    what is summed over the steps
    given, summed   how many numbers a step gives, and how many are summed
    backward        whether the steps run from the last to the first
    """

    def __init__(self, encoding: Encoding, given: int, summed: int, backward: bool) -> None:
        source = Source(encoding)
        self._run = function("loop", source.loop(given, summed), source.functions)
        self._run.argtypes = (ctypes.c_void_p,)
        self._slots, self._spare = encoding.slots, max(2, encoding.written.widest)
        self._summed, self._backward = summed, backward

    def run(self, parameters: Any, read: Sequence[Any], carry: Any, given: Any, sums: Any) -> None:
        """Fills in the carry, what steps give, and the sums.

        parameters  what all steps and lanes share
        read        what steps read, in parts of shape (some, steps, lanes)
        carry       (carried, steps + 1, lanes), the first is given, or the last if the steps run backward
        given       (given, steps, lanes)
        sums        (summed, lanes)
        """
        steps, lanes = carry.shape[1] - 1, carry.shape[2]
        room = np.empty(self._slots + self._spare + self._summed * lanes)
        own = _address(room)
        at = [
            steps, lanes, self._backward, *map(_address, (parameters, carry, given, sums)),
            own + 8 * (self._slots + self._spare), own, own + 8 * self._slots,
        ]  # fmt: skip
        for part in read:
            first, (number, step, lane) = _address(part), part.strides
            for k in range(len(part)):
                at += first + k * number, step // 8, lane // 8
        numbers = array("q", at)
        if self._run(numbers.buffer_info()[0]):
            position(room[self._slots], int(room[self._slots + 1]))  # raises the error of an index that is none


def _address(numbers: Any) -> int:
    """Where the numbers of an array stand, whatever its strides."""
    assert numbers.dtype == np.float64
    return int(numbers.__array_interface__["data"][0])
