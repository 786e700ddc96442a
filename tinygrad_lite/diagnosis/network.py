"""diagnose: examines a network, its loss and a batch for common problems."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from .. import ops
from ..engine import Value
from ..errors import ShapeError, received
from ..explanation import explain_nan
from ..nn import Module
from ..nn.module import kept_modes
from ..optim import Optimizer
from ..recording.modes import enable_grad, no_grad
from ..text.wording import count, counted, number
from ..transforms.check import WRONG, gradcheck
from ..transforms.pytree import mapped
from ..transforms.runs import as_value
from .finding import NAMELESS, Diagnosis, Finding
from .learning_rate import in_rate
from .loss_curve import in_history
from .recording import Layer, Loss, Recording

NOT_FINITE, NO_GRADIENT = "not finite", "no gradient"
VANISHES, EXPLODES = 1e-3, 1e2
"""The ratios of a layer's gradient norm to the last layer's at which it vanishes or explodes."""
DEAD, SATURATED = 0.7, 0.5
"""The parts of a layer's relus that may be dead for a batch, and of its tanhs and sigmoids that may be saturated."""
EXCESS = 1.5
"""How far (in nats) the loss may lie above that of an output that prefers no class."""
FEWEST = 4
"""With fewer samples, no relu is called dead."""
_CHECKED, _CHECKED_SAMPLES = 2, 4
_CLOSE = 1e-9


@enable_grad()
def diagnose(
    model: Module,
    loss: Loss,
    batch: tuple[Any, Any],
    *,
    history: Sequence[Mapping[str, float]] | None = None,
    optimizer: Optimizer | None = None,
) -> Diagnosis:
    """Reports what is wrong with a network: findings, each with numbers and a cure.

    loss       loss(prediction, target) of one sample, such as nn.cross_entropy
    batch      (X, y), about 16 to 200 samples of the data; each is recorded with all its numbers
    history    rows for the epochs, as train.fit returns, with "loss" and, to detect overfitting, "val_loss"
    optimizer  its learning rate is compared with that of lr_find on this batch, which clears gradients
    The model runs in eval() mode; its parameters, its modes and the optimizer are left as they were.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(1, [8, 8, 1], activation="tanh", init=lambda fan_in, fan_out: 50.0)
    >>> [f.what for f in diagnose(model, nn.mse, ([[0.1], [0.2], [0.9]], [0.0, 0.0, 1.0])).findings][-1]
    'saturated units'
    """
    if not isinstance(model, Module):
        raise TypeError(f"diagnose(model) takes a Module, got {received(model)}")
    if not callable(loss):
        raise TypeError(f"diagnose(loss) takes a function loss(prediction, target) of one sample, got {received(loss)}")
    inputs, targets = _samples(batch)

    def recorded(prediction: Any, target: Any) -> Value:
        return as_value(loss(prediction, target))  # a loss that lost its history through .data is a plain number

    with kept_modes(model):
        model.eval()
        findings, layers = _in_network(model, recorded, inputs, targets)
        if optimizer is not None and not any(finding.what in (NOT_FINITE, NO_GRADIENT) for finding in findings):
            findings += in_rate(model, loss, batch, optimizer)
    looked = [counted(len(layers), "layer"), counted(len(inputs), "sample")]
    if history is not None:
        findings += in_history(history)
        looked.append(counted(len(history), "epoch"))
    return Diagnosis(findings, layers, ", ".join(looked))


def _samples(batch: Any) -> tuple[list[Any], list[Any]]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        raise TypeError(f"diagnose(batch) takes (X, y), samples and their targets, got {received(batch)}")
    inputs, targets = (part.tolist() if hasattr(part, "tolist") else list(part) for part in batch)
    if len(inputs) != len(targets) or not inputs:
        raise ShapeError(f"diagnose(batch) takes a target for each sample, got {len(inputs)} and {len(targets)}")
    return inputs, targets


