"""The loss that fit minimizes, written for one sample and run on batches; and metrics, which are only reported."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

from .. import ops
from ..compiler import compile
from ..compiler.batch_columns import rows_of
from ..compiler.trace.held_modules import Held, modules_of
from ..engine import Value
from ..errors import received
from ..nn import Module
from ..nn.module import kept_modes
from ..recording.modes import no_grad
from ..transforms.pytree import mapped
from ..transforms.runs import inside_transform
from .samples import Samples

Loss = Callable[[Any, Any], Any]
Metric = Callable[[Any, Any], float]


class Objective:
    """The loss of a model on samples, compiled for batches, with metrics.

    of_sample  of_sample(x, y): the loss of one sample, recorded as Values
    metrics    a dict from column names to functions
    """

    def __init__(self, who: str, model: Module, loss: Loss, metrics: Sequence[Metric], eager: bool) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"{who}(model) takes a Module, got {received(model)}")
        if not callable(loss):
            raise TypeError(
                f"{who}(loss) takes a function loss(prediction, target) of one sample, got {received(loss)}"
            )
        self.model, self.eager, self._loss = model, eager, loss
        self.metrics: dict[str, Metric] = {}
        for metric in [metrics] if callable(metrics) else metrics:
            name = getattr(metric, "__name__", "")
            if not callable(metric) or name in ("", "epoch", "loss", "lr") or name in self.metrics:
                raise ValueError(
                    f"{who}(metrics) takes functions metric(prediction, target) of one sample, whose names differ, "
                    f"since they name columns of the history, got {received(metric)}"
                )
            self.metrics[name] = metric

        def of_sample(x: Any, y: Any) -> Any:
            # Eager runs then behave as traced ones do.
            return inside_transform(lambda: loss(model(x), y))

        of_sample.__name__ = f"{getattr(loss, '__name__', 'loss')} of {type(model).__name__}"
        self.of_sample = of_sample
        self._compile()

    def _compile(self) -> None:
        self._compiled, self._predict = compile(self.of_sample), compile(self.model)
        self._held = Held(modules_of([self.model, self._loss]))

    def look_again(self) -> bool:
        """Whether an attribute of the model was replaced since the last look; then everything is traced again."""
        if self._held.is_unchanged():
            return False
        self._compile()
        return True

    def of_batch(self, columns: Any, size: int) -> Value:
        """The mean loss of a batch, ready for backward()."""
        if self.eager:
            mean = ops.mean([self.of_sample(*rows_of(columns, k)) for k in range(size)])
        else:
            mean = self._compiled.batch(*columns)
        return cast(Value, mean)

    def closure(self, first: Value, columns: Any, size: int, prepare: Callable[[], None]) -> Callable[[], Value]:
        """A closure for an optimizer that evaluates a batch several times; its first call returns `first`."""
        known = [first]

        def closure() -> Value:
            if known:
                return known.pop()
            prepare()
            mean = self.of_batch(columns, size)
            mean.backward()
            return mean

        return closure

    def evaluated(self, samples: Samples, prefix: str = "", with_loss: bool = True) -> dict[str, float]:
        """The mean loss and the mean of each metric, in eval() mode; afterwards the model is in train() mode."""
        found: dict[str, float] = {}
        if not with_loss and not self.metrics:
            return found
        try:
            self.model.eval()
            with no_grad():
                if with_loss:
                    found[f"{prefix}loss"] = self.of_batch(samples.columns, samples.size).data
                if self.metrics:
                    pairs = self._predictions(samples)
                    for name, metric in self.metrics.items():
                        found[f"{prefix}{name}"] = math.fsum(metric(p, t) for p, t in pairs) / samples.size
        finally:
            self.model.train()
        return found

    def _predictions(self, samples: Samples) -> list[tuple[Any, Any]]:
        inputs, targets = samples.columns
        if self.eager:
            outputs = [self.model(rows_of(inputs, k)) for k in range(samples.size)]
            predictions = [mapped(lambda v: v.data if type(v) is Value else v, output) for output in outputs]
        else:
            arrays = self._predict.batch(inputs, reduce=None)
            predictions = [rows_of(arrays, k) for k in range(samples.size)]
        return [(p, rows_of(targets, k)) for k, p in enumerate(predictions)]


def evaluate(
    model: Module, loss: Loss, data: tuple[Any, Any], metrics: Sequence[Metric] = (), *, eager: bool = False
) -> dict[str, float]:
    """The mean loss, and the mean of each metric, over data (X, y), in eval() mode; takes the arguments of fit.

    >>> from tinygrad_lite import Value, nn
    >>> line = nn.Module(); line.forward = lambda x: 2 * x
    >>> evaluate(line, nn.mse, ([1.0, 2.0], [1.0, 2.0]))
    {'loss': 2.5}
    """
    objective = Objective("evaluate", model, loss, metrics, eager)
    with kept_modes(model):
        return objective.evaluated(Samples("evaluate(data)", data, not eager))


def accuracy(prediction: Any, target: Any) -> float:
    """A metric: 1.0 if the prediction is right, else 0.0.

    If the prediction is a list of logits, the largest decides the class; so it does in a target that is a list of
    probabilities. If the prediction is one number, its sign decides, and the target is 0 or 1, or -1 or 1.

    >>> accuracy([0.1, 2.0, -1.0], 1), accuracy([0.1, 2.0], [0.8, 0.2]), accuracy(-0.5, 1), accuracy(-0.5, -1)
    (1.0, 0.0, 0.0, 1.0)
    """
    if isinstance(prediction, list):
        return float(_largest(prediction) == (_largest(target) if isinstance(target, list) else target))
    return float((prediction > 0) == (target > 0))


def _largest(numbers: list[float]) -> int:
    return max(range(len(numbers)), key=numbers.__getitem__)
