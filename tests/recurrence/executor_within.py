"""Where a test names an executor, the programs of a loop's steps run on it as well."""

from __future__ import annotations

from typing import Any

import pytest

from tinygrad_lite.compiler import step_loop
from tinygrad_lite.compiler.executor_choice import Execution
from tinygrad_lite.recurrence import scan_result


@pytest.fixture(autouse=True)
def executor_within(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    scan_result._rows.clear()  # a loop that is alike may be left from another test
    chosen = getattr(request.node, "callspec", None) and request.node.callspec.params.get("executor")
    if isinstance(chosen, str):

        def execution(program: Any, summed: bool, _: str, forgets: bool = True) -> Execution:
            return Execution(program, summed, chosen, forgets)

        monkeypatch.setattr(step_loop, "Execution", execution)
