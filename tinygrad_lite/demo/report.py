"""The demo's report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..engine import compiled
from ..saving.atomic import replacing
from ..transforms.check import GradcheckReport
from .problems import Problem

if TYPE_CHECKING:
    from .outcome import Outcome


def write_report(
    path: Path,
    problem: Problem,
    outcome: Outcome,
    epochs: int,
    seed: int,
    right: int,
    gradients: GradcheckReport,
    neuron: str,
    explored: str,
) -> dict[str, str]:
    """Writes the report in Markdown; returns the names of the demo's files with a description of each."""
    tested = len(problem.held_out[0])
    files = {
        "report.md": "a summary of this run",
        "weights.npz": "the trained weights",
        "loss_curve.png": "loss and accuracy, epoch by epoch",
        "confusion_matrix.png": "which class was mistaken for which",
    }
    if problem.widths[-1] == 1:
        files["decision_boundary.png"] = "the network's decision all over the plane"
    files["neuron.svg"] = "one neuron with its gradients"
    files["explorer.html"] = "backpropagation step by step, and the training over time: open it in a browser"
    size, widths = len(problem.inputs), problem.widths
    pictures = "\n\n".join(
        f"![{what}]({name})" for name, what in files.items() if name.endswith((".png", ".svg")) and name != "neuron.svg"
    )
    text = f"""# tinygrad_lite demo: {problem.name}

**{right} of {tested} held-out samples right ({100 * right / tested:.1f} %).**

| | |
|---|---|
| data | {problem.data} |
| training / held out | {len(problem.learned[0]):,} / {tested}, with the same share of each class |
| network | {"-".join(map(str, [size, *widths]))}, tanh, Xavier initialisation |
| training | {epochs} epochs of AdamW, learning rate {problem.rate:g} falling to 0, seed {seed} |
| engine | {"compiled" if compiled else "plain Python"} |
| time, compiled | {outcome.seconds:.1f} s |
| a compiled step | {outcome.program} |
| time of the same steps uncompiled | about {outcome.eager_seconds:.1f} s |
| loss, first epoch to last | {outcome.losses[0]:.4f} to {outcome.losses[-1]:.4f} |
| loss on held-out samples | {outcome.history[-1]["val_loss"]:.4f} |

{pictures}

## One neuron

{neuron}

![one neuron](neuron.svg)

## Explorer

{explored} Open [explorer.html](explorer.html) in a browser.

## Gradients against finite differences

{"All agree." if gradients.ok else "**They disagree.**"}

```
{gradients}
```

## To use the network

```python
from tinygrad_lite.nn import MLP

model = MLP({size}, {widths}, activation="tanh").load("weights.npz")
```
"""
    with replacing(path) as file:
        file.write(text.encode())
    return files
