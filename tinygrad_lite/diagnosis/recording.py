"""Records a batch sample by sample, and measures each layer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import ops
from ..engine import Value, topological_order
from ..explanation.measuring import passes_nothing
from ..nn import Module, Neuron
from ..transforms.derivatives import gradients
from ..transforms.pytree import values_in
from ..transforms.runs import inside_transform

Loss = Callable[[Any, Any], Any]

_FLAT = 0.05
"""A unit is saturated if its slope is below this part of the steepest."""
_SLOPES: dict[str, Callable[[float], float]] = {"tanh": lambda y: 1.0 - y * y, "sigmoid": lambda y: 4.0 * y * (1.0 - y)}
"""The slope as a function of the result y, as a part of the steepest slope."""


@dataclass
class Layer:
    """The measurements of a module; neurons count as the layer that they are in.

    unreached           how many of its parameters no gradient can reach
    parameter_gradient  root mean square of the derivatives of the mean loss by its parameters; nan if it has none
    gradient            norm of the derivatives of a sample's loss by the layer's outputs (root mean square over the
                        samples); nan if no other layer uses its outputs
    relus, dead         units with a relu, and how many of them give 0 for every sample
    bounded, saturated  results of tanh and sigmoid, except the network's outputs, and how many have almost no slope
    """

    path: str
    parameters: dict[str, Value] = field(default_factory=dict)
    unreached: int = 0
    parameter_gradient: float = math.nan
    gradient: float = math.nan
    relus: int = 0
    dead: int = 0
    bounded: int = 0
    saturated: int = 0


class Recording:
    """A recorded batch: the output and the loss of each sample.

    handed_on  the results of each layer, by path, that other layers use
    """

    def __init__(self, model: Module, loss: Loss, inputs: Sequence[Any], targets: Sequence[Any]) -> None:
        self.outputs: list[Any] = inside_transform(lambda: [model(x) for x in inputs])
        self.losses: list[Value] = inside_transform(
            lambda: [loss(y, t) for y, t in zip(self.outputs, targets, strict=True)]
        )
        self.mean: Value = ops.mean(self.losses)
        self.derivatives: dict[Value, float] = {}
        self._root = model._place.path or "" if model._place else ""
        self._layers = layers_of(model)
        self._known: dict[str, Layer] = {}
        self.handed_on: dict[str, set[Value]] = {path: set() for path in self._layers}

    def layers(self) -> list[Layer]:
        """The measured layers, in the order in which they compute, then those that compute nothing."""
        order: dict[str, Layer] = {}
        alive: Counter[tuple[str, int]] = Counter()
        results = set(values_in(self.outputs))
        for loss in self.losses:
            met: Counter[str] = Counter()
            for v in topological_order(loss):
                if v.op is None:
                    continue
                layer = self._of(v)
                for parent in v.parents:
                    if parent.op is not None:
                        source = self._of(parent)
                        if source is not None and source is not layer:
                            self.handed_on[source.path].add(parent)
                if layer is None:
                    continue
                order[layer.path] = layer
                if v.op.name == "relu":
                    alive[layer.path, met[layer.path]] += v.data != 0.0
                    met[layer.path] += 1
                elif v.op.name in _SLOPES and v not in results:
                    layer.bounded += 1
                    layer.saturated += _SLOPES[v.op.name](v.data) < _FLAT
        for (path, _), samples in alive.items():
            self._layers[path].relus += 1
            self._layers[path].dead += samples == 0
        order.update((path, layer) for path, layer in self._layers.items() if layer.parameters)
        self._measure(list(order.values()))
        return list(order.values())

    def _measure(self, layers: Sequence[Layer]) -> None:
        """Measures the derivatives of each layer."""
        parameters = [p for layer in layers for p in layer.parameters.values()]
        by = [*parameters, *(v for layer in layers for v in self.handed_on[layer.path])]
        self.derivatives = dict(zip(by, gradients(self.mean, by), strict=True))
        reached = _reached(self.mean)
        for layer in layers:
            own, on = list(layer.parameters.values()), self.handed_on[layer.path]
            layer.unreached = len(set(own) - reached)
            if own:
                layer.parameter_gradient = self._norm(own) / math.sqrt(len(own))
            if on:
                layer.gradient = self._norm(on) * math.sqrt(len(self.losses))

    def _norm(self, by: Sequence[Value] | set[Value]) -> float:
        return math.hypot(*(self.derivatives[v] for v in by))

    def _of(self, v: Value) -> Layer | None:
        """The layer that made v; None if no module did."""
        path = v.path
        if path is None:
            return None
        if path not in self._known:
            self._known[path] = _innermost(self._layers, path.removeprefix(self._root).lstrip("."))
        return self._known[path]


def layers_of(model: Module) -> dict[str, Layer]:
    """All modules except neurons, by path, each with the parameters that no module inside it holds."""
    layers = {path: Layer(path) for path, module in model.named_modules() if not isinstance(module, Neuron)}
    layers.setdefault("", Layer(""))
    for name, p in model.named_parameters():
        _innermost(layers, name).parameters[name] = p
    return layers


def gradient_norms(model: Module) -> dict[str, float]:
    """The root mean square of the parameters' `.grad` for each layer, as viz.plots.gradient_flow draws them.

    >>> from tinygrad_lite import nn
    >>> model = nn.MLP(1, [1]); (3 * model([2.0])).backward()
    >>> {path: round(norm, 3) for path, norm in gradient_norms(model).items()}
    {'layers.0': 4.743}
    """
    by_layer = ((path, layer.parameters.values()) for path, layer in layers_of(model).items() if layer.parameters)
    return {path: math.hypot(*(p.grad for p in own)) / math.sqrt(len(own)) for path, own in by_layer}


def _innermost(layers: Mapping[str, Layer], name: str) -> Layer:
    """The innermost layer that holds something of this name."""
    while name not in layers:
        name = name.rpartition(".")[0]
    return layers[name]


def _reached(root: Value) -> set[Value]:
    """The root and every Value that a gradient can reach from it, whatever the numbers are."""
    found, waiting = {root}, [root]
    passes: dict[tuple[str, int], bool] = {}
    while waiting:
        v = waiting.pop()
        if v.op is None:
            continue
        k = 0
        for position, arg in enumerate(v.args):
            parents = [x for x in (arg if type(arg) is tuple else (arg,)) if isinstance(x, Value)]
            if parents:
                key = v.op.name, position
                if key not in passes:
                    passes[key] = not passes_nothing(v, k)
                if passes[key]:
                    new = set(parents) - found
                    found |= new
                    waiting += new
            k += len(parents)
    return found
