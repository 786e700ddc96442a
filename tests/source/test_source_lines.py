"""The line that a message names is the user's, whatever library is between it and this package."""

from __future__ import annotations

import dataclasses
import functools
import heapq
import inspect
import random
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, detect_anomaly
from tinygrad_lite.errors import AnomalyError, TraceError
from tinygrad_lite.source.source_lines import calling_line


@dataclasses.dataclass
class Priced:
    price: Any


def placed(message: str) -> tuple[str, int]:
    """The file and the line that a message names."""
    found = re.search(r"([^ ]*):(\d+)", message)
    assert found, message
    return found[1], int(found[2])


def lines_of(f: Callable[..., Any]) -> range:
    lines, first = inspect.getsourcelines(f)
    return range(first, first + len(lines))


CHOOSING: dict[str, Callable[[Any], Any]] = {
    "statistics.median": lambda x: statistics.median([x, -x, 2.0 * x]),
    "statistics.mean": lambda x: statistics.mean([x, x]),
    "statistics.fmean": lambda x: statistics.fmean([x, x]),
    "heapq.merge": lambda x: list(heapq.merge([x], [-x])),
    "heapq.nlargest, with a key": lambda x: heapq.nlargest(2, [1.0, 2.0, 3.0], key=lambda y: x * y),
    "random.choices": lambda x: random.choices([1.0, 2.0], weights=[x, x]),
    "functools.cmp_to_key": lambda x: sorted([x, -x], key=functools.cmp_to_key(lambda a, b: 1 if a > b else -1)),
    "np.median": lambda x: np.median([x, -x, 2.0 * x]),
    "np.linalg.norm": lambda x: np.linalg.norm([x, x], ord=np.inf),
    "np.where": lambda x: np.where([x, x], 1.0, 2.0)[0],
    "np.full": lambda x: np.full(2, x, dtype=float)[0],
    "what dataclasses write": lambda x: x * len(repr(Priced(x))),
    "max with a key": lambda x: max([1.0, 2.0], key=lambda y: y * x),
}


@pytest.mark.parametrize("name", CHOOSING)
def test_a_trace_error_names_the_users_line(name: str) -> None:
    f = CHOOSING[name]
    with pytest.raises(TraceError) as caught:
        tl.compile(f)(1.0)
    file, line = placed(str(caught.value))
    assert file == __file__ and line in lines_of(f), str(caught.value)


RECORDING: dict[str, Callable[[Value], Any]] = {
    "statistics.median": lambda x: statistics.median([x, x]) / x,
    "np.var": lambda x: np.var(np.array([1.0, 3.0]) / x),
    "np.mean": lambda x: np.mean([x, x]) / x,
    "np.linalg.norm": lambda x: np.linalg.norm([x * 0.0 / x]),
    "functools.reduce": lambda x: functools.reduce(lambda a, b: a / b, [x, x]),
    "np.apply_along_axis": lambda x: np.apply_along_axis(lambda row: row[0] / row[1], 0, np.array([x, x])),
    "of ours": lambda x: tl.nn.mse([x], [1.0]) / x,
}


@pytest.mark.parametrize("name", RECORDING)
def test_an_anomaly_names_the_users_line(name: str) -> None:
    f = RECORDING[name]
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        f(Value(0.0, label="x"))
    file, line = placed(str(caught.value).partition("recorded at ")[2])
    assert file == __file__ and line in lines_of(f), str(caught.value)
    with detect_anomaly():
        y = np.mean([Value(1.0), Value(2.0)])
    file, line = placed(y.line)
    assert file == __file__ and line in lines_of(test_an_anomaly_names_the_users_line)


def test_fit_names_the_line_of_the_loss() -> None:
    def loss(p: Any, t: Any) -> Any:
        return np.mean([p[0] - t[0], (p[0] * 0.0).log() * 0.0])

    model = tl.nn.Linear(1, 1)
    optimizer = tl.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(tl.errors.TrainingError) as caught:
        tl.train.fit(model, loss, ([[1.0]], [[1.0]]), optimizer, epochs=1, progress=False)
    file, line = placed(str(caught.value).partition("recorded at ")[2])
    assert file == __file__ and line in lines_of(loss), str(caught.value)


def test_a_warning_names_the_users_line() -> None:
    f = tl.compile(lambda xs: tl.sum(xs))
    with pytest.warns(UserWarning, match="was traced 8 times") as caught:
        sizes = np.vectorize(lambda n: f([1.0] * n))(np.arange(1, 9))
    assert sizes[-1] == 8.0 and caught[0].filename == __file__
    assert caught[0].lineno in lines_of(test_a_warning_names_the_users_line)
    x = Value(1.0)
    with pytest.warns(UserWarning, match="holds the Value") as caught:
        functools.partial(tl.register_hook, x)(lambda gradient: gradient * x).remove()
    assert caught[0].filename == __file__ and caught[0].lineno in lines_of(test_a_warning_names_the_users_line)


def test_an_installed_package_is_not_the_users(tmp_path: Path) -> None:
    """Unless nobody else called it: then its own line is all there is to name."""
    installed = tmp_path / "lib" / "site-packages"
    installed.mkdir(parents=True)
    (installed / "theirs.py").write_text(
        "def apply(f, x):\n    return f(x)\n\n\ndef choose(x):\n    return x > 0 or x\n"
    )
    script = tmp_path / "mine.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(installed)!r})\n"
        "import theirs\n"
        "import tinygrad_lite as tl\n"
        "for f in (lambda x: theirs.choose(x),\n"
        "          theirs.choose):\n"
        "    try:\n"
        "        tl.compile(f)(1.0)\n"
        "    except TypeError as error:\n"
        "        print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, str(script)],
        env={"PYTHONPATH": str(Path(tl.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    named, called = map(placed, run.stdout.splitlines())
    assert named == (str(script), 5) and called == (str(script), 8)
    code = "import theirs, tinygrad_lite as tl\ntry:\n    tl.compile(theirs.choose)(1.0)\n"
    code += "except TypeError as error:\n    print(error)\n"
    (installed / "__main__.py").write_text(code)
    run = subprocess.run(
        [sys.executable, str(installed)],
        env={"PYTHONPATH": str(Path(tl.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert placed(run.stdout) == (str(installed / "theirs.py"), 6)


def test_what_runs_from_a_string_is_the_users() -> None:
    code = "import tinygrad_lite as tl\ntry:\n    tl.compile(lambda x: x > 0 or x)(1.0)\n"
    code += "except TypeError as error:\n    print(error)\n"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(tl.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert placed(run.stdout) == ("<string>", 3)
    names: dict[str, Any] = {"calling_line": calling_line}
    exec(compile("def cell():\n    return calling_line()", "<ipython-input-1-0123>", "exec"), names)
    assert names["cell"]() == "<ipython-input-1-0123>:2"