def _in_network(model: Module, loss: Loss, inputs: list[Any], targets: list[Any]) -> tuple[list[Finding], list[Layer]]:
    recording = Recording(model, loss, inputs, targets)
    layers = recording.layers()
    derivatives = recording.derivatives
    if not (math.isfinite(recording.mean.data) and all(map(math.isfinite, derivatives.values()))):
        return [_not_finite(recording)], layers
    findings = [*_unreached(layers), *_depth(layers)]
    for layer in layers:
        findings += _units(layer, len(inputs))
    findings += _initial_loss(loss, recording, targets)
    findings += _labels(loss, recording.outputs, targets)
    findings += _gradients(model, loss, inputs, targets, layers, derivatives)
    return findings, layers


def _not_finite(recording: Recording) -> Finding:
    worst = next((one for one in recording.losses if not math.isfinite(one.data)), recording.mean)
    words = f"the loss is {worst.data}" if not math.isfinite(worst.data) else "a derivative of the loss is not finite"
    return Finding(NOT_FINITE, "loss", worst.data, words, str(explain_nan(worst)))


def _unreached(layers: Sequence[Layer]) -> list[Finding]:
    return [
        Finding(
            NO_GRADIENT,
            layer.path or NAMELESS,
            layer.unreached,
            f"no gradient can reach {count(layer.unreached)} of {counted(len(layer.parameters), 'parameter')}: the "
            "loss does not depend on them, or something in between is detached",
            "use the layer in forward(), and remove detach(), no_grad(), stop_gradient(), step() or sign() between it "
            "and the loss; a number that should stay fixed need not be a parameter",
        )
        for layer in layers
        if layer.unreached
    ]


def _depth(layers: Sequence[Layer]) -> list[Finding]:
    """Findings if the gradient vanishes or explodes on the way back from the last layer."""
    deep = [one for one in layers if len(one.parameters) > one.unreached and not math.isnan(one.gradient)]
    if len(deep) < 2 or deep[-1].gradient == 0.0:
        return []
    last = deep[-1]
    least, most = (choose(deep, key=lambda one: one.gradient) for choose in (min, max))
    found = []
    for what, layer, moved, cure in (
        (
            "vanishing gradients",
            least if least.gradient < VANISHES * last.gradient else None,
            "hardly moves this layer",
            "relu or gelu instead of tanh and sigmoid; init='he_normal' for relu, 'xavier_uniform' for tanh, never "
            "zeros; residual connections (nn.Residual) or normalization (nn.LayerNorm) between layers; fewer layers",
        ),
        (
            "exploding gradients",
            most if most.gradient > EXPLODES * last.gradient else None,
            "moves this layer too far",
            "smaller weights, with init='he_normal' for relu, 'xavier_uniform' for tanh; normalization (nn.LayerNorm) "
            "between layers; optim.clip_grad_norm_ before each step",
        ),
    ):
        if layer is not None:
            ratio = layer.gradient / last.gradient
            words = (
                f"a step {moved}: the gradient of the loss by its outputs has the norm {number(layer.gradient, 3)}, "
                f"{number(ratio, 3)} times that of {last.path or NAMELESS} ({number(last.gradient, 3)}). On its way "
                f"back it is multiplied by the weights and slopes of each layer (a sigmoid's slope is at most 0.25)"
            )
            found.append(Finding(what, layer.path or NAMELESS, ratio, words, cure))
    return found


def _units(layer: Layer, samples: int) -> list[Finding]:
    found, where = [], layer.path or NAMELESS
    if layer.dead > DEAD * layer.relus and samples >= FEWEST:
        found.append(
            Finding(
                "dead relus",
                where,
                layer.dead / layer.relus,
                f"{count(layer.dead)} of {counted(layer.relus, 'relu')} give 0 for all {count(samples)} samples, and "
                "pass no gradient on",
                "biases that start at 0, init='he_normal', inputs with mean 0; a smaller learning rate, if they died "
                "in training; leaky_relu, elu or gelu, which pass a gradient everywhere",
            )
        )
    if layer.saturated > SATURATED * layer.bounded:
        found.append(
            Finding(
                "saturated units",
                where,
                layer.saturated / layer.bounded,
                f"{layer.saturated / layer.bounded:.0%} of the results of tanh or sigmoid are near their limits, where "
                "the slope is below a twentieth of the steepest",
                "smaller weights, with init='xavier_uniform'; inputs with mean 0 and deviation 1; normalization before "
                "the activation; a smaller learning rate or weight decay, if it happened in training",
            )
        )
    return found


