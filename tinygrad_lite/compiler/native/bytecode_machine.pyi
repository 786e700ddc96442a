"""Types of bytecode_machine.py, whose own annotations are Cython's."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from ...ops import Op
from ..passes.program import Program
from .bytecode import Code, Encoding

compiled: bool
source_hash: str
forms: dict[Op | str, tuple[int, ...]]  # bytecode_functions.py's

# Any for arrays: whatever has float64 numbers in a buffer (numpy, array.array, memoryview).
_Numbers = Sequence[float] | Any

class Executor:
    def __init__(self, program: Program, in_c: Callable[[Encoding], int] | None = None) -> None: ...
    @property
    def slots(self) -> int: ...
    @overload
    def run(self, parameters: _Numbers, inputs: _Numbers, out: None = None) -> list[float]: ...
    @overload
    def run(self, parameters: _Numbers, inputs: _Numbers, out: Any) -> None: ...
    def batch(self, parameters: _Numbers, parts: Iterable[_Numbers], lanes: int, out: Any) -> None: ...
    def loop(self, parameters: _Numbers, table: Any, carry: Any, backward: bool) -> None: ...

def hold_the_same(containers: list[Any], items: list[Any]) -> bool: ...

class OnRows:
    def __init__(self, written: Code, rows: Any) -> None: ...
    def __call__(self) -> None: ...
