"""Changes the source a little, and lists the changes that no test notices: python tests/tools/mutate.py FILE...

The tests run once to see which functions of the files each of them enters, and how long it takes. Then for each change
those that enter its function run, the quickest files first, up to the first that fails; a change that a test of the
budget does not notice survives. All of it happens in copies, on the readable source; the working tree stays as it is.

    --sample N     so many changes of each file, drawn by --seed, instead of all
    --tests PATH   files or folders of tests, relative to --root, instead of all
    --budget S     seconds of tests for one change, the quickest of those that enter the function (30): what survives
                   some of them may be tried again with more
    --limit S      seconds after which no further change is tried
    --workers N    processes at a time (1)
    --root PATH    the project, which has its tests in tests/
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import queue
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from mutants import Mutant, mutants

LEFT_OUT = (".git", "*.so", "*.c", "build", "dist", ".*_cache", ".hypothesis", ".venv", "__pycache__", "*.egg-info")
HEAVY = ("numpy", "hypothesis", "mpmath", "autograd.numpy", "scipy.special", "matplotlib", "numbers", "fractions")
SLOW = ("tests/test_notebooks.py", "tests/benchmarks", "tests/tools/test_mutate.py")
Trials = list[tuple[str, Mutant]]


class Recorder:
    """A plugin of pytest: for each test that passes, its seconds and the functions of the files that it enters."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = {str(path): number for number, path in enumerate(files)}
        self._entered: set[tuple[int, int]] = set()
        self.tests: dict[str, tuple[float, list[tuple[int, int]]]] = {}

    def _called(self, frame: Any, event: str, arg: object) -> None:
        number = self._files.get(frame.f_code.co_filename)
        if number is not None:
            self._entered.add((number, frame.f_code.co_firstlineno))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        self._entered.clear()
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" and report.passed:
            self.tests[report.nodeid] = report.duration, []
        elif report.when == "teardown" and report.passed and report.nodeid in self.tests:
            self.tests[report.nodeid] = self.tests[report.nodeid][0], sorted(self._entered)


class Chooser:
    """A plugin of pytest: runs these tests alone, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._places = {name: place for place, name in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted([i for i in items if i.nodeid in self._places], key=lambda item: self._places[item.nodeid])


def run_pytest(copy: Path, arguments: Sequence[str], plugin: object, seconds: float) -> int | None:
    """pytest in a fork, where nothing of the project is imported yet: its exit status, None if it took too long."""
    child = os.fork()
    if not child:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(copy)
        sys.path[:0] = [str(copy), str(copy / "tests"), str(copy / "tests" / "tools")]
        for name in [name for name in sys.modules if name in ("mutants", "mutate")]:
            del sys.modules[name]
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        status = 99
        try:
            status = pytest.main(
                ["-q", "-p", "no:cacheprovider", "-p", "no:doctest", "-o", "addopts=", *arguments], [plugin]
            )
            if isinstance(plugin, Recorder):
                (copy / "tests.json").write_text(json.dumps(plugin.tests), encoding="utf-8")
        finally:
            os._exit(int(status))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Judge:
    """Runs tests on a change, in a copy of the project."""

    def __init__(self, copy: Path, files: Sequence[str], tests: dict[str, Any], budget: float) -> None:
        self._copy, self._files, self._tests, self._budget = copy, list(files), tests, budget
        self._kills: Counter[str] = Counter()

    def entering(self, file: str, function: int) -> tuple[list[str], int]:
        """The tests that enter a function, or any of a file for 0: the quickest in the budget, and how many all are."""
        number = self._files.index(file)
        wanted = [number, function]
        found = [
            name
            for name, (_, entered) in self._tests.items()
            if (wanted in entered if function else any(other == number for other, _ in entered))
        ]
        found.sort(key=lambda name: self._tests[name][0])
        spent = 0.0
        for count, name in enumerate(found):
            spent += self._tests[name][0]
            if spent > self._budget and count:
                return found[:count], len(found)
        return found, len(found)

    def verdict(self, file: str, mutant: Mutant) -> str:
        """'killed', 'survived', 'timeout', 'never run' where no test enters the file, or 'invalid'."""
        path = self._copy / file
        source = path.read_text(encoding="utf-8")
        tests, count = self.entering(file, mutant.function)
        if not count:  # it may run at import alone
            tests, count = self.entering(file, 0)
        if not tests:
            return "never run"
        changed = mutant.applied(source)
        try:
            compile(changed, file, "exec")
        except SyntaxError:
            return "invalid"
        by_file: dict[str, list[str]] = {}
        for name in tests:
            by_file.setdefault(name.partition("::")[0], []).append(name)
        seconds = {name: sum([self._tests[test][0] for test in some]) for name, some in by_file.items()}
        order = sorted(by_file, key=lambda name: (seconds[name] + 0.5) / (1 + self._kills[name]))
        path.write_text(changed, encoding="utf-8")
        try:
            for first, last in ((0, 2), (2, 8), (8, len(order))):
                some = order[first:last]
                if not some:
                    continue
                chosen = Chooser([test for name in some for test in by_file[name]])
                expected = sum([seconds[name] for name in some])
                status = run_pytest(self._copy, ["-x", *some], chosen, 15.0 + 4.0 * expected)
                if status != 0:
                    self._kills.update(some if len(some) < 3 else ())
                    return "timeout" if status is None else "killed"
        finally:
            path.write_text(source, encoding="utf-8")
        return "survived" if len(tests) == count else f"survived the quickest {len(tests)} of {count} tests"


def copied(root: Path, to: Path) -> Path:
    shutil.copytree(root, to, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return to


def recorded(copy: Path, files: Sequence[str], tests: Sequence[str]) -> dict[str, Any]:
    """The functions that each test enters. An added comment makes those tests fail that read the files' text."""
    for file in files:
        with open(copy / file, "a", encoding="utf-8") as end:
            end.write("# changed\n")
    left_out = [f"--ignore={path}" for path in SLOW]
    run_pytest(copy, [*left_out, *tests], Recorder([copy / file for file in files]), 3600.0)
    found: dict[str, Any] = json.loads((copy / "tests.json").read_text(encoding="utf-8"))
    return found


