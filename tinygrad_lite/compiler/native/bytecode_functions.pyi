"""Types of bytecode_functions.py, whose own annotations are Cython's."""

from ...ops import Op

compiled: bool
source_hash: str

def address_of(op: Op) -> int: ...