def _initial_loss(loss: Loss, recording: Recording, targets: Sequence[Any]) -> list[Finding]:
    classes = _classes(recording.outputs[0])
    expected = math.log(classes) if classes > 1 else math.nan
    for same in (0.0, 1.0 / classes):
        with no_grad():
            neutral = loss(mapped(functools.partial(_fresh, same), recording.outputs[0]), targets[0])
        if abs(neutral.data - expected) < _CLOSE * expected and recording.mean.data > expected + EXCESS:
            return [
                Finding(
                    "bad initial loss",
                    "loss",
                    recording.mean.data,
                    f"the loss is {number(recording.mean.data)}, while an output that prefers none of {classes} "
                    f"classes has -log(1/{classes}) = {number(expected)}: the network is sure, and wrong",
                    "smaller weights in the last layer (a tenth), and init='xavier_uniform' or 'he_normal' in all "
                    "layers; inputs with mean 0 and deviation 1; if the network is trained already, check that labels "
                    "belong to their samples",
                )
            ]
    return []


def _fresh(x: float, _: Any) -> Value:
    return Value(x)


def _classes(output: Any) -> int:
    """How many classes an output chooses from: a single number from two, a list from as many as it has elements."""
    while isinstance(output, (list, tuple)) and output and isinstance(output[0], (list, tuple)):
        output = output[0]
    return len(output) if isinstance(output, (list, tuple)) else 2


def _labels(loss: Loss, outputs: Sequence[Any], targets: Sequence[Any]) -> list[Finding]:
    """A finding if the target changes no loss; outputs are drawn at random, since a neutral one suits all classes."""
    draw, tried = random.Random(0), 0
    for output, target in zip(outputs, targets, strict=True):
        other = next((t for t in targets if t != target), None)
        if other is None:
            return []
        drawn = mapped(lambda _: Value(draw.uniform(0.2, 0.8)), output)  # logits as well as probabilities
        try:
            with no_grad():
                own, changed = loss(drawn, target).data, loss(drawn, other).data
        except ValueError:  # the other target has a shape that does not fit this sample
            continue
        tried += 1
        if abs(changed - own) > _CLOSE * abs(own):
            return []
    if not tried:
        return []
    words = f"with the targets of other samples, the losses of {counted(tried, 'sample')} stay the same"
    cure = (
        "check that loss(prediction, target) uses its target: is it multiplied by 0, overwritten, or compared with "
        "itself?"
    )
    return [Finding("labels without effect", "loss", tried, words, cure)]


def _gradients(
    model: Module,
    loss: Loss,
    inputs: Sequence[Any],
    targets: Sequence[Any],
    layers: Sequence[Layer],
    derivatives: Mapping[Value, float],
) -> list[Finding]:
    """Compares derivatives with finite differences: per layer, the largest one and one drawn at random."""
    draw = random.Random(0)
    chosen: dict[str, Value] = {}
    for layer in layers:
        names = sorted(layer.parameters, key=lambda name: -abs(derivatives[layer.parameters[name]]))
        if names and not layer.unreached:
            names = [*names[: _CHECKED - 1], draw.choice(names)]
            chosen.update((name, layer.parameters[name]) for name in names)
    if not chosen:
        return []

    def mean(*_: Value) -> Value:
        some = zip(inputs[:_CHECKED_SAMPLES], targets, strict=False)
        return ops.mean([loss(model(x), t) for x, t in some])  # type: ignore[no-any-return]

    report = gradcheck(mean, list(chosen.values()))
    wrong = [(name, row) for name, row in zip(chosen, report.rows, strict=True) if row.verdict == WRONG]
    if not wrong:
        return []
    name, row = max(wrong, key=lambda found: found[1].error)
    words = (
        f"the derivative by {name} is {number(row.analytic)}, but finite differences give {number(row.numeric)}; "
        f"{count(len(wrong))} of {count(len(chosen))} checked derivatives are wrong"
    )
    cure = (
        "tl.compare(loss) names the operation whose rule is wrong; a detach() or a straight-through rule in between "
        "gives the same finding, and may be intended"
    )
    return [Finding("wrong gradients", name, row.error, words, cure)]