def tried(
    copy: Path, files: Sequence[str], tests: Any, budget: float, end: float, trials: Trials, results: Any
) -> None:
    judge = Judge(copy, files, tests, budget)
    for file, mutant in trials:
        if time.monotonic() < end:
            results.put((file, mutant, judge.verdict(file, mutant)))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--tests", nargs="+", default=["tests"])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    for name, kind, default in (("sample", int, 0), ("seed", int, 0), ("budget", float, 30.0), ("workers", int, 1)):
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--limit", type=float, default=float("inf"))
    given = parser.parse_args(arguments)
    root = given.root.resolve()
    files = [str(Path(file).resolve().relative_to(root)) for file in given.files]
    source = random.Random(given.seed)
    trials: Trials = []
    for file in files:
        every = mutants((root / file).read_text(encoding="utf-8"))
        some = source.sample(every, given.sample) if 0 < given.sample < len(every) else every
        trials += [(file, mutant) for mutant in some]
    source.shuffle(trials)
    os.environ.update(TINYGRAD_LITE_PURE="1", OMP_NUM_THREADS="1", MPLBACKEND="Agg", PYTEST_ADDOPTS="")
    for name in HEAVY:
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    results: Any = multiprocessing.Queue()
    counts = {file: Counter[str]() for file in files}
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(root, Path(folder, "0"))
        start = time.monotonic()
        tests = recorded(copy, files, given.tests)
        sys.dont_write_bytecode = True
        print(f"{len(tests)} tests in {time.monotonic() - start:.0f} s; {len(trials)} changes", flush=True)
        copies = [copy, *[Path(shutil.copytree(copy, Path(folder, str(k)))) for k in range(1, given.workers)]]
        end = time.monotonic() + given.limit
        workers = [
            multiprocessing.Process(
                target=tried, args=(c, files, tests, given.budget, end, trials[k :: len(copies)], results)
            )
            for k, c in enumerate(copies)
        ]
        for worker in workers:
            worker.start()
        while any(worker.is_alive() for worker in workers) or not results.empty():
            try:
                file, mutant, verdict = results.get(timeout=0.2)
            except queue.Empty:
                continue
            counts[file][verdict.partition(" the ")[0]] += 1
            if verdict.startswith(("survived", "never run")):
                print(f"{verdict}: {file}:{mutant}", flush=True)
    for file, of_file in counts.items():
        print(f"{file}: {sum(of_file.values())} changes,", ", ".join(f"{n} {v}" for v, n in sorted(of_file.items())))
    return int(any(of_file["survived"] + of_file["never run"] for of_file in counts.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
