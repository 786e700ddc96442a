"""Writes torch_layers.json: results and gradients of PyTorch's layers and losses, for test_as_torch.py to check.

Run it from anywhere: python tests/tools/record_torch_layers.py
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("torch_layers.json")
Case = tuple[str, dict[str, Any], list[int], list[int] | None]
LossCase = tuple[str, list[int], Any, dict[str, Any]]  # its name, the shape of its input, its target, its settings

# Kind of layer, its settings, the shape of its input, and that of its state, where one is given.
CASES: list[Case] = [
    ("Linear", {"in_features": 3, "out_features": 2}, [3], None),
    ("Linear", {"in_features": 3, "out_features": 1, "bias": False}, [4, 3], None),
    ("LayerNorm", {"normalized_shape": 4}, [4], None),
    ("LayerNorm", {"normalized_shape": 4, "eps": 0.1, "bias": False}, [2, 3, 4], None),
    ("LayerNorm", {"normalized_shape": 3, "elementwise_affine": False}, [2, 3], None),
    ("RMSNorm", {"normalized_shape": 4}, [3, 4], None),
    ("RMSNorm", {"normalized_shape": 4, "eps": 0.1}, [4], None),
    ("RMSNorm", {"normalized_shape": 4, "elementwise_affine": False}, [4], None),
    ("Conv1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3}, [2, 7], None),
    ("Conv1d", {"in_channels": 1, "out_channels": 2, "kernel_size": 2, "stride": 3, "padding": 2}, [1, 6], None),
    ("Conv1d", {"in_channels": 2, "out_channels": 1, "kernel_size": 1, "bias": False}, [2, 3], None),
    ("Conv2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 2}, [2, 4, 3], None),
    ("Conv2d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1}, [1, 5, 4], None),
    (
        "Conv2d",
        {
            "in_channels": 2,
            "out_channels": 1,
            "kernel_size": (1, 3),
            "stride": (2, 1),
            "padding": (0, 2),
            "bias": False,
        },
        [2, 3, 2],
        None,
    ),
    ("MultiheadAttention", {"embed_dim": 4, "num_heads": 2}, [3, 4], None),
    ("MultiheadAttention", {"embed_dim": 6, "num_heads": 3, "causal": True, "bias": False}, [4, 6], None),
    ("MultiheadAttention", {"embed_dim": 3, "num_heads": 1, "causal": True}, [1, 3], None),
    ("RNNCell", {"input_size": 3, "hidden_size": 2}, [3], [2]),
    ("RNNCell", {"input_size": 1, "hidden_size": 3, "nonlinearity": "relu", "bias": False}, [1], None),
    ("GRUCell", {"input_size": 3, "hidden_size": 2}, [3], [2]),
    ("GRUCell", {"input_size": 2, "hidden_size": 3, "bias": False}, [2], None),
    ("LSTMCell", {"input_size": 3, "hidden_size": 2}, [3], [2]),
    ("LSTMCell", {"input_size": 2, "hidden_size": 3, "bias": False}, [2], None),
    ("RNN", {"input_size": 2, "hidden_size": 3, "num_layers": 2}, [4, 2], [2, 3]),
    ("RNN", {"input_size": 2, "hidden_size": 2, "nonlinearity": "relu", "bias": False}, [3, 2], None),
    ("GRU", {"input_size": 2, "hidden_size": 3, "num_layers": 2}, [4, 2], [2, 3]),
    ("GRU", {"input_size": 2, "hidden_size": 2, "bias": False}, [3, 2], None),
    ("LSTM", {"input_size": 2, "hidden_size": 3, "num_layers": 2}, [4, 2], [2, 3]),
    ("LSTM", {"input_size": 2, "hidden_size": 2, "bias": False}, [3, 2], None),
]
INDICES = [[2, 0], [2, 4]]
ROWS = [[0.2, 0.3, 0.1, 0.4], [1.0, 0.0, 0.0, 0.0], [0.0, 0.25, 0.75, 0.0]]
WEIGHT = [0.5, 2.0, 0.0, 1.25]
REDUCTIONS = ["mean", "sum", "none"]


def losses() -> list[LossCase]:
    """Each setting by itself and together, each with each reduction."""
    labels, some, of_one, shares = [3, 0, 1], [3, -100, 1], 2, [[0.0, 1.0, 0.25], [1.0, 0.9, 0.0]]
    cases: list[LossCase] = [
        *(("cross_entropy", [3, 4], labels, {"label_smoothing": share}) for share in (0.0, 0.1, 0.6, 1.0)),
        ("cross_entropy", [3, 4], labels, {"weight": WEIGHT}),
        ("cross_entropy", [3, 4], labels, {"weight": WEIGHT, "label_smoothing": 0.3}),
        ("cross_entropy", [3, 4], some, {"ignore_index": -100}),
        ("cross_entropy", [3, 4], labels, {"ignore_index": 0}),
        ("cross_entropy", [3, 4], labels, {"ignore_index": 7, "label_smoothing": 0.3}),
        ("cross_entropy", [3, 4], some, {"ignore_index": -100, "label_smoothing": 0.3}),
        ("cross_entropy", [3, 4], some, {"ignore_index": -100, "weight": WEIGHT}),
        ("cross_entropy", [3, 4], labels, {"ignore_index": 1, "weight": WEIGHT, "label_smoothing": 0.3}),
        ("cross_entropy", [2, 4], [-100, -100], {"ignore_index": -100}),
        ("cross_entropy", [2, 4], [-100, -100], {"ignore_index": -100, "weight": WEIGHT, "label_smoothing": 0.3}),
        ("cross_entropy", [4], 1, {}),
        ("cross_entropy", [4], 1, {"weight": WEIGHT}),
        ("cross_entropy", [4], 3, {"weight": WEIGHT, "label_smoothing": 0.3}),
        ("cross_entropy", [4], 1, {"ignore_index": 1}),
        ("cross_entropy", [4], of_one, {"ignore_index": 1}),
        *(
            ("cross_entropy", [3, 4], ROWS, settings)
            for settings in ({}, {"label_smoothing": 0.3}, {"weight": WEIGHT}, {"label_smoothing": 1.0})
        ),
        ("cross_entropy", [3, 4], ROWS, {"weight": WEIGHT, "label_smoothing": 0.3}),
        ("cross_entropy", [4], ROWS[0], {}),
        ("cross_entropy", [4], ROWS[0], {"weight": WEIGHT, "label_smoothing": 0.3}),
        ("binary_cross_entropy_with_logits", [2, 3], shares, {}),
        ("binary_cross_entropy_with_logits", [2, 3], shares, {"pos_weight": [0.5, 2.0, 3.0]}),
        ("binary_cross_entropy_with_logits", [2, 3], shares, {"pos_weight": 2.5}),
        ("binary_cross_entropy_with_logits", [2, 3], shares, {"weight": [0.5, 2.0, 0.0]}),
        ("binary_cross_entropy_with_logits", [2, 3], shares, {"weight": ROWS[0][:3], "pos_weight": [0.5, 2.0, 3.0]}),
        ("binary_cross_entropy_with_logits", [2, 3], shares, {"weight": [ROWS[0][:3], ROWS[2][:3]], "pos_weight": 0.0}),
        ("binary_cross_entropy_with_logits", [3], shares[1], {"pos_weight": [0.5, 2.0, 3.0]}),
        ("binary_cross_entropy_with_logits", [], 1.0, {"pos_weight": 2.0, "weight": 0.5}),
    ]
    wanted = [[0.3, -0.2, 1.5], [-0.9, 0.0, 2.5]]
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        cases += [(name, [2, 3], wanted, {}), (name, [3], wanted[0], {}), (name, [], 0.5, {})]
    cases += [
        ("huber_loss", [2, 3], wanted, {"delta": 0.25}),
        ("l1_loss", [2], numbers("input", 2), {}),
        ("gaussian_nll_loss", [2, 3], wanted, {"var": [[0.5, 1.0, 2.0], [1e-9, 0.0, 1e-3]]}),
        ("gaussian_nll_loss", [2, 3], wanted, {"var": [0.5, 2.0], "full": True}),
        ("gaussian_nll_loss", [2, 3], wanted, {"var": [[0.5, 1.0, 2.0], [0.05, 0.2, 0.0]], "eps": 0.1}),
        ("gaussian_nll_loss", [2, 3], wanted, {"var": 0.3, "full": True}),
        ("gaussian_nll_loss", [2], wanted[0][:2], {"var": [0.5, 2.0], "full": True}),
        ("gaussian_nll_loss", [], 0.5, {"var": 0.01, "eps": 0.1}),
    ]
    return [
        (name, shape, target, settings | {"reduction": reduction})
        for name, shape, target, settings in cases
        for reduction in REDUCTIONS
    ]


def numbers(name: str, count: int) -> list[float]:
    """The same for the same name, here and in the test."""
    start = zlib.crc32(name.encode()) % 97
    return [0.9 * math.sin(1.7 * k + start) for k in range(count)]


def tensor(name: str, shape: list[int]) -> Any:
    import torch

    filled = torch.tensor(numbers(name, math.prod(shape)), dtype=torch.float64).reshape(shape)
    return filled.requires_grad_()


def filled(module: Any) -> Any:
    import torch

    with torch.no_grad():
        for name, p in module.double().named_parameters():
            p.copy_(tensor(name, list(p.shape)))
    return module


def flat(outputs: Any) -> Any:
    import torch

    if isinstance(outputs, torch.Tensor):
        return outputs.flatten()
    return torch.cat([flat(item) for item in outputs])


def results(outputs: Any, leaves: dict[str, Any]) -> dict[str, Any]:
    """The outputs, and the gradients of their sum weighted with numbers("adjoint")."""
    import torch

    y = flat(outputs)
    (y @ torch.tensor(numbers("adjoint", len(y)), dtype=torch.float64)).backward()
    return {"outputs": y.tolist(), "gradients": {name: leaf.grad.flatten().tolist() for name, leaf in leaves.items()}}


def of_layer(name: str, settings: dict[str, Any], shape: list[int], state: list[int] | None) -> dict[str, Any]:
    import torch

    settings = dict(settings)
    causal = settings.pop("causal", False)
    module = filled(getattr(torch.nn, name)(**settings))
    leaves = {"input": tensor("input", shape)}
    x = leaves["input"]
    if name == "MultiheadAttention":
        hidden = torch.ones(shape[0], shape[0], dtype=torch.bool).triu(1) if causal else None
        outputs = module(x, x, x, attn_mask=hidden, need_weights=False)[0]
    elif state is None:
        outputs = module(x)
    else:
        names = ["h", "c"] if name.startswith("LSTM") else ["h"]
        leaves |= {name: tensor(name, state) for name in names}
        states = tuple(leaves[name] for name in names)
        outputs = module(x, states if len(states) > 1 else states[0])
    return results(outputs, leaves | dict(module.named_parameters()))


def of_embedding() -> dict[str, Any]:
    import torch

    module = filled(torch.nn.Embedding(5, 3))
    return results(module(torch.tensor(INDICES)), dict(module.named_parameters()))


def of_loss(name: str, shape: list[int], target: Any, settings: dict[str, Any]) -> dict[str, Any]:
    import torch

    leaves = {"input": tensor("input", shape)}
    given: Any = torch.tensor(target, dtype=torch.int64 if has_labels(name, target) else torch.float64)
    if given.dtype is torch.float64:
        leaves["target"] = given.requires_grad_()
    settings = dict(settings)
    for key in ("weight", "pos_weight", "var"):
        if key in settings:
            settings[key] = torch.tensor(settings[key], dtype=torch.float64)
    if "var" in settings:
        # It takes only a Python float for one number together with several.
        if settings["var"].ndim == 0 and shape:
            settings["var"] = settings["var"].item()
        else:
            leaves["var"] = settings["var"].requires_grad_()
    loss = getattr(torch.nn.functional, name)(leaves["input"], given, **settings)
    return results(loss, leaves)


def has_labels(name: str, target: Any) -> bool:
    """Whether the target consists of class indices, which have no derivative."""
    return name == "cross_entropy" and (isinstance(target, int) or isinstance(target[0], int))


def main() -> None:
    import torch

    recorded = {
        "torch": torch.__version__,
        "layers": [of_layer(*case) for case in CASES],
        "embedding": of_embedding(),
        "losses": [of_loss(*case) for case in losses()],
    }
    TARGET.write_text(json.dumps(recorded).replace('{"outputs"', '\n{"outputs"') + "\n", encoding="utf-8")
    print(f"{len(CASES)} layers and {len(losses())} losses of PyTorch {torch.__version__} in {TARGET.name}")


if __name__ == "__main__":
    main()
