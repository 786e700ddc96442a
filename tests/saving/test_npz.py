"""Reading .npz files: nothing unexpected is unpacked, and the error says what a foreign file is."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lite import Value, nn, optim, train
from tinygrad_lite.errors import StateDictError
from tinygrad_lite.saving.files import read_model, read_state, write_state
from tinygrad_lite.saving.npz import reading

BIG = 1 << 25
X, Y = [[0.0, 0.5], [1.0, -1.0]], [1.0, 3.0]


def model() -> nn.Module:
    return nn.MLP(2, [1])


def optimizer() -> optim.Optimizer:
    return optim.Adam([Value(1.0), Value(2.0)])


def resumed(path: Path) -> None:
    made = model()
    train.fit(made, nn.mse, (X, Y), optim.SGD(made.parameters()), 2, progress=False, checkpoint=path, resume=True)


def trained(path: Path) -> None:
    made = model()
    train.fit(made, nn.mse, (X, Y), optim.SGD(made.parameters()), 1, progress=False, checkpoint=path)


READERS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any], str]] = {
    "model": (lambda path: model().save(path), lambda path: model().load(path), "layers.0.neurons.0.w"),
    "optimizer": (lambda path: optimizer().save(path), lambda path: optimizer().load(path), "exp_avg"),
    "training": (trained, resumed, "model.layers.0.neurons.0.w"),
    "model of a training": (trained, lambda path: model().load(path), "model.layers.0.neurons.0.w"),
}
each_reader = pytest.mark.parametrize(("save", "load", "array"), READERS.values(), ids=READERS)


def header(shape: str, dtype: str = "<f8") -> bytes:
    """Of an array in NumPy's format."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def with_member(path: Path, name: str, start: bytes, size: int, method: int = zipfile.ZIP_DEFLATED) -> None:
    """The archive with one member in place of, or beside, the others: `start`, then zeros up to that size."""
    with zipfile.ZipFile(path) as archive:
        others = {info.filename: archive.read(info) for info in archive.infolist() if info.filename != f"{name}.npy"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for other, content in others.items():
            archive.writestr(other, content)
        info = zipfile.ZipInfo(f"{name}.npy")
        info.compress_type = method
        with archive.open(info, "w") as member:
            member.write(start)
            for _ in range((size - len(start)) >> 20):
                member.write(bytes(1 << 20))
            member.write(bytes((size - len(start)) % (1 << 20)))


def peak_of(load: Callable[[], Any], message: str) -> int:
    """The most memory that a refused load takes."""
    tracemalloc.start()
    with pytest.raises(StateDictError, match=message):
        load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@each_reader
def test_a_bomb_is_refused_before_it_is_unpacked(
    save: Callable[[Path], Any], load: Callable[[Path], Any], array: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.npz"
    start = header(f"({BIG // 8},)")
    for name, message in (("bomb", "unexpected: bomb|array 'bomb' has no place"), (array, f"shape.*{BIG // 8}")):
        save(path)
        with_member(path, name, start, len(start) + BIG)
        assert path.stat().st_size < BIG / 500
        assert peak_of(lambda: load(path), message) < 1 << 21
        path.unlink()


@pytest.mark.parametrize("load", [lambda p: model().load(p), lambda p: optimizer().load(p), resumed])
def test_a_bomb_for_a_header(load: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    optimizer().save(path)
    start = header(f"({BIG},)", "|u1")
    with_member(path, "tinygrad_lite", start, len(start) + BIG)
    assert peak_of(lambda: load(path), f"header would have {BIG:,} bytes unpacked") < 1 << 21


def test_without_knowing_what_is_wanted_no_more_is_unpacked_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"

    class Renaming(nn.Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def load_state_dict(self, state: Any) -> None:
            super().load_state_dict({"w": state["old"]})

    np.savez_compressed(path, old=np.float64(3.0))
    assert Renaming().load(path).w.data == 3.0
    start = header(f"({BIG // 8},)")
    with_member(path, "old", start, len(start) + BIG)
    for load in (lambda: Renaming().load(path), lambda: read_model(path)):
        assert peak_of(load, f"its arrays would have {BIG:,} bytes unpacked") < 1 << 21
    write_state(path, "anything", {"a": np.zeros(2)})
    with_member(path, "a", start, len(start) + BIG)
    assert peak_of(lambda: read_state(path, "anything"), "bytes unpacked") < 1 << 21


def test_compressed_files_that_fit_are_read(tmp_path: Path) -> None:
    path, one, other = tmp_path / "x.npz", model(), model()
    np.savez_compressed(path, **one.state_dict())
    assert [p.data for p in other.load(path).parameters()] == [p.data for p in one.parameters()]
    state = one.state_dict()
    state["layers.0.neurons.0.w"] = np.asfortranarray([[1, 2], [3, 4]], np.int8)
    np.savez(path, **state)
    with reading(path) as archive:
        outline = archive.outlines["layers.0.neurons.0.w"]
        assert outline.shape == (2, 2) and outline.dtype == np.int8 and outline.strides == (0, 0)
        assert archive.read("layers.0.neurons.0.w").tolist() == [[1, 2], [3, 4]]


def lying(content: bytes, size: int) -> bytes:
    """With another size for the first member's content, in its own header and in the directory."""
    changed = bytearray(content)
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = changed.index(mark) + at
        changed[place : place + 4] = struct.pack("<I", size)
    return bytes(changed)


@cache
def claiming(shape: tuple[int, ...], method: int) -> bytes:
    """A file with one member, which is BIG, or would be if it were compressed, and has a header of this shape."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("w.npy", header(repr(shape)) + bytes(BIG if method == zipfile.ZIP_DEFLATED else 16))
    return file.getvalue()


@pytest.mark.parametrize("declared", [0, 100, 128, 1 << 30])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_sizes_that_lie(declared: int, method: int, tmp_path: Path) -> None:
    """A member that unpacks to more than it declares, or declares more than it has, is cut off where it should end."""
    path = tmp_path / "x.npz"
    for shape in ((BIG // 8,), (2,), (declared // 8,)):
        path.write_bytes(lying(claiming(shape, method), declared))
        module = nn.Module()
        module.w = [Value(1.0), Value(2.0)]  # type: ignore[attr-defined]
        assert peak_of(lambda module=module: module.load(path), "x.npz' is not a file that|load_state") < 1 << 21


def test_members_within_others(tmp_path: Path) -> None:
    """So that a small file would hold the same bytes in many arrays."""
    inner, path = io.BytesIO(), tmp_path / "x.npz"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("b.npy", header("(1000,)") + bytes(8000))
        (info,) = archive.infolist()
        content = inner.getvalue()[: len(inner.getvalue()) // 8 * 8]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header(f"({len(content) // 8},)") + content)
        info.header_offset = archive.start_dir - len(content)
        archive.filelist.append(info)
    with pytest.raises(StateDictError, match="its members overlap"):
        read_model(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_array_that_is_shorter_than_it_says(method: int, tmp_path: Path) -> None:
    path, module = tmp_path / "x.npz", nn.Module()
    module.w = [Value(1.0), Value(2.0)]  # type: ignore[attr-defined]
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("w.npy", header("(2,)") + bytes(8))
    path.write_bytes(lying(path.read_bytes(), 128 + 16))
    with pytest.raises(StateDictError, match="some of its bytes are missing"):
        module.load(path)


def test_a_model_takes_of_a_training_what_is_its_own(tmp_path: Path) -> None:
    path, one = tmp_path / "x.npz", model()
    train.fit(one, nn.mse, (X, Y), optim.Adam(one.parameters()), 1, progress=False, checkpoint=path)
    start = header(f"({BIG // 8},)")
    with_member(path, "optimizer.exp_avg", start, len(start) + BIG)
    tracemalloc.start()
    assert [p.data for p in model().load(path).parameters()] == [p.data for p in one.parameters()]
    assert tracemalloc.get_traced_memory()[1] < 1 << 21
    tracemalloc.stop()


def test_members_that_stand_twice_or_are_packed_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header("(2,)") + bytes(16))
    content = path.read_bytes()
    end = content.index(b"PK\x05\x06")
    entry = content[content.index(b"PK\x01\x02") : end]
    twice = content[:end] + entry + struct.pack("<4s4xHHIIH", b"PK\x05\x06", 2, 2, 2 * len(entry), end - len(entry), 0)
    path.write_bytes(twice)
    with pytest.raises(StateDictError, match="is there twice"):
        read_model(path)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.npy", header("(2,)") + bytes(16))
        with pytest.raises(StateDictError, match=r"not compressed the way numpy.savez_compressed\(\)"):
            read_model(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "length", "message"),
    [
        ("(2,)", "<f8", 15, "does not have the size of that shape"),
        ("(2,)", "<f8", 17, "does not have the size"),
        ("(-1, -2)", "<f8", 16, "damaged"),
        (f"({1 << 40}, {1 << 40}, 0)", "<f8", 0, "layers.0.neurons.0.w|damaged"),
        ("(1,)", "<U4", 16, "is of dtype <U4, not of numbers"),
        ("(1,)", f"|V{16}", 16, "not of numbers"),
        ("(2,)", "|O", 16, "is a pickle, which is never loaded"),
        ("2", "<f8", 16, "is not an array"),
        ("(2,)", "nonsense", 16, "is not an array"),
    ],
)
def test_headers_that_lie(shape: str, dtype: str, length: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("layers.0.neurons.0.w.npy", header(shape, dtype) + bytes(length))
    assert peak_of(lambda: model().load(path), message) < 1 << 21


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()
