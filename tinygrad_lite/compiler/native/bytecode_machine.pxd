# What the compiled bytecode_machine.py takes of the files beside.
from tinygrad_lite.compiler.native.bytecode_functions cimport check_code, check_slot
from tinygrad_lite.compiler.native.bytecode_loop cimport run_code
from tinygrad_lite.compiler.native.number_views cimport View, check_size, doubles, integers, read, view_of
