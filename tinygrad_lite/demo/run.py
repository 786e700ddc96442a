"""The demo: trains a network, tests it, checks its gradients, and writes a report."""

from __future__ import annotations

import dataclasses
import importlib.util
import random
import time
from pathlib import Path

from ..compiler import compile
from ..engine import Value, compiled
from ..errors import MissingProgramError
from ..nn import MLP
from ..optim import AdamW, LinearLR
from ..train import accuracy, fit
from ..transforms.check import GradcheckReport, gradcheck
from ..viz import Recorder
from .outcome import Outcome
from .pictures import draw_confusion_matrix, draw_decision_boundary, draw_loss_curve, draw_neuron, write_explorer
from .problems import PROBLEMS, Problem
from .report import write_report

BATCH = 32
EAGER = 4
CHECKED = 10


def run_demo(data: str, epochs: int | None, seed: int, folder: Path) -> bool:
    """Runs the demo and prints what it does; returns False if a gradient is wrong."""
    _require("sklearn", "matplotlib", "tqdm")
    folder = _made(folder)
    random.seed(seed)
    problem = PROBLEMS[data](seed)
    epochs = epochs or problem.epochs
    model = problem.network()

    learned, held_out = len(problem.learned[0]), len(problem.held_out[0])
    sizes = "-".join(map(str, [len(problem.inputs), *problem.widths]))
    _tell(f"Data: {problem.data}. {learned:,} to learn from, {held_out} held out for the test.")
    _tell(f"Network: {sizes} with tanh, {len(model.parameters()):,} parameters, each a Value.")
    _tell(f"Engine: {'compiled to C' if compiled else 'plain Python (no compiled engine found: much slower)'}.")
    _tell(f"Training: {epochs} epochs of AdamW, batches of {BATCH}, with the compiled loss.")
    outcome = _train(problem, model, epochs, seed)
    _tell(
        f"Trained in {outcome.seconds:.1f} s. The loss fell from {outcome.losses[0]:.3f} to {outcome.losses[-1]:.3f}."
    )
    _tell(
        f"Uncompiled, with a Value for every number, the same {outcome.steps:,} steps would take about "
        f"{outcome.eager_seconds:.1f} s (estimated from {EAGER} of them), "
        f"{outcome.eager_seconds / outcome.seconds:.1f} times as long."
    )
    _tell(f"The compiled step: {outcome.program}.")

    decided = list(map(problem.decide, compile(model).batch(problem.held_out[0], reduce=None).tolist()))
    right = sum(d == label for d, label in zip(decided, problem.held_out[1], strict=True))
    _tell(f"Test: {right} of {held_out} held-out samples right ({100 * right / held_out:.1f} %).")

    report = _checked_gradients(problem, model)
    verdict = "all agree" if report.ok else "THEY DISAGREE"
    _tell(f"Gradients: {len(report.rows)} of them against finite differences: {verdict}.")
    _tell(report)

    model.save(folder / "weights.npz")
    draw_loss_curve(outcome, folder / "loss_curve.png")
    draw_confusion_matrix(problem, decided, folder / "confusion_matrix.png")
    if problem.widths[-1] == 1:
        draw_decision_boundary(problem, model, folder / "decision_boundary.png")
    neuron = draw_neuron(problem, model, folder / "neuron.svg")
    explored = write_explorer(problem, model, outcome, folder / "explorer.html")
    written = write_report(folder / "report.md", problem, outcome, epochs, seed, right, report, neuron, explored)
    _tell(f"Written to {folder}:")
    for name, what in written.items():
        _tell(f"  {name:22} {what}")
    return report.ok


def _tell(text: object) -> None:
    print(text, flush=True)


def _require(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingProgramError(
            f'the demo needs {" and ".join(missing)}: install with  python -m pip install "tinygrad_lite[demo]"'
        )


def _made(folder: Path) -> Path:
    """Makes the folder, before any work is done, and returns its absolute path."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out takes a folder, but {folder} is a file: name another")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _seconds_a_batch(problem: Problem, model: MLP) -> float:
    """The seconds that one uncompiled batch takes, forward and backward, measured on a few batches without a step."""
    start = time.perf_counter()
    for k in range(EAGER):
        part = slice(k * BATCH, (k + 1) * BATCH)
        problem.loss([model(row) for row in problem.learned[0][part]], problem.learned[1][part]).backward()
    model.zero_grad()
    return (time.perf_counter() - start) / EAGER


def _train(problem: Problem, model: MLP, epochs: int, seed: int) -> Outcome:
    """Trains with minibatches in a new order each epoch, and a learning rate that falls linearly to 0."""
    optimizer = AdamW(model.parameters(), lr=problem.rate)
    recorder = Recorder(model, data=problem.learned)
    start = time.perf_counter()
    history = fit(
        model, problem.loss, problem.learned, optimizer, epochs, BATCH, problem.held_out, seed=seed, metrics=[accuracy],
        schedule=LinearLR(optimizer, 1.0, 0.0, epochs), callbacks=[recorder],
    )  # fmt: skip
    seconds = time.perf_counter() - start
    steps = epochs * -(-len(problem.learned[0]) // BATCH)
    return Outcome(
        history, recorder, seconds, steps, steps * _seconds_a_batch(problem, model), _program(problem, model)
    )


def _program(problem: Problem, model: MLP) -> str:
    """A summary of the compiled step."""
    loss = compile(lambda row, label: problem.loss(model(row), label))
    loss.batch(*[part[:BATCH] for part in problem.learned])
    return loss.summary


def _checked_gradients(problem: Problem, model: MLP) -> GradcheckReport:
    """Checks some parameters, drawn at random from those with a sizable gradient, on a few held-out samples."""
    rows, labels = problem.held_out[0][:8], problem.held_out[1][:8]

    def loss(*_: Value) -> Value:
        return problem.loss([model(row) for row in rows], labels)

    model.zero_grad()
    loss().backward()
    least = 1e-3 * max(abs(p.grad) for p in model.parameters())
    moving = [(name, p) for name, p in model.named_parameters() if abs(p.grad) >= least]
    model.zero_grad()
    sample = random.sample(moving, min(CHECKED, len(moving)))
    found = gradcheck(loss, [p for _, p in sample])
    return GradcheckReport(
        [dataclasses.replace(r, argument=name) for r, (name, _) in zip(found.rows, sample, strict=True)]
    )
