# What the compiled sums_of_products.py takes of the file beside.
from tinygrad_lite.compiler.passes.operations cimport Operations
