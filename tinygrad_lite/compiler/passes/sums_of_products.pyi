"""Types of sums_of_products.py, whose own annotations are Cython's."""

from .program import Program

compiled: bool
source_hash: str

def as_sums_of_products(program: Program) -> Program: ...
