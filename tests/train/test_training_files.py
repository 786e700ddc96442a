"""Files of optimizers, schedules and trainings: what is restored, and what is refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from full_disk import full_at_the_third_array

from tinygrad_lite import Value, nn, optim, train
from tinygrad_lite.errors import StateDictError
from tinygrad_lite.saving.files import VERSION, read_state, write_state

X, Y = [[0.0, 0.5], [1.0, -1.0], [2.0, 0.3]], [1.0, 3.0, 5.0]


def made() -> tuple[optim.Optimizer, list[Value]]:
    x = [Value(1.0), Value(-2.0)]
    return optim.AdamW(x, lr=0.1, betas=(0.8, 0.9), amsgrad=True), x


def moved(optimizer: optim.Optimizer, x: list[Value], steps: int) -> list[float]:
    for _ in range(steps):
        optimizer.zero_grad()
        (x[0] ** 2 + x[0] * x[1].sin()).backward()
        optimizer.step()
    return [v.data for v in x]


def trained(path: Path) -> tuple[nn.Module, train.History]:
    model = nn.MLP(2, [2, 1], activation="tanh")
    history = train.fit(
        model, nn.mse, (X, Y), optim.Adam(model.parameters()), 2, 2, early_stopping=3, progress=False, seed=1,
        checkpoint=path,
    )  # fmt: skip
    return model, history


def test_an_optimizer_comes_back(tmp_path: Path) -> None:
    optimizer, x = made()
    moved(optimizer, x, 3)
    optimizer.save(tmp_path / "adam.npz")
    here = [v.data for v in x]
    expected = moved(optimizer, x, 2)
    other, again = made()
    for v, number in zip(again, here, strict=True):
        v.data = number
    assert other.load(tmp_path / "adam.npz") is other
    assert moved(other, again, 2) == expected and repr(other) == repr(optimizer)


def test_the_same_state_gives_the_same_bytes_and_no_pickle(tmp_path: Path) -> None:
    optimizer, x = made()
    moved(optimizer, x, 1)
    for name in "ab":
        optimizer.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with np.load(tmp_path / "a", allow_pickle=False) as archive:
        header = json.loads(archive["tinygrad_lite"].tobytes())
        assert (header["version"], header["kind"], header["state"]["steps"]) == (VERSION, "AdamW", 1)
        assert archive["exp_avg"].shape == (2,)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_states_of_all_shapes(tmp_path: Path) -> None:
    state = {
        "a": {"b": np.arange(3), "c.d": [np.zeros((2, 2)), None, {"e": float("inf")}], "": True},
        "a.b": np.array(2.5),
        "tinygrad_lite": np.ones(1),
        "large": 2**127 + 1,
        "small": 5e-324,
        "text": "\udcff ☃",
    }
    write_state(tmp_path / "s.npz", "anything", state)
    found = read_state(tmp_path / "s.npz", "anything")
    assert found["a"]["b"].tolist() == [0, 1, 2] and found["a"]["c.d"][0].shape == (2, 2)
    assert found["a"]["c.d"][1:] == [None, {"e": float("inf")}] and found["a"][""] is True
    assert found["a.b"] == 2.5 and found["tinygrad_lite"].tolist() == [1.0]
    assert [found[name] for name in ("large", "small", "text")] == [2**127 + 1, 5e-324, "\udcff ☃"]


@pytest.mark.parametrize("thing", [object(), {1: 2.0}, {"x": 1j}, {1, 2}, np.float32(1.0), np.array(["a"])])
def test_what_no_state_holds(thing: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"cannot save state\['a'\]\[1\]"):
        write_state(tmp_path / "s.npz", "anything", {"a": [0, thing]})
    assert os.listdir(tmp_path) == []


def test_arrays_of_objects_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"cannot save state\['a'\]: it is an? ndarray .*arrays of numbers"):
        write_state(tmp_path / "s.npz", "anything", {"a": np.array([object()])})
    assert os.listdir(tmp_path) == []


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


def with_header(content: bytes, change: Any) -> bytes:
    """The file with its JSON changed, by a function of it that gives another or changes it in place."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(arrays["tinygrad_lite"].tobytes())
    text = change(header)
    arrays["tinygrad_lite"] = np.frombuffer((text or json.dumps(header)).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def without(content: bytes, member: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(file, "w") as copy:
        for name in archive.namelist():
            if name != f"{member}.npy":
                copy.writestr(name, archive.read(name))
    return file.getvalue()


def object_array() -> bytes:
    file = io.BytesIO()
    np.savez(file, tinygrad_lite=np.array([Bomb()], dtype=object))
    return file.getvalue()


def flipped(content: bytes) -> bytes:
    at = content.index(b"NUMPY") + 200
    return content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :]


DAMAGES = {
    "empty": lambda good: b"",
    "text": lambda good: b"lr = 0.1",
    "half": lambda good: good[: len(good) // 2],
    "end missing": lambda good: good[:-40],
    "flipped byte": flipped,
    "pickle": lambda good: pickle.dumps(Bomb()),
    "object array": lambda good: object_array(),
    "no header": lambda good: without(good, "tinygrad_lite"),
    "array missing": lambda good: without(good, "exp_avg"),
    "no JSON": lambda good: with_header(good, lambda h: "{"),
    "JSON of another": lambda good: with_header(good, lambda h: "[1, 2]"),
    "deep JSON": lambda good: with_header(good, lambda h: "[" * 100_000),
    "digits without end": lambda good: with_header(good, lambda h: "9" * 10_000),
    "other format": lambda good: with_header(good, lambda h: h.update(format="mine")),
    "version no number": lambda good: with_header(good, lambda h: h.update(version="1")),
    "no kind": lambda good: with_header(good, lambda h: h.pop("kind")),
    "state no dict": lambda good: with_header(good, lambda h: h.update(state=[1])),
    "place of no array": lambda good: with_header(good, lambda h: h["arrays"].update(exp_avg=["lr", "x"])),
    "place taken": lambda good: with_header(good, lambda h: h["arrays"].update(exp_avg=["lr"])),
    "empty place": lambda good: with_header(good, lambda h: h["arrays"].update(exp_avg=[])),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_and_foreign_files(damage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    optimizer, x = made()
    moved(optimizer, x, 2)
    optimizer.save("adam.npz")
    Path("adam.npz").write_bytes(damage(Path("adam.npz").read_bytes()))
    other, _ = made()
    before = repr(other.state_dict())
    with pytest.raises(StateDictError, match=r"'adam.npz' is not a file that save\(\) wrote.*nothing was loaded"):
        other.load("adam.npz")
    assert repr(other.state_dict()) == before and os.listdir() == ["adam.npz"]


def test_files_of_a_later_version_and_of_other_kinds(tmp_path: Path) -> None:
    optimizer, _ = made()
    path, model = tmp_path / "a.npz", nn.MLP(2, [1])
    optimizer.save(path)
    with pytest.raises(StateDictError, match="holds a state of AdamW, not of SGD: nothing was loaded"):
        optim.SGD([Value(1.0)]).load(path)
    with pytest.raises(StateDictError, match="holds a state of AdamW, not of a model"):
        model.load(path)
    with pytest.raises(StateDictError, match=r"exp_avg: has the shape \(2,\), expected \(1,\)"):
        optim.AdamW([Value(1.0)]).load(path)
    path.write_bytes(with_header(path.read_bytes(), lambda h: h.update(version=VERSION + 1)))
    with pytest.raises(StateDictError, match=rf"by a later tinygrad_lite, in version {VERSION + 1}.*this one reads"):
        made()[0].load(path)
    model.save(path)
    with pytest.raises(StateDictError, match=r"wrote for AdamW, .*it holds only arrays, like a model's file"):
        made()[0].load(path)
    with pytest.raises(FileNotFoundError):
        optimizer.load(tmp_path / "nothing.npz")


def test_a_model_takes_its_weights_from_a_training(tmp_path: Path) -> None:
    model, _ = trained(tmp_path / "run.npz")
    other = nn.MLP(2, [2, 1], activation="tanh").load(tmp_path / "run.npz")
    assert [p.data for p in other.parameters()] == [p.data for p in model.parameters()]


def resumed(path: Path, **changed: Any) -> train.History:
    model = nn.MLP(2, [2, 1], activation="tanh")
    before = [p.data for p in model.parameters()]
    optimizer = changed.pop("optimizer", optim.Adam)(model.parameters(), lr=0.5)
    state = repr(optimizer.state_dict())
    settings: dict[str, Any] = {"batch_size": 2, "early_stopping": 3, "seed": 1, **changed}
    data = settings.pop("data", (X, Y))
    try:
        return train.fit(model, nn.mse, data, optimizer, 4, progress=False, checkpoint=path, resume=True, **settings)
    except StateDictError:
        assert [p.data for p in model.parameters()] == before and repr(optimizer.state_dict()) == state
        raise


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 2}, "it was started with seed=1, but now seed=2: pass the same, or another file"),
        ({"seed": None}, "seed=None"),
        ({"batch_size": None}, "it was started with batch_size=2, but now batch_size=None"),
        ({"data": (X[:2], Y[:2])}, "samples=3, but now samples=2"),
        ({"eager": True}, "eager"),
        ({"early_stopping": None}, "unexpected: early_stopping"),
        ({"early_stopping": train.EarlyStopping(monitor="lr")}, "early_stopping: .*\n.*monitor: is loss, not lr"),
        ({"optimizer": optim.SGD}, "optimizer: .*SGD: nothing was loaded"),
    ],
)
def test_a_training_that_does_not_fit_its_file(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    trained(path)
    content = path.read_bytes()
    with pytest.raises(StateDictError, match=message) as caught:
        resumed(path, **changed)
    assert "resume=True)" in str(caught.value) and path.read_bytes() == content


TRAINING_DAMAGES: dict[str, tuple[Any, str]] = {
    "no settings": (lambda s: s.pop("settings"), "has no settings"),
    "no draws": (lambda s: s.pop("draws"), "missing: draws"),
    "draws of another kind": (lambda s: s["draws"]["order"].update(bit_generator="MT19937"), "not a state of random"),
    "draws cut": (lambda s: s["draws"]["order"].pop("state"), "not a state of random numbers"),
    "rows of text": (lambda s: s["history"]["rows"][0].update(loss="low"), "must hold only numbers, got a str, 'low'"),
    "rows of nothing": (lambda s: s["history"].update(rows=3), "must be a list of rows"),
    "stopped": (lambda s: s["history"].update(stopped=1), "must be a str"),
    "half a state": (lambda s: s["early_stopping"].pop("epoch"), "missing: epoch"),
}


@pytest.mark.parametrize(("change", "message"), TRAINING_DAMAGES.values(), ids=TRAINING_DAMAGES)
def test_a_training_whose_file_was_changed(change: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    trained(path)
    path.write_bytes(with_header(path.read_bytes(), lambda h: change(h["state"]) and None))
    with pytest.raises(StateDictError, match=message):
        resumed(path)


def test_a_training_whose_file_is_damaged_or_foreign(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    trained(path)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 3], b"", flipped(content)):
        path.write_bytes(damaged)
        with pytest.raises(StateDictError, match="or is damaged"):
            resumed(path)
    made()[0].save(path)
    with pytest.raises(StateDictError, match="holds a state of AdamW, not of training"):
        resumed(path)


def test_a_failure_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.npz"
    trained(path)
    old = path.read_bytes()
    full_at_the_third_array(monkeypatch)
    with pytest.raises(OSError, match="no space left"):
        resumed(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["run.npz"]
