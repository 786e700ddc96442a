"""A training continues from a saved file, to the same bits, even after it was killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_fit import DATA, HELD_OUT, fitted, network, numbers

from tinygrad_lite import Value, nn, optim, train
from tinygrad_lite.train import fit

PROGRAM = """
import random, sys, time
sys.path[:0] = {path!r}
from test_fit import DATA, HELD_OUT, Noisy
from tinygrad_lite import nn, optim, train
random.seed(1)
model = Noisy()
optimizer = optim.Adam(model.parameters(), lr=0.05)
def slowly(state):
    print(state.epoch, flush=True)
    time.sleep({pause})
train.fit(
    model, nn.cross_entropy, DATA, optimizer, 6, 8, HELD_OUT, [slowly], 4, 3, progress=False,
    schedule=optim.OneCycleLR(optimizer, 0.1, epochs=6, steps_per_epoch=4), schedule_each="step",
    checkpoint={checkpoint!r}, resume=True,
).to_csv({table!r})
model.save({weights!r})
"""


def start(folder: Path, pause: float) -> subprocess.Popen[str]:
    here = Path(__file__).parent
    program = PROGRAM.format(
        path=[str(here), str(here.parents[1])], pause=pause, checkpoint=str(folder / "run.npz"),
        table=str(folder / "table.csv"), weights=str(folder / "weights.npz"),
    )  # fmt: skip
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    uninterrupted = start(whole, 0.0)
    assert uninterrupted.communicate()[0].split() == list("123456") and uninterrupted.returncode == 0
    for until in ("1", "3"):
        process = start(parts, 0.5)
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == until:
                time.sleep(random.uniform(0.0, 0.7))  # before, amid or after the writing of the file
                process.kill()
                break
        process.communicate()
        assert process.returncode != 0 and not (parts / "weights.npz").exists()
    last = start(parts, 0.0)
    assert set(last.communicate()[0].split()) <= set("3456") and last.returncode == 0
    for name in ("run.npz", "table.csv", "weights.npz"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize("eager", [False, True])
def test_more_epochs_go_on_where_fewer_ended(eager: bool, tmp_path: Path) -> None:
    def run(epochs: int, path: Path) -> tuple[list[float], train.History]:
        model = network(seed=random.randrange(100) if path.exists() else 1)
        extra = Value(0.5)
        optimizer = optim.SGD([*model.parameters(), extra], lr=0.05, momentum=0.9)
        schedule = optim.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        history = fit(
            model, lambda p, t: nn.cross_entropy([z * extra for z in p], t), DATA, optimizer, epochs, 8, HELD_OUT,
            seed=3, eager=eager, progress=False, schedule=schedule, checkpoint=path, resume=True,
        )  # fmt: skip
        return [*numbers(model), extra.data, optimizer.lr], history

    for epochs in (1, 2, 5):
        there = run(epochs, tmp_path / "parts.npz")
    assert there == run(5, tmp_path / "whole.npz")
    assert run(5, tmp_path / "parts.npz") == there, "nothing is left to do"
    assert (tmp_path / "parts.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    fitted(network(), 1, checkpoint=path)
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="pass resume=True to continue from it, name another, or delete it"):
        fitted(network(), 1, checkpoint=path)
    assert path.read_bytes() == content
