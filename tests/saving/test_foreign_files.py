"""For files that are foreign, damaged or not regular, the error says what they are."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_npz import each_reader, npy, resumed

from tinygrad_lite.errors import StateDictError


def torch_file(good: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    return file.getvalue()


FOREIGN: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda good: b"", "it is empty"),
    "text": (lambda good: b"lr = 0.1\nsteps = 3\n", r"it is text, beginning with 'lr = 0.1\\nsteps = 3\\n'"),
    "text of another alphabet": (lambda good: b"a" + "ξ".encode() * 4000, "it is text, beginning with 'aξξξ"),
    "pickle": (
        lambda good: pickle.dumps([1.0]),
        "it is a pickle, which is never loaded, since that could run any code",
    ),
    "one array": (lambda good: npy(), r"it holds a single array, as numpy.save\(\) writes it"),
    "gzip": (lambda good: gzip.compress(good), "it is compressed by gzip: unpack it first"),
    "hdf5": (lambda good: b"\x89HDF\r\n\x1a\n" + bytes(50), "it is an HDF5 file"),
    "half": (lambda good: good[: len(good) // 2], "its end is missing, so it was not written or copied completely"),
    "middle missing": (lambda good: good[:100] + good[200:], "some of its bytes are missing"),
    "zeros": (lambda good: bytes(len(good)), "it does not begin like an .npz file"),
    "beginning missing": (lambda good: good[50:], "it does not begin like an .npz file|bytes are missing|Bad"),
    "torch": (torch_file, r"it was written by torch.save\(\): save the arrays with numpy.savez\(\)"),
}


@each_reader
@pytest.mark.parametrize(("content", "message"), FOREIGN.values(), ids=FOREIGN)
def test_foreign_and_damaged_files_are_called_what_they_are(
    content: Callable[[bytes], bytes],
    message: str,
    save: Callable[[Path], Any],
    load: Callable[[Path], Any],
    array: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.npz"
    save(path)
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(
        StateDictError, match=rf"x.npz' is not a file that save\(\) wrote.*{message}.*nothing was"
    ) as caught:
        load(path)
    assert "allow_pickle" not in str(caught.value)


@each_reader
def test_what_is_no_file_is_not_opened(
    save: Callable[[Path], Any], load: Callable[[Path], Any], array: str, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    if load is not resumed:  # fit looks whether it can write there
        with pytest.raises(IsADirectoryError, match=r"cannot load '.*folder': that is a folder, name a file in it"):
            load(tmp_path / "folder")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises((StateDictError, FileExistsError), match="FIFO"):  # opening it would wait for a writer
        load(tmp_path / "fifo")
