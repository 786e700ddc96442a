"""Saving: anything at the path that is not a regular file stays, links stay, leftovers of killed writers go."""

from __future__ import annotations

import ast
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tinygrad_lite import Value, nn, optim, train
from tinygrad_lite.demo import pictures
from tinygrad_lite.saving import atomic
from tinygrad_lite.saving.atomic import kind_of, replacing, writable
from tinygrad_lite.saving.npz import write_npz

PACKAGE = Path(atomic.__file__).parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="FIFOs, sockets and locks are those of POSIX")


def trained(path: Path) -> None:
    model = nn.MLP(1, [1])
    train.fit(model, nn.mse, ([[1.0]], [1.0]), optim.SGD(model.parameters()), 1, progress=False, checkpoint=path)


def plotted(path: Path) -> None:
    pytest.importorskip("matplotlib")
    figure, _ = pictures._figure(1, (1.0, 1.0))
    pictures._save(figure, path, 20)


WRITERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "model": ("x.npz", lambda path: nn.MLP(1, [1]).save(path)),
    "optimizer": ("x.npz", lambda path: optim.SGD([Value(1.0)]).save(path)),
    "training": ("x.npz", trained),
    "history": ("x.npz", lambda path: train.History([{"epoch": 1}]).save(path)),
    "table": ("x.csv", lambda path: train.History([{"epoch": 1}]).to_csv(path)),
    "picture": ("x.svg", lambda path: Value(1.0).exp().graph().save(path)),
    "dot": ("x.dot", lambda path: Value(1.0).exp().graph().save(path)),
    "page": ("x.html", lambda path: Value(1.0).exp().explore().save(path)),
    "plot": ("x.png", plotted),
}
each_writer = pytest.mark.parametrize(("name", "save"), WRITERS.values(), ids=WRITERS)


