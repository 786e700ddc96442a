"""fit: the training loop over epochs and batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ..errors import TrainingError, received
from ..floats.expected import one_of, or_none, whole
from ..nn import Module
from ..nn.module import kept_modes
from ..optim import Optimizer, ReduceLROnPlateau, Schedule
from ..optim.leaves import Leaves
from ..saving.atomic import writable
from .blame import Blame, blame
from .checkpoint import Checkpoint, Others, Part, Sources
from .history import History, Row, lr_columns
from .objective import Loss, Metric, Objective
from .progress import Progress
from .samples import Samples
from .stopping import Best, EarlyStopping


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What a callback receives after each epoch.

    epoch    how many of the `epochs` are finished
    row      the last row of the history
    history  all rows so far
    """

    epoch: int
    epochs: int
    row: Mapping[str, float]
    history: Sequence[Mapping[str, float]]
    model: Module
    optimizer: Optimizer


Callback = Callable[[TrainingState], Any]


def fit(
    model: Module,
    loss: Loss,
    data: tuple[Any, Any],
    optimizer: Optimizer,
    epochs: int = 10,
    batch_size: int | None = 32,
    validation: tuple[Any, Any] | None = None,
    callbacks: Sequence[Callback] = (),
    early_stopping: EarlyStopping | int | None = None,
    seed: int | None = None,
    *,
    metrics: Sequence[Metric] = (),
    schedule: Schedule | None = None,
    schedule_each: Literal["epoch", "step"] = "epoch",
    eager: bool = False,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> History:
    """Trains a model: minimizes the mean of loss(model(x), y) over the data, in batches of a new order each epoch.

    loss            loss(prediction, target) of one sample, such as nn.cross_entropy. A loss that also needs the input
                    gets it with the target: data=(X, (X, y))
    data            (X, y): arrays with a row for each sample, things that convert to such arrays, or tuples and dicts
                    of them
    optimizer       optim.LBFGS evaluates each batch several times, with the same random draws: use batch_size=None
    batch_size      None: each step uses all the data
    validation      (X, y) for "val_loss", which is measured after each epoch, in eval() mode
    callbacks       functions of a TrainingState, called after each epoch; if one returns True, the training ends
    early_stopping  a patience in epochs, or an EarlyStopping
    seed            sets the order of the samples and the model's random draws (dropout): with the same seed and the
                    same initial weights, each run gives exactly the same numbers
    metrics         functions metric(prediction, target) of one sample, such as train.accuracy: columns of the history
    schedule        stepped after each epoch or each step; ReduceLROnPlateau gets val_loss, or loss without validation
    eager           True: nothing is compiled, every number is a Value
    progress        False: no progress bar, and tqdm is not needed
    checkpoint      a file that is written after each epoch; with resume=True the training continues from it, if it
                    exists, and gives the same numbers as without the interruption
    Ctrl-C ends the training normally, with history.stopped == "interrupted". Raises TrainingError if the loss, a
    gradient or a parameter becomes inf or nan; the parameters are then as they were before that step.

    >>> from tinygrad_lite import nn, optim
    >>> model = nn.MLP(1, [1]); X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(model, nn.mse, (X, y), optim.SGD(model.parameters(), lr=0.1), 200, seed=0, progress=False)
    >>> history[-1]["loss"] < 1e-4, round(model([3.0]).data, 1)
    (True, 7.0)
    """
    epochs = whole(1).checked("fit(epochs=...)", epochs)
    batch_size = or_none(whole(1)).checked("fit(batch_size=...)", batch_size)
    schedule_each = one_of("epoch", "step").checked("fit(schedule_each=...)", schedule_each)
    objective = Objective("fit", model, loss, metrics, eager)
    run = _Run(objective, Samples("fit(data)", data, not eager), optimizer, epochs, batch_size, seed)
    run.validation = None if validation is None else Samples("fit(validation)", validation, not eager)
    run.callbacks = [callbacks] if callable(callbacks) else list(callbacks)
    if early_stopping is not None:
        run.stop_early(EarlyStopping(early_stopping) if isinstance(early_stopping, int) else early_stopping)
    if schedule is not None:
        run.follow(schedule, schedule_each)
    if checkpoint is not None:
        run.keep(checkpoint, resume)
    elif resume:
        raise ValueError("fit(resume=True) needs the file to continue from: pass checkpoint=...")
    shown = Progress(progress, epochs, run.steps, len(run.history))
    try:
        with kept_modes(model):
            run.train(shown)
    finally:
        shown.close()
    return run.history


class _Run:
    """A training in progress.

    leaves  the model's parameters, and other leaves that the optimizer moves
    parts   everything that has a state
    """

    validation: Samples | None
    callbacks: Sequence[Callback]

    def __init__(
        self,
        objective: Objective,
        samples: Samples,
        optimizer: Optimizer,
        epochs: int,
        batch_size: int | None,
        seed: int | None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"fit(optimizer) takes an optimizer from optim, got {received(optimizer)}")
        model = objective.model
        own = dict.fromkeys(model.parameters())
        others = [v for v in optimizer.params if v not in own]
        if len(others) == len(optimizer.params):
            raise ValueError(
                f"fit(optimizer): {type(optimizer).__name__} moves {len(others)} leaves, none of which is a "
                f"parameter of this {type(model).__name__}: make it from model.parameters()"
            )
        self.objective, self.samples, self.optimizer = objective, samples, optimizer
        self.epochs, self.batch_size = epochs, batch_size
        self.steps = 1 if batch_size is None else -(-samples.size // batch_size)
        self.history, self.leaves, self.sources = History(), Leaves("fit", [*own, *others]), Sources(model, seed)
        self.settings: dict[str, Any] = {
            "seed": seed, "batch_size": batch_size, "samples": samples.size, "eager": objective.eager
        }  # fmt: skip
        self.parts: dict[str, Part] = {
            "model": model, "optimizer": optimizer, "draws": self.sources, "history": self.history
        }  # fmt: skip
        if others:
            self.parts["others"] = Others(Leaves("fit", others))
        self.best: Best | None = None
        self.schedule: Schedule | None = None
        self.checkpoint: Checkpoint | None = None

    @property
    def _watched(self) -> str:
        return "loss" if self.validation is None else "val_loss"

    def stop_early(self, settings: EarlyStopping) -> None:
        if not isinstance(settings, EarlyStopping):
            raise TypeError(f"fit(early_stopping) takes a patience or an EarlyStopping, got {received(settings)}")
        columns = ["epoch", *lr_columns(self.optimizer.param_groups), "loss", *self.objective.metrics]
        if self.validation is not None:
            columns += [f"val_{name}" for name in ("loss", *self.objective.metrics)]
        monitor = settings.monitor or self._watched
        if monitor not in columns:
            raise ValueError(
                f"fit(early_stopping): no column {monitor!r} to monitor, columns are: {', '.join(columns)}"
            )
        self.parts["early_stopping"] = self.best = Best(settings, monitor, self.leaves)

    def follow(self, schedule: Schedule, each: str) -> None:
        if not isinstance(schedule, Schedule) or schedule.optimizer is not self.optimizer:
            raise TypeError(f"fit(schedule) takes a schedule of the same optimizer, got {received(schedule)}")
        self.parts["schedule"] = self.schedule = schedule
        self.settings["schedule_each"] = self.each = each

    def keep(self, path: str | os.PathLike[str], resume: bool) -> None:
        self.checkpoint = Checkpoint(path, self.settings, self.parts)
        writable(path)
        if not os.path.exists(path):
            return
        if not resume:
            raise FileExistsError(
                f"fit(checkpoint={os.fspath(path)!r}): the file exists already: pass resume=True to continue from it, "
                "name another, or delete it"
            )
        self.checkpoint.read()

    def train(self, shown: Progress) -> None:
        """Trains for all epochs that are left."""
        history = self.history
        ended = ("early stopping", "callback")
        try:
            self.objective.model.train()
            while len(history) < self.epochs and history.stopped not in ended:
                self._look_again()
                history.stopped = ""
                row = self._epoch(shown)
                history.append(row)
                shown.epoch(row)
                if self.best is not None and self.best.is_over(row):
                    history.stopped = "early stopping"
                if self._call_back():
                    history.stopped = "callback"
                if self.checkpoint is not None:
                    self.checkpoint.write()
        except KeyboardInterrupt:
            history.stopped = "interrupted"
        if self.best is not None:
            self.best.restore()
            history.best_epoch = self.best.epoch or None

    def _look_again(self) -> None:
        """Checks the model after callbacks: they may change it, but not replace parameters that the optimizer moves."""
        if not self.objective.look_again():
            return
        known = set(self.leaves.leaves)
        for name, p in self.objective.model.named_parameters():
            if p not in known:
                raise ValueError(
                    f"fit: the parameter {name} was replaced during the training, and the optimizer does not move the "
                    "new one: set its .data instead, or call fit again with an optimizer of the new parameters"
                )

    def _call_back(self) -> bool:
        rows = tuple(map(MappingProxyType, self.history))
        state = TrainingState(len(rows), self.epochs, rows[-1], rows, self.objective.model, self.optimizer)
        answers = [callback(state) for callback in self.callbacks]
        return any(answer is True for answer in answers)

    def _epoch(self, shown: Progress) -> Row:
        size = self.samples.size
        length = self.batch_size or size
        order: Any = range(size) if self.batch_size is None else self.sources.order.permutation(size)
        total = 0.0
        for start in range(0, size, length):
            which = order[start : start + length]
            columns = self.samples.columns if self.batch_size is None else self.samples.some(which)
            loss = self._step(columns, which, start // length + 1)
            total += loss * len(which)
            shown.step(loss)
        row: Row = {"epoch": len(self.history) + 1, **lr_columns(self.optimizer.param_groups), "loss": total / size}
        row |= self.objective.evaluated(self.samples, with_loss=False)
        if self.validation is not None:
            row |= self.objective.evaluated(self.validation, "val_")
        if self.schedule is not None and self.each == "epoch":
            self._follow(row[self._watched])
        return row

    def _follow(self, metric: float) -> None:
        assert self.schedule is not None
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(metric)
        else:
            self.schedule.step()

    def _step(self, columns: Any, which: Sequence[int], step: int) -> float:
        """Takes one optimizer step on these samples; returns the mean of their losses."""
        draws = self.sources.state_dict() if self.sources.are_drawn else None
        self.leaves.clear_grads()
        try:
            mean = self.objective.of_batch(columns, len(which))
        except (ValueError, LookupError, ArithmeticError):  # from a bad target, such as a label that is not a class
            found = self._blame(columns, which, draws, value=True)
            if found.cause is None:
                raise
            found.cause.add_note(f"fit: sample {found.sample} of the data raised this")
            raise found.cause from None
        loss: float = mean.data
        if isfinite(loss):
            mean.backward()
            values, grads = self.leaves.numbers()
            if _is_finite(grads):
                before = values.copy()
                try:
                    if self.optimizer.needs_closure:
                        again = partial(self._again, draws)
                        self.optimizer.step(self.objective.closure(mean, columns, len(which), again))
                    else:
                        self.optimizer.step()
                except KeyboardInterrupt:  # a training must not stop in the middle of a step
                    self.leaves.set_values(before)
                    raise
                if _is_finite(self.leaves.numbers()[0]):
                    if self.schedule is not None and self.each == "step":
                        self._follow(loss)
                    return loss
                self.leaves.set_values(before)
                raise self._error(step, "the step made a parameter inf or nan", "The learning rate is too large")
        found = self._blame(columns, which, draws, value=not isfinite(loss))
        self.leaves.clear_grads()
        what = (
            f"the loss is {loss}" if not isfinite(loss) else f"the loss is {loss:.6g}, but not all gradients are finite"
        )
        error = self._error(step, what, found)
        error.sample, error.explanation = found.sample, found.explanation
        raise error from found.cause

    def _again(self, draws: Any) -> None:
        """Prepares to evaluate a batch again, with the same draws, since the loss must be a function of parameters."""
        self.leaves.clear_grads()
        if draws is not None:
            self.sources.load_state_dict(draws)

    def _blame(self, columns: Any, which: Sequence[int], draws: Any, value: bool) -> Blame:
        """Finds what made a step bad, and sets the draws back to their state before it."""
        if draws is not None:
            self.sources.load_state_dict(draws)
        found = blame(self.objective, self.sources, columns, which, value)
        if draws is not None:
            self.sources.load_state_dict(draws)
        return found

    def _error(self, step: int, what: str, why: object) -> TrainingError:
        epoch = len(self.history) + 1
        error = TrainingError(
            f"fit: in epoch {epoch}, step {step} of {self.steps}, {what}; the parameters were set back to those before "
            f"this step. {why}"
        )
        error.epoch, error.step, error.history = epoch, step, self.history
        return error


def _is_finite(array: Any) -> bool:
    """Whether all elements are finite; a dot product, which overflows beyond 1e154 only, is a faster check."""
    return isfinite(array.dot(array)) or bool(np.isfinite(array).all())
