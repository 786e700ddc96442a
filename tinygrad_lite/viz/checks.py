"""What compare() found, as a picture looks it up."""

from __future__ import annotations

from ..check import WRONG, Row
from ..engine import Value
from ..explanation.comparison import Comparison, NodeRow

Checks = dict[Value, NodeRow]


def checks_of(report: Comparison | None) -> Checks:
    return {} if report is None else {row.node: row for row in report.rows}


def edge_checks(checks: Checks, v: Value) -> list[Row | None]:
    """For each parent of v what was found of its local derivative, where it was looked at alone."""
    count = len(v.parents)
    rules = checks[v].rules if v in checks else ()
    return list(rules) if len(rules) == count else [None] * count


def has_wrong_rule(checks: Checks, v: Value) -> bool:
    return v in checks and any(row.verdict == WRONG for row in checks[v].rules)
