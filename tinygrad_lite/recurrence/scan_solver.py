"""How a program computes a scan: by a loop over its body, for many lanes at once."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
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
        known = [part.numbers[..., None] for part in self._read if part.is_known]
        unknown = [part for part in self._read if not part.is_known]
        lengths = [1 if part.whole else len(part.inside) * at.steps for part in unknown]
        ends = list(accumulate(lengths, initial=count))
        numbers = [_Numbers(shared, first, end) for first, end in pairwise(ends)]
        kept = threading.local()

        def solve(start: Any, some: Any, others: Any, summed: bool) -> Any:
            lanes, rest, read = start.shape[1], iter(numbers), []
            table = iter(known)
            for part in self._read:
                if part.is_known:
                    column = next(table)
                    read.append(column if lanes == 1 else np.broadcast_to(column, (*column.shape[:2], lanes)))
                elif part.whole:
                    read.append(part.among(KEPT.lanes(next(rest)(some, others)[0]), at.steps))
                else:
                    read.append(next(rest)(some, others).reshape(-1, at.steps, lanes))
            if not hasattr(kept, "parameters"):  # the same array each time: executors are made ready for an array
                kept.parameters = np.empty(len(common))
                kept.ones = np.ones(at.size)
            kept.parameters[...] = some[: len(common)]
            found = loop.run(kept.parameters, start, read, others[: len(own)], at.steps, summed)
            if body.adjoint:
                with np.errstate(all="ignore"):
                    totals = kept.ones.dot(found)
                if not np.isfinite(totals).all():
                    found[:, ~np.isfinite(found).all(0)] = math.nan
            return found

        return solve


class _Numbers:
    """Reads some of the numbers that a scan depends on, (numbers, lanes), which all lanes share or which differ."""

    def __init__(self, shared: Any, first: int, end: int) -> None:
        self._shared = shared[first:end]
        before, some = int(shared[:first].sum()), int(self._shared.sum())
        self._of_all = slice(before, before + some)
        self._own = slice(first - before, end - before - some)

    def __call__(self, some: Any, others: Any) -> Any:
        if not self._shared.any():
            return others[self._own]
        found = np.empty((len(self._shared), others.shape[1]))
        found[self._shared] = some[self._of_all, None]
        found[~self._shared] = others[self._own]
        return found
