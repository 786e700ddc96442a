"""The demo: trains a network, tests it, checks its gradients, and writes down what came of it."""

from __future__ import annotations

import dataclasses
import importlib.util
import random
import time
from pathlib import Path

from ..check import GradcheckReport, gradcheck
from ..engine import Value, compiled
from ..errors import MissingProgramError
from ..modes import no_grad
from ..nn import MLP
from ..optim import AdamW
from .course import Course
from .pictures import draw_confusion_matrix, draw_decision_boundary, draw_loss_curve, draw_neuron
from .problems import PROBLEMS, Problem, batches
from .report import write_report

BATCH = 32
CHECKED = 10


def run_demo(data: str, epochs: int | None, seed: int, folder: Path) -> bool:
    """Runs the demo, telling what it does; False where a gradient turns out wrong."""
    _require("sklearn", "matplotlib", "tqdm")
    folder = _made(folder)
    random.seed(seed)
    problem = PROBLEMS[data](seed)
    epochs = epochs or problem.epochs
    model = problem.network()

    learned, held_out = len(problem.learned[0]), len(problem.held_out[0])
    sizes = "-".join(map(str, [len(problem.inputs), *problem.widths]))
    _tell(f"Data: {problem.data}. {learned:,} to learn from, {held_out} held out for the test.")
    _tell(f"Network: {sizes} with tanh, {len(model.parameters()):,} parameters, every number of it a Value.")
    _tell(f"Engine: {'compiled to C' if compiled else 'plain Python (no compiled engine found: much slower)'}.")
    estimate = _seconds_a_batch(problem, model) * epochs * learned / BATCH
    _tell(f"Training: {epochs} epochs of AdamW, batches of {BATCH}. This will take about {_duration(estimate)}.")
    course = _train(problem, model, epochs)
    _tell(
        f"Trained in {_duration(course.seconds)}. The loss fell from {course.losses[0]:.3f} to {course.losses[-1]:.3f}."
    )

    decided, _ = _test(problem, model)
    right = sum(d == label for d, label in zip(decided, problem.held_out[1], strict=True))
    _tell(f"Test: {right} of {held_out} held-out samples right ({100 * right / held_out:.1f} %).")

    report = _checked_gradients(problem, model)
    verdict = "all agree" if report.ok else "THEY DISAGREE"
    _tell(f"Gradients: {len(report.rows)} of them against finite differences: {verdict}.")
    _tell(report)

    model.save(folder / "weights.npz")
    draw_loss_curve(course, folder / "loss_curve.png")
    draw_confusion_matrix(problem, decided, folder / "confusion_matrix.png")
    if problem.widths[-1] == 1:
        draw_decision_boundary(problem, model, folder / "decision_boundary.png", cells=100 if compiled else 50)
    neuron = draw_neuron(problem, model, folder / "neuron.svg")
    written = write_report(folder / "report.md", problem, course, epochs, seed, right, report, neuron)
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
    """The folder as an absolute path, made before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out takes a folder, and {folder} is a file: name another")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def _seconds_a_batch(problem: Problem, model: MLP) -> float:
    """Measured: one batch forward and backward, with nothing learned from it."""
    rows, labels = problem.learned[0][:BATCH], problem.learned[1][:BATCH]
    start = time.perf_counter()
    problem.loss([model(row) for row in rows], labels).backward()
    model.zero_grad()
    return time.perf_counter() - start


def _train(problem: Problem, model: MLP, epochs: int) -> Course:
    """Minibatches in a new order each epoch; the learning rate falls to zero in a straight line."""
    from tqdm import tqdm

    course = Course()
    optimizer = AdamW(model.parameters(), lr=problem.rate)
    start = time.perf_counter()
    steps = -(-len(problem.learned[0]) // BATCH)
    with tqdm(total=epochs * steps, desc="training", unit="step") as progress:
        for epoch in range(epochs):
            optimizer.lr = problem.rate * (1.0 - epoch / epochs)
            for rows, labels in batches(*problem.learned, BATCH):
                optimizer.zero_grad()
                loss = problem.loss([model(row) for row in rows], labels)
                loss.backward()
                optimizer.step()
                course.losses.append(loss.data)
                progress.update()
            decided, held_out_loss = _test(problem, model)
            right = sum(d == label for d, label in zip(decided, problem.held_out[1], strict=True)) / len(decided)
            course.held_out_losses.append(held_out_loss)
            course.held_out_right.append(right)
            progress.set_postfix(epoch=f"{epoch + 1}/{epochs}", loss=f"{held_out_loss:.3f}", right=f"{right:.1%}")
    course.seconds = time.perf_counter() - start
    return course


def _test(problem: Problem, model: MLP) -> tuple[list[int], float]:
    """The decisions on the held-out samples, and their loss."""
    rows, labels = problem.held_out
    with no_grad():
        outputs = [model(row) for row in rows]
        return [problem.decide(output) for output in outputs], problem.loss(outputs, labels).data


def _checked_gradients(problem: Problem, model: MLP) -> GradcheckReport:
    """Some parameters, drawn at random from those with a gradient to speak of, on a few held-out samples."""
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


def _duration(seconds: float) -> str:
    """
    >>> _duration(0.4), _duration(42.0), _duration(200.0)
    ('1 second', '42 seconds', '3.3 minutes')
    """
    if seconds >= 100:
        return f"{seconds / 60:.1f} minutes"
    return f"{max(1, round(seconds))} second{'s' * (round(seconds) > 1)}"
