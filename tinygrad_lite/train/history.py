"""The history of a training: the numbers of each epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import received
from ..saving.atomic import replacing
from ..saving.state_dicts import Checks, Stateful
from ..text.reports import Table

if TYPE_CHECKING:
    import os

Row = dict[str, float]


class History(list[Row], Stateful):
    """A list with a row for each finished epoch: "epoch" (from 1), "lr", "loss", and the metrics.

    With several parameter groups, "lr" is that of group 0, and "lr[1]", "lr[2]", ... are those of the others.
    "loss" is the mean over the epoch's samples, each measured at its own step. Metrics, and names that begin with
    "val_", are measured at the end of the epoch, in eval() mode.
    stopped     why the training ended: "" (all epochs are done), "early stopping", "callback" or "interrupted"
    best_epoch  the epoch whose weights early stopping restored

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history.column("loss"), history[-1]["loss"]
    ([0.5, 0.25], 0.25)
    """

    stopped = ""
    best_epoch: int | None = None

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        return list(dict.fromkeys(name for row in self for name in row))

    def column(self, name: str) -> list[float]:
        """The numbers of a column, epoch by epoch; KeyError, which lists the columns, for an unknown name."""
        if self and name not in self.columns:
            raise KeyError(f"the history has no column {name!r}: it has {', '.join(self.columns)}")
        return [row[name] for row in self]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes the table to a CSV file, atomically, with all digits of every number."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self)
        with replacing(path) as file:
            file.write(text.getvalue().encode())

    def _table(self) -> Table:
        rows = [[f"{row[name]:.6g}" if name in row else "" for name in self.columns] for row in self]
        return Table(self.columns, rows, "r" * len(self.columns))

    def __str__(self) -> str:
        return self._table().text() if self else "no epoch is finished yet"

    def _repr_html_(self) -> str:
        return self._table().html()

    def state_dict(self) -> dict[str, Any]:
        """The rows, and why the training ended."""
        return {"rows": [dict(row) for row in self], "stopped": self.stopped}

    def _checks(self) -> Checks:
        return {"rows": _rows, "stopped": _text}

    def _take(self, loaded: dict[str, Any]) -> None:
        self[:], self.stopped = loaded["rows"], loaded["stopped"]


def lr_columns(groups: Iterable[Mapping[str, Any]]) -> Row:
    """The learning rates of parameter groups, with their column names.

    >>> lr_columns([{"lr": 0.1}, {"lr": 0.5}])
    {'lr': 0.1, 'lr[1]': 0.5}
    """
    return {f"lr[{k}]" if k else "lr": group["lr"] for k, group in enumerate(groups)}


def _rows(given: Any) -> list[Row]:
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise TypeError(f"must be a list of rows, got {received(given)}")
    for number in (number for row in given for number in row.values()):
        if type(number) not in (int, float):
            raise TypeError(f"must hold only numbers, got {received(number)}")
    return [dict(row) for row in given]


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"must be a str, got {received(given)}")
    return given
