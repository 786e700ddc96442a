"""Types of plain_call.py, whose own annotations are Cython's."""

from collections.abc import Callable
from typing import Any

from .bytecode_machine import Executor

compiled: bool
source_hash: str
MISSED: object

class Call:
    def __init__(
        self,
        executor: Executor | tuple[int, int, Callable[[Any, Any], Any]],
        parameters: Callable[[], Any] | None,
        arguments: Any,
        result: Any,
        finite: bool,
    ) -> None: ...
    def __call__(self, args: tuple[Any, ...]) -> Any: ...
