"""Every report that is printed keeps to the width of a terminal, and loses nothing by it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, nn, optim
from tinygrad_lite.text.reports import WIDTH, Report, Table, _columns
from tinygrad_lite.train import History

LONG = "a label that is as long as a whole sentence about it"


def chain() -> tuple[Value, Value]:
    x = Value(0.5, LONG)
    y = x * 3.0
    for k in range(9):
        y = (y * y.tanh()).relu()
        y.label = f"result {k} {LONG}"
    return x, y


def points() -> tuple[list[list[float]], list[float]]:
    return [[math.sin(3 * k), math.cos(5 * k)] for k in range(16)], [(-1.0) ** k for k in range(16)]


def swept(y: Value) -> Value:
    y.backward()
    y.backward()
    return y


def of_sweeps(x: Value, y: Value) -> Report:
    return tl.explain(x, wrt=swept(y))


def bad() -> nn.Module:
    return nn.MLP(2, [8, 8, 8, 1], activation="tanh", init=lambda fan_in, fan_out: 50.0)


def trained() -> Any:
    model = nn.MLP(2, [12, 12, 1], activation="gelu")
    loss = tl.compile(lambda x, y: nn.mse(model(x), y))
    loss.batch(*points()).backward()
    return loss


def history() -> History:
    names = ["epoch", "lr", "lr[1]", "loss", "accuracy", "val_loss", "val_accuracy", "val_mean_absolute_error"]
    return History([{name: (k + 1) / (7 + j) for j, name in enumerate(names)} for k in range(12)])


def kinds(x: Value) -> Value:
    return x.tanh() + (x - 0.5).relu() + x.stop_gradient() * x.log()


REPORTS: dict[str, Callable[[], Any]] = {
    "uses": lambda: tl.explain(*chain()),
    "paths": lambda: tl.explain(*chain(), by="paths"),
    "several sweeps": lambda: of_sweeps(*chain()),
    "a value": lambda: tl.explain_nan((chain()[1] * 0.0).log() * chain()[1]),
    "a derivative": lambda: tl.explain_nan((chain()[1] * 0.0).sqrt() * chain()[1]),
    "compare": lambda: tl.compare(swept(chain()[1])),
    "kinds of nodes": lambda: tl.compare(kinds(Value(0.5, "x"))),
    "compare a network": lambda: tl.compare(nn.MLP(2, [40, 3, 1])([Value(0.1), 0.2])),
    "gradcheck": lambda: tl.gradcheck(lambda x: kinds(x) * 1e-300, [Value(0.5, LONG)], order=2),
    "lr_find": lambda: tl.lr_find(m := nn.MLP(2, [1]), nn.mse, points(), optim.SGD(m.parameters())),
    "diagnose": lambda: tl.diagnose(bad(), nn.mse, points(), history=history()),
    "history": history,
    "matrix form": lambda: trained().matrix_form,
    "fixed point": lambda: tl.fixed_point(lambda z: [0.5 * z[1], 0.5 * z[0] + 1.0], [0.0, 0.0]),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_printed_report_fits_a_terminal(name: str) -> None:
    report = REPORTS[name]()
    text = str(report)
    assert text and max(map(_columns, text.splitlines())) <= WIDTH, text
    parts: list[str | Table] = report.parts() if isinstance(report, Report) else [report._table()]
    cells = [cell for part in parts if isinstance(part, Table) for row in part.rows for cell in row]
    told = [part for part in parts if isinstance(part, str)] + cells
    letters = set(text) | {" "}
    assert all(set(part.replace("\n", " ")) <= letters for part in told)
    if name == "history":
        found = text.split()
        assert all(found.count(cell) >= cells.count(cell) for cell in cells)


def test_words_take_several_lines_and_numbers_never_do() -> None:
    words = " ".join(["word"] * 30)
    table = Table(["what", "how many of them", "n"], [[words, "1", "2"], ["x", "123456", "3"]], "lrr", total=True)
    lines = table.text().splitlines()
    assert max(map(len, lines)) == WIDTH and lines[0].split() == ["what", *table.headings[1].split(), "n"]
    assert [line for line in lines if "123456" in line] and " ".join(lines).count("word") == 30
    assert lines[-2] == "-" * WIDTH and lines[-1].startswith("x ")
    narrow = Table(["a", "b"], [["x" * 200, "1"]], "lr").text().splitlines()
    assert max(map(len, narrow)) == WIDTH and "".join(narrow).count("x") == 200


def test_long_remarks_stand_below_their_rows() -> None:
    def lines(remark: str, heading: str = "") -> list[str]:
        rows = [["x", "1", remark], ["y", "2", ""], ["sum", "3", ""]]
        return Table(["what", "n", heading], rows, "lrl", total=True).text().splitlines()

    long = " ".join(["word"] * 20)
    assert lines(long) == ["what  n", "x     1", f"    {long[:74]}", f"    {long[75:]}", "y     2", "-" * 78, "sum   3"]
    assert lines("word") == ["what  n", "x     1  word", "y     2", "-------------", "sum   3"]
    assert lines(long, "why")[0] == "what  n  why" and lines(long, "why")[1].startswith("x     1  word word")


def test_columns_without_room_follow_below_beside_the_first() -> None:
    names = [f"column {k}" for k in range(20)]
    blocks = Table(["epoch", *names], [["1", *map(str, range(1000, 1020))]], "r" * 21).text().split("\n\n")
    assert len(blocks) == 3 and all(block.startswith("epoch  column ") for block in blocks)
    assert (
        " ".join(blocks).count("column") == 20 and [block.splitlines()[1].split()[0] for block in blocks] == ["1"] * 3
    )
    worded = Table(["what", *names], [["word " * 30, *map(str, range(1000, 1020))]], "l" + "r" * 20).text()
    assert max(map(len, worded.splitlines())) <= WIDTH and worded.count("what") > 1
    wide = Table(["a", "b", "c"], [["1" * 50, "2" * 50, "3" * 50]], "rrr").text()
    assert [block.splitlines()[1].split() for block in wide.split("\n\n")] == [
        ["1" * 50, "2" * 50],
        ["1" * 50, "3" * 50],
    ]


def test_paragraphs_are_broken_where_they_are_indented() -> None:
    class Said(Report):
        def parts(self) -> list[str | Table]:
            return ["head\n    " + "word " * 29 + "end", "偏" * 60]

    lines = str(Said()).splitlines()
    assert lines[0] == "head" and all(line.startswith("    word") for line in lines[1:3]) and len(lines) == 5
    assert [_columns(line) for line in lines[3:]] == [80, 40]
