"""The outcome of the demo's training."""

from __future__ import annotations

from dataclasses import dataclass

from ..train import History
from ..viz import Recorder


@dataclass
class Outcome:
    """The outcome of the demo's training.

    history        the losses and metrics of each epoch, on the training data and on the held-out samples
    recorder       the network at each epoch
    seconds        how long the training took, compiled
    steps          the number of optimizer steps
    eager_seconds  how long these would take uncompiled, estimated from a few of them
    program        a summary of the compiled step
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
