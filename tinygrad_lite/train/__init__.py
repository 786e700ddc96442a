"""The training loop: fit() and evaluate(), with history, checkpoints and early stopping.

A loss is written for one sample, as loss(prediction, target), like those in nn. The loss and the model are compiled.
"""

from .history import History
from .loop import TrainingState, fit
from .objective import accuracy, evaluate
from .stopping import EarlyStopping

__all__ = ["EarlyStopping", "History", "TrainingState", "accuracy", "evaluate", "fit"]