@posix
@each_writer
def test_a_fifo_stays_one(name: str, save: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    for way in (path, linked(tmp_path / f"link_{name}", path)):
        with pytest.raises(
            FileExistsError, match=rf"cannot save '.*{name}': that is a FIFO .*name another path, or rem"
        ):
            save(way)
    assert stat.S_ISFIFO(path.lstat().st_mode) and sorted(os.listdir(tmp_path)) == sorted([name, f"link_{name}"])


@each_writer
def test_a_link_stays_and_what_it_leads_to_is_replaced(name: str, save: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    first, second = (
        linked(tmp_path / name, tmp_path / f"b_{name}"),
        linked(tmp_path / f"b_{name}", tmp_path / "there" / name),
    )
    save(first)  # a link to nothing: the file that it names is made
    assert first.is_symlink() and second.is_symlink() and (tmp_path / "there" / name).stat().st_size > 0
    assert os.listdir(tmp_path / "there") == [name]


@each_writer
def test_no_folder_is_taken_for_a_file(name: str, save: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(IsADirectoryError, match=rf"cannot save '.*{name}': that is a folder, name a file in it"):
        save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"create the folder '.*nowhere' first"):
        save(tmp_path / "nowhere" / name)
    assert os.listdir(tmp_path) == [name] and os.listdir(tmp_path / name) == []


def linked(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


@posix
def test_a_socket_and_links_in_a_circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as there:
        there.bind("s")
        with pytest.raises(FileExistsError, match="that is a socket"):
            write_npz("s", {})
        assert stat.S_ISSOCK(os.lstat("s").st_mode)
    os.symlink("b", "a")
    os.symlink("a", "b")
    with pytest.raises(FileExistsError, match="its links form a circle"):
        write_npz("a", {})
    os.symlink("nowhere/x", "c")
    with pytest.raises(FileNotFoundError, match=r"create the folder '.*nowhere' first"):
        write_npz("c", {})
    assert sorted(os.listdir()) == ["a", "b", "c", "s"]


@posix
def test_a_pipe_that_the_system_gives_a_name_is_no_file() -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(FileExistsError, match="that is a FIFO"):
            writable(f"/dev/fd/{write}")
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_an_open_file_without_a_name_is_not_written_beside(tmp_path: Path) -> None:
    with open(tmp_path / "x", "wb") as file:
        (tmp_path / "x").unlink()
        with pytest.raises(FileExistsError, match="that is something that is not a named file"):
            write_npz(f"/proc/self/fd/{file.fileno()}", {})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("mode", "words"),
    [(stat.S_IFCHR, "a device"), (stat.S_IFBLK, "a device"), (stat.S_IFSOCK, "a socket"), (0, "not a named file")],
)
def test_what_devices_are_called(mode: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches a real one: only the status of the file is faked."""
    (tmp_path / "x").write_text("x")
    found = os.stat_result((mode | 0o666, *os.stat(tmp_path / "x")[1:]))
    assert words in kind_of(found)
    monkeypatch.setattr(atomic, "status", lambda path: found)
    with pytest.raises(FileExistsError, match=f"that is .*{words}"):
        write_npz(tmp_path / "x", {})
    assert (tmp_path / "x").read_text() == "x" and os.listdir(tmp_path) == ["x"]


@posix
def test_what_became_a_fifo_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="that is a FIFO"), replacing(path) as file:
        file.write(b"new")
        path.unlink()
        os.mkfifo(path)
    assert stat.S_ISFIFO(path.lstat().st_mode) and os.listdir(tmp_path) == ["x"]


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A process that writes to tmp_path / "x"; the function kills it as a job scheduler does."""
    text = (
        "import sys, time; from tinygrad_lite.saving.atomic import replacing\n"
        "with replacing(sys.argv[1]) as file: file.write(b'half'); file.flush(); print(1, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", text, str(tmp_path / "x")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()

        def kill() -> None:
            process.send_signal(signal.SIGKILL)
            process.wait()

        yield kill
        process.kill()


@posix
def test_what_a_killed_writer_left_goes_with_the_next_and_not_before(
    killed: Callable[[], None], tmp_path: Path
) -> None:
    others = [".x.0123abcd.unfinish", ".y.0123abcd.unfinished", ".x.npz.0123abcd.unfinished", "x.0123abcd.unfinished"]
    for name in others:
        (tmp_path / name).write_text("")
    write_npz(tmp_path / "x", {})
    (alive,) = set(os.listdir(tmp_path)) - {"x", *others}
    assert (tmp_path / alive).read_text() == "half"
    killed()
    write_npz(tmp_path / "y", {})
    assert alive in os.listdir(tmp_path), "of another target"
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "x"):
        _ = 1 / 0
    assert alive in os.listdir(tmp_path), "not by a writer that fails"
    write_npz(tmp_path / "x", {})
    assert set(os.listdir(tmp_path)) == {"x", "y", *others} - {".y.0123abcd.unfinished"}


@posix
def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    for name in (".a+(b).0123abcd.unfinished", ".aa(b).0123abcd.unfinished", ".aab.0123abcd.unfinished"):
        (tmp_path / name).write_text("")
    write_npz(tmp_path / "a+(b)", {})
    assert sorted(os.listdir(tmp_path)) == [".aa(b).0123abcd.unfinished", ".aab.0123abcd.unfinished", "a+(b)"]


def test_writers_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with replacing(path) as first:
        first.write(b"first")
        with replacing(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"

    def often() -> None:
        for _ in range(50):
            with replacing(path) as file:
                file.write(b"x" * 1000)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(often) for _ in range(4)]:
            done.result()
    assert path.read_bytes() == b"x" * 1000 and os.listdir(tmp_path) == ["x"]


def test_a_name_that_another_writer_takes_for_abandoned_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[bool | None] = [False, False, None]
    lock = atomic._lock
    monkeypatch.setattr(atomic, "_lock", lambda file: answers.pop(0) if answers else lock(file))
    with replacing(tmp_path / "x") as file:
        file.write(b"x")
    assert (tmp_path / "x").read_bytes() == b"x"


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "fcntl", None)
    (tmp_path / ".x.0123abcd.unfinished").write_text("")
    write_npz(tmp_path / "x", {})
    assert sorted(os.listdir(tmp_path)) == [".x.0123abcd.unfinished", "x"]


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 120, b"bytes"])
def test_names_of_all_lengths(name: Any, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path) if isinstance(name, bytes) else str(tmp_path), name)
    write_npz(path, {})
    assert os.listdir(tmp_path) == [os.fsdecode(name)]


def test_nothing_else_in_the_package_writes_files() -> None:
    writers = {"write_text", "write_bytes", "savez", "savetxt", "tofile", "mkstemp", "savefig"}
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
                constants = [a for a in (*node.args, *[k.value for k in node.keywords]) if isinstance(a, ast.Constant)]
                opens = called == "open" and any(re.fullmatch("[rbt+]*[wax+][bt+]*", str(a.value)) for a in constants)
                if opens or called in writers:
                    found.append((path.name, called))
    # A figure is given the file of replacing(); the other open() is that of a zip archive.
    assert found == [("pictures.py", "savefig"), ("atomic.py", "open"), ("npz.py", "open")]
