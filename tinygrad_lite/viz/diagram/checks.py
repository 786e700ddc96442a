"""The findings of compare(), in the form that pictures use."""

from __future__ import annotations

from ...engine import Value
from ...errors import received
from ...explanation.comparison import Comparison, NodeRow
from ...transforms.check import WRONG, Row

Checks = dict[Value, NodeRow]


def checks_of(report: Comparison | None, root: Value, function: str) -> Checks:
    """Checks the compare= argument of the named function, and returns its rows by Value."""
    if report is None:
        return {}
    if not isinstance(report, Comparison):
        raise TypeError(f"{function}(compare=...) takes the report of compare(root), got {received(report)}")
    checks = {row.node: row for row in report.rows}
    if root not in checks:
        raise ValueError(f"{function}(compare=...) takes the report of compare(root), but this one is of another graph")
    return checks


def edge_checks(checks: Checks, v: Value) -> list[Row | None]:
    """For each parent of v, the row for its local derivative; None if the parents were measured together."""
    count = len(v.parents)
    rules = checks[v].rules if v in checks else ()
    return list(rules) if len(rules) == count else [None] * count


def has_wrong_rule(checks: Checks, v: Value) -> bool:
    return v in checks and any(row.verdict == WRONG for row in checks[v].rules)
