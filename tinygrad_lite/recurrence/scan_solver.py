"""How a program computes a scan: by a loop over its body, for many lanes at once."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..compiler.joint_results import KEPT, Solver
from ..compiler.step_loop import StepLoop
from ..compiler.trace.tracing import flattened
from ..engine import Value
from .scan_body import Body, Columns, Numbering


class Solvers:
    """Makes the solver of a scan in a program, given which of xs all lanes share, and the executor of its loop."""

    def __init__(self, body: Body, read: Sequence[Columns], captured: Sequence[Value], at: Numbering) -> None:
        self._body, self._captured, self._at = body, captured, at
        self._read = [replace(part, whole=part.whole is not None) for part in read]

    def __call__(self, shared: Any, executor: str) -> Solver:
        body, at, count = self._body, self._at, len(self._captured)
        common = [v for v, is_shared in zip(self._captured, shared, strict=False) if is_shared]
        own = [v for v, is_shared in zip(self._captured, shared, strict=False) if not is_shared]
        inputs = [*body.carry, *[v for part in self._read for v in part.inside], *own]
        program = flattened(body.outputs, inputs, common, adjoints=body.derivatives)
        loop = StepLoop(program, at.carried, at.given, at.backward, at.frugal, executor)
        where = np.where(shared, np.cumsum(shared), np.cumsum(~shared)) - 1
        kept = threading.local()

        def solve(start: Any, some: Any, others: Any, summed: bool) -> Any:
            lanes, position = start.shape[1], count

            def numbers(length: int) -> Any:
                nonlocal position
                here = slice(position, position + length)
                position += length
                found = np.empty((length, lanes))
                found[shared[here]] = some[where[here][shared[here]], None]
                found[~shared[here]] = others[where[here][~shared[here]]]
                return found

            read = []
            for part in self._read:
                if part.is_known:
                    read.append(np.broadcast_to(part.numbers[..., None], (*part.numbers.shape, lanes)))
                elif part.whole:
                    read.append(part.among(KEPT.lanes(numbers(1)[0]), at.steps))
                else:
                    read.append(numbers(len(part.inside) * at.steps).reshape(-1, at.steps, lanes))
            if not hasattr(kept, "parameters"):  # the same array each time: executors are made ready for an array
                kept.parameters = np.empty(len(common))
            kept.parameters[...] = some[: len(common)]
            found = loop.run(kept.parameters, start, read, others[: len(own)], at.steps, summed)
            if body.adjoint:
                finite = np.isfinite(found).all(0)
                if not finite.all():
                    found[:, ~finite] = math.nan
            return found

        return solve
