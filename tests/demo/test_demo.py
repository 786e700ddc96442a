"""python -m tinygrad_lite demo: what it learns, what it writes, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tinygrad_lite import engine
from tinygrad_lite.__main__ import main
from tinygrad_lite.demo import run
from tinygrad_lite.nn import MLP
from tinygrad_lite.transforms.check import GradcheckReport, Row

ALWAYS = {"report.md", "weights.npz", "loss_curve.png", "confusion_matrix.png", "neuron.svg", "explorer.html"}
PNG = b"\x89PNG\r\n\x1a\n"


def right(report: str) -> float:
    found = re.search(r"held-out samples right \((\d+\.\d) %\)", report)
    assert found, report
    return float(found.group(1))


def page(folder: Path) -> dict[str, Any]:
    """The data in the explorer's page."""
    text = (folder / "explorer.html").read_text(encoding="utf-8")
    held: dict[str, Any] = json.loads(text.partition('id="payload">')[2].partition("</script>")[0])
    return held


def test_digits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a" / "b"
    assert main(["demo", "--out", str(out), *([] if engine.compiled else ["--epochs", "1"])]) == 0
    report = (out / "report.md").read_text(encoding="utf-8")
    assert right(report) >= (96.0 if engine.compiled else 85.0)
    assert set(os.listdir(out)) == ALWAYS
    told = capsys.readouterr()
    assert f"Written to {out}" in told.out and "1,797 images" in told.out and "training: 100%" in told.err
    assert right(told.out) == right(report)
    assert (
        "times as long" in told.out and "matrix products" in told.out and "time of the same steps uncompiled" in report
    )
    assert MLP(64, [24, 10], activation="tanh").load(out / "weights.npz")([0.5] * 64)
    for name in ("loss_curve.png", "confusion_matrix.png"):
        assert (out / name).read_bytes().startswith(PNG) and name in report
    drawn = "".join(ET.parse(out / "neuron.svg").getroot().itertext())
    assert "other inputs" in drawn and "pixel" in drawn and "tanh" in drawn
    explored = page(out)
    assert (out / "explorer.html").stat().st_size < 2_000_000
    assert "loss" in explored["labels"].values() and explored["training"]["parameters"]
    assert explored["training"]["steps"] == list(range(1, (12 if engine.compiled else 1) + 1))
    assert explored["training"]["unit"] == "epoch" and len(explored["training"]["norms"]) == 2
    assert "explorer.html" in report and "explorer.html" in told.out


@pytest.mark.parametrize(("data", "floor"), [("moons", 90.0), ("spirals", 55.0)])
def test_problems_in_the_plane_have_a_decision_boundary(data: str, floor: float, tmp_path: Path) -> None:
    epochs = "12" if engine.compiled else "3"
    assert main(["demo", "--data", data, "--epochs", epochs, "--out", str(tmp_path), "--seed", "3"]) == 0
    assert set(os.listdir(tmp_path)) == ALWAYS | {"decision_boundary.png"}
    assert (tmp_path / "decision_boundary.png").read_bytes().startswith(PNG)
    training = page(tmp_path)["training"]
    assert training["boundary"]["kind"] == "probability" and len(training["steps"]) == int(epochs)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"{epochs} epochs" in report and "seed 3" in report and "All agree." in report
    assert right(report) >= floor or not engine.compiled


def test_the_seed_repeats_a_run(tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["demo", "--data", "moons", "--epochs", "1", "--out", str(tmp_path / name), "--seed", seed]) == 0
    weights = {name: (tmp_path / name / "weights.npz").read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]


def test_the_folder_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    main(["demo", "--data", "moons", "--epochs", "1"])
    assert os.listdir(tmp_path) == ["demo_moons"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "argument --epochs: must be a whole number, 1 or larger, got '0'"),
        (["--epochs", "-3"], "1 or larger, got '-3'"),
        (["--epochs", "2.5"], "got '2.5'"),
        (["--seed", "-1"], "argument --seed: must be a whole number, 0 or larger, got '-1'"),
        (["--seed", "x"], "got 'x'"),
        (["--data", "mnist"], "argument --data: invalid choice: 'mnist'"),
        (["--batch", "3"], "unrecognized arguments: --batch"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["demo", *arguments])
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_no_command_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "the following arguments are required: demo" in capsys.readouterr().err


def test_out_must_be_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "below"):
        assert main(["demo", "--out", str(out)]) == 2
        said = capsys.readouterr()
        assert said.err.startswith("error: ") and str(file) in said.err and not said.out
    assert file.read_text() == "mine"


def test_missing_packages_are_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("sklearn", "tqdm") else find(name))
    assert main(["demo", "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err == (
        'error: the demo needs sklearn and tqdm: install with  python -m pip install "tinygrad_lite[demo]"\n'
    )
    assert os.listdir(tmp_path) == []


def test_a_wrong_gradient_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(f: Any, inputs: Any) -> GradcheckReport:
        return GradcheckReport([Row("w", 1.0, 2.0, "WRONG") for _ in inputs])

    monkeypatch.setattr(run, "gradcheck", wrong)
    assert main(["demo", "--data", "moons", "--epochs", "1", "--out", str(tmp_path)]) == 1
    assert "THEY DISAGREE" in capsys.readouterr().out
    assert "**They disagree.**" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_as_a_program() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite", "demo", "--help"], capture_output=True, text=True, check=True
    )
    assert "--data {digits,moons,spirals}" in result.stdout
    code = "import sys, tinygrad_lite.__main__; assert not {'matplotlib', 'sklearn', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
