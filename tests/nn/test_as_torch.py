"""Layers and losses against PyTorch's recorded numbers: the same numbers in give the same outputs and gradients."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from record_torch_layers import CASES, INDICES, TARGET, has_labels, losses, numbers

from tinygrad_lite import Value, nn, ops
from tinygrad_lite.transforms.pytree import Structure, mapped

RECORDED = json.loads(TARGET.read_text(encoding="utf-8"))


def values(name: str, shape: Any) -> Any:
    return mapped(Value, np.array(numbers(name, math.prod(shape))).reshape(shape).tolist())


def gradients(tree: Any) -> list[float]:
    return [v.grad for v in Structure(tree).numbers]


def torchs_name(name: str) -> str:
    """PyTorch's name of a parameter: its sequences have no cells."""
    if name.startswith("cells."):
        _, layer, parameter = name.split(".")
        return f"{parameter}_l{layer}"
    return name


def state_of(module: nn.Module) -> dict[str, Any]:
    """The numbers that PyTorch's layer was given."""
    state = {}
    for name, array in module.state_dict().items():
        part, _, kind = name.partition(".")
        if part in PROJECTIONS:  # PyTorch stacks these in one matrix
            rows = np.array(numbers(f"in_proj_{kind}", 3 * array.size)).reshape(3, *array.shape)
            state[name] = rows[PROJECTIONS.index(part)]
        else:
            called = name.replace("out.", "out_proj.") if isinstance(module, nn.Attention) else torchs_name(name)
            state[name] = np.array(numbers(called, array.size)).reshape(array.shape)
    return state


PROJECTIONS = ["query", "key", "value"]


def gradients_by_name(module: nn.Module) -> dict[str, list[float]]:
    """Of the parameters, as PyTorch has them."""
    found: dict[str, list[float]] = {}
    for name, leaf in module.named_parameters():
        part, kind, *_ = name.split(".")
        if isinstance(module, nn.Attention):
            called = f"in_proj_{kind}" if part in PROJECTIONS else f"out_proj.{kind}"
        elif part == "cells":
            called = torchs_name(".".join(name.split(".")[:3]))
        else:
            called = part
        found.setdefault(called, []).append(leaf.grad)
    return found


def check(outputs: Any, leaves: dict[str, Any], module: nn.Module | None, expected: dict[str, Any]) -> None:
    flat = Structure(outputs).numbers
    assert [y.data for y in flat] == pytest.approx(expected["outputs"], rel=1e-12, abs=1e-14, nan_ok=True)
    ops.dot(flat, numbers("adjoint", len(flat))).backward()
    found = {name: gradients(leaf) for name, leaf in leaves.items()}
    if module is not None:
        found |= gradients_by_name(module)
    assert found.keys() == expected["gradients"].keys()
    for name, gradient in expected["gradients"].items():
        assert found[name] == pytest.approx(gradient, rel=1e-11, abs=1e-14), name


@pytest.mark.parametrize(
    ("case", "expected"),
    list(zip(CASES, RECORDED["layers"], strict=True)),
    ids=[f"{k}-{c[0]}" for k, c in enumerate(CASES)],
)
def test_layers(case: Any, expected: dict[str, Any]) -> None:
    name, settings, shape, state = case
    module = getattr(nn, name.replace("MultiheadAttention", "Attention"))(**settings)
    module.load_state_dict(state_of(module))
    leaves = {"input": values("input", shape)}
    if state is not None:
        leaves |= {name: values(name, state) for name in (["h", "c"] if name.startswith("LSTM") else ["h"])}
    x, *states = leaves.values()
    check(module(x, *([states] if len(states) > 1 else states)), leaves, module, expected)


def test_embedding() -> None:
    for indices in (INDICES, mapped(Value, INDICES), np.array(INDICES)):
        module = nn.Embedding(5, 3)
        module.load_state_dict(state_of(module))
        check(module(indices), {}, module, RECORDED["embedding"])


def called_here(name: str) -> Any:
    return getattr(nn, name.removesuffix("_loss"))


def loss_id(case: Any) -> str:
    name, shape, _, settings = case
    return f"{name}-{shape}-{'-'.join(f'{key} {x}' for key, x in settings.items())}"


@pytest.mark.filterwarnings("ignore:cross_entropy.* of one sample alone")
@pytest.mark.parametrize(
    ("case", "expected"), list(zip(losses(), RECORDED["losses"], strict=True)), ids=map(loss_id, losses())
)
def test_losses(case: Any, expected: dict[str, Any]) -> None:
    name, shape, target, settings = case
    loss, leaves, settings = called_here(name), {"input": values("input", shape)}, dict(settings)
    x = leaves["input"]
    plain = Structure(loss(mapped(lambda v: v.data, x), target, **settings)).numbers
    assert plain == pytest.approx(expected["outputs"], rel=1e-12, abs=1e-14, nan_ok=True)
    check(loss(x, target, **settings), leaves, None, only(expected, "input"))
    # All arguments that may be Values.
    leaves = {"input": values("input", shape)}
    labels = mapped(Value, target)
    if not has_labels(name, target):
        leaves["target"] = labels
    for key in ("weight", "pos_weight", "var"):
        if key in settings:
            settings[key] = mapped(Value, settings[key])
    if "var" in expected["gradients"]:
        leaves["var"] = settings["var"]
    check(loss(leaves["input"], labels, **settings), leaves, None, expected)


def only(expected: dict[str, Any], name: str) -> dict[str, Any]:
    return expected | {"gradients": {name: expected["gradients"][name]}}
