"""How a training run went."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Course:
    """How the training went: the loss at each step; after each epoch loss and share right on the held-out samples.

    seconds        that the training took, compiled
    eager_seconds  that its steps would take uncompiled, judged by a few of them
    program        what a compiled step became
    """

    losses: list[float] = field(default_factory=list)
    held_out_losses: list[float] = field(default_factory=list)
    held_out_right: list[float] = field(default_factory=list)
    seconds: float = 0.0
    eager_seconds: float = 0.0
    program: str = ""
