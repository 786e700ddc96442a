"""How a training run went."""

from __future__ import annotations

from dataclasses import dataclass

from ..train import History
from ..viz import Recorder


@dataclass
class Outcome:
    """How the training went.

    history        epoch by epoch, on what is learned and on the held-out samples
    recorder       the network at each epoch
    seconds        that the training took, compiled
    steps          of the optimizer
    eager_seconds  that these would take uncompiled, judged by a few of them
    program        what a compiled step became
    """

    history: History
    recorder: Recorder
    seconds: float
    steps: int
    eager_seconds: float
    program: str

    @property
    def losses(self) -> list[float]:
        return self.history.column("loss")
