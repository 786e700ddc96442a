"""The progress bar of fit."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from ..errors import MissingProgramError
from .history import Row

_EVERY = 0.1


class Progress:
    """tqdm's bar over all steps, or no bar; it is updated ten times a second, since updates cost as much as steps."""

    def __init__(self, shown: bool, epochs: int, steps: int, begun: int) -> None:
        self._bar: Any = None
        self._epochs, self._epoch, self._waiting, self._next = epochs, begun, 0, 0.0
        if not shown:
            return
        try:
            from tqdm import tqdm
        except ImportError:
            raise MissingProgramError(
                'fit(progress=True) needs tqdm: install it with  python -m pip install "tinygrad_lite[train]"  or pass '
                "progress=False"
            ) from None
        self._bar = tqdm(total=epochs * steps, initial=begun * steps, desc="training", unit="step")

    def step(self, loss: float) -> None:
        """Counts a step."""
        if self._bar is None:
            return
        self._waiting += 1
        now = perf_counter()
        if now >= self._next:
            self._next = now + _EVERY
            self._show({"loss": loss})

    def epoch(self, row: Row) -> None:
        """Counts a finished epoch and shows its numbers."""
        self._epoch += 1
        if self._bar is not None:
            self._show({name: number for name, number in row.items() if name.partition("[")[0] not in ("epoch", "lr")})

    def close(self) -> None:
        if self._bar is not None:
            self._bar.update(self._waiting)
            self._bar.close()

    def _show(self, numbers: Row) -> None:
        shown = {name: f"{number:.4g}" for name, number in numbers.items()}
        self._bar.set_postfix({"epoch": f"{self._epoch}/{self._epochs}", **shown}, refresh=False)
        self._bar.update(self._waiting)
        self._waiting = 0
