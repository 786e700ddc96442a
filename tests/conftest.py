"""What tests share: a table of operations that is afterwards as it was; the same examples in each run of the check."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from tinygrad_lite import engine, ops
from tinygrad_lite.custom import custom_op

settings.register_profile("check", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("check")


@pytest.fixture
def own_operations() -> Iterator[Callable[..., ops.Op]]:
    """custom_op, whose rows leave the table again with the test that made them."""
    names, methods = dict(ops.TABLE), dict(engine.methods)
    yield custom_op
    ops.TABLE.clear()
    ops.TABLE.update(names)
    engine.methods.clear()
    engine.methods.update(methods)
