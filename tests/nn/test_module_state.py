"""state_dict, load_state_dict, save and load: all or nothing, atomic, and never unpickled."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from full_disk import full_at_the_third_array

from tinygrad_lite import Value
from tinygrad_lite.engine import bind
from tinygrad_lite.errors import StateDictError
from tinygrad_lite.nn import MLP, Module
from tinygrad_lite.optim import SGD


class Mixed(Module):
    def __init__(self) -> None:
        self.scalar = Value(1.0)
        self.matrix = [[Value(2.0), Value(3.0)], [Value(4.0), Value(5.0)]]
        self.ragged = [[Value(6.0)], [Value(7.0), Value(8.0)]]
        self.file = {"a": Value(9.0), "allow_pickle": (Value(10.0),)}
        self.tied = self.matrix
        self.mixed = [Value(11.0), MLP(1, [1]), "text"]


SHAPES = {
    "scalar": (),
    "matrix": (2, 2),
    "ragged.0": (1,),
    "ragged.1": (2,),
    "file.a": (),
    "file.allow_pickle": (1,),
    "mixed.0": (),
    "mixed.1.layers.0.neurons.0.w": (1,),
    "mixed.1.layers.0.neurons.0.b": (),
}


def numbers(module: Module) -> list[float]:
    return [p.data for p in module.parameters()]


def test_a_list_of_parameters_is_one_array() -> None:
    state = Mixed().state_dict()
    assert {name: array.shape for name, array in state.items()} == SHAPES
    assert state["matrix"].tolist() == [[2.0, 3.0], [4.0, 5.0]] and state["matrix"].dtype == np.float64


def test_the_state_is_a_copy() -> None:
    module = Mixed()
    state = module.state_dict()
    state["matrix"][:] = 0.0
    module.scalar.data = 7.0
    assert module.matrix[0][0].data == 2.0 and state["scalar"] == 1.0


def test_loading_is_in_place() -> None:
    module, other = Mixed(), Mixed()
    for p in other.parameters():
        p.data *= -2.0
    leaves, storage = module.parameters(), bind(module.parameters())[0]
    optimizer = SGD(leaves, lr=1.0)
    leaves[0].grad = 1.0
    module.load_state_dict(other.state_dict())
    assert numbers(module) == numbers(other) and module.parameters() == leaves
    assert bind(leaves)[0] is storage and leaves[0].grad == 1.0
    optimizer.step()
    assert module.scalar.data == -3.0


def test_lists_ints_and_other_arrays_are_taken() -> None:
    module = Mixed()
    state: dict[str, Any] = module.state_dict()
    state |= {"scalar": 3, "matrix": [[1, 2], [3, 4]], "ragged.1": np.array([5, 6], dtype=np.int8)}
    state["file.a"] = np.float32(0.5)
    state["mixed.0"] = float("nan")
    module.load_state_dict(state)
    assert numbers(module)[:9] == [3.0, 1.0, 2.0, 3.0, 4.0, 6.0, 5.0, 6.0, 0.5]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("scalar"), "\n  missing: scalar$"),
        (lambda s: s.update(extra=1.0), "\n  unexpected: extra$"),
        (lambda s: s.update(scalar=[1.0]), r"\n  scalar: has the shape \(1,\), expected \(\)$"),
        (lambda s: s.update(matrix=np.zeros((2, 3))), r"matrix: has the shape \(2, 3\), expected \(2, 2\)"),
        (lambda s: s.update(matrix=[[1.0, 2.0], [3.0]]), "matrix: must be an array of numbers, got a list of 2"),
        (lambda s: s.update(scalar="1"), "scalar: must hold real numbers, got a str, '1'"),
        (lambda s: s.update(scalar=1j), "scalar: must hold real numbers, got a complex"),
        (lambda s: s.update(scalar=None), "scalar: must hold real numbers, got None"),
        (lambda s: s.update(scalar=Value(1.0)), "scalar: must hold real numbers, got a Value"),
        (lambda s: (s.pop("scalar"), s.update(other=1, matrix="x")), "missing: scalar(.|\n)*other(.|\n)*matrix"),
        (lambda s: s.clear(), r"missing: scalar, matrix, .*neurons.0.w, \.\.\. and 1 more$"),
    ],
)
def test_nothing_is_loaded_unless_all_fits(change: Any, message: str) -> None:
    module = Mixed()
    before = numbers(module)
    state: dict[Any, Any] = {name: array + 1.0 for name, array in module.state_dict().items()}
    change(state)
    with pytest.raises(StateDictError, match=message) as caught:
        module.load_state_dict(state)
    assert "load_state_dict() into Mixed: nothing was loaded" in str(caught.value)
    assert numbers(module) == before


def test_what_is_no_state_at_all() -> None:
    with pytest.raises(TypeError, match=r"load_state_dict\(state\) takes a dict from state_dict\(\), got a list of 1"):
        Mixed().load_state_dict([1.0])  # type: ignore[arg-type]


def test_two_parameters_of_one_name() -> None:
    module = Module()
    module.by = {1: Value(1.0), "1": Value(2.0)}  # type: ignore[attr-defined]
    with pytest.raises(StateDictError, match=r"two parameters of Module have the name 'by.1'"):
        module.state_dict()


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    module, other = Mixed(), Mixed()
    for k, p in enumerate(module.parameters()):
        p.data = 1 / (k + 3)
    module.parameters()[0].data = float("inf")
    module.save(path)
    assert other.load(str(path)) is other and numbers(other) == numbers(module)
    with np.load(path, allow_pickle=False) as archive:
        assert {name: archive[name].shape for name in archive.files} == SHAPES
    first = path.read_bytes()
    module.save(path)
    assert path.read_bytes() == first, "the same numbers give the same file"
    assert os.listdir(tmp_path) == ["weights.npz"]


def test_a_failure_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.npz"
    Mixed().save(path)
    old = path.read_bytes()
    full_at_the_third_array(monkeypatch)
    module = Mixed()
    module.scalar.data = 5.0
    with pytest.raises(OSError, match="no space left"):
        module.save(path)
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["weights.npz"]


def test_saving_keeps_links_and_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "target.npz", tmp_path / "link.npz"
    Mixed().save(target)
    plain = tmp_path / "plain"
    plain.write_text("")
    assert target.stat().st_mode == plain.stat().st_mode
    target.chmod(0o600)
    link.symlink_to(target)
    Mixed().save(link)
    assert link.is_symlink() and target.stat().st_mode & 0o777 == 0o600


def test_places_where_nothing_can_be_saved(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"create the folder .*nowhere"):
        Mixed().save(tmp_path / "nowhere" / "weights.npz")
    with pytest.raises(IsADirectoryError, match="that is a folder"):
        Mixed().save(tmp_path)
    assert os.listdir(tmp_path) == []


def archive_of(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def good_file(tmp_path: Path) -> bytes:
    Mixed().save(tmp_path / "good.npz")
    return (tmp_path / "good.npz").read_bytes()


class Bomb:
    def __reduce__(self) -> Any:
        return os.mkdir, ("exploded",)


def pickled_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    return file.getvalue()


def single_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def with_a_flipped_byte(content: bytes) -> bytes:
    at = content.index(b"NUMPY") + 129
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: b"",
        lambda good: b"not a file of arrays at all",
        lambda good: good[: len(good) // 2],
        lambda good: good[:-30],
        with_a_flipped_byte,
        lambda good: pickle.dumps(Bomb()),
        lambda good: pickled_array(),
        lambda good: archive_of(**{"scalar.npy": pickled_array()}),
        lambda good: archive_of(**{"scalar.npy": pickle.dumps(Bomb())}),
        lambda good: archive_of(scalar=b"text"),
        lambda good: single_array(),
        lambda good: archive_of(**{"scalar.npy": single_array()[:100]}),
    ],
    ids=[
        "empty", "text", "half", "end missing", "flipped byte", "pickle", "object array", "npz of objects",
        "npz of pickle", "foreign zip", "npy", "member cut",
    ],
)  # fmt: skip
def test_damaged_and_foreign_files(damage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.npz"
    path.write_bytes(damage(good_file(tmp_path)))
    module = Mixed()
    module.scalar.data = 42.0
    before = numbers(module)
    with pytest.raises(
        StateDictError, match=r"weights.npz' is not a file that save\(\) wrote, or is damaged .*nothing"
    ):
        module.load(path)
    assert numbers(module) == before and not os.path.exists("exploded")


def test_files_of_another_module_and_of_none(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    MLP(2, [1]).save(path)
    with pytest.raises(StateDictError, match=r"missing: scalar, .*\n  unexpected: layers.0.neurons.0.w"):
        Mixed().load(path)
    with pytest.raises(FileNotFoundError, match=r"nothing.npz"):
        Mixed().load(tmp_path / "nothing.npz")
