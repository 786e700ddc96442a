# What the compiled plain_call.py takes of the files beside.
from tinygrad_lite.compiler.native.bytecode_machine cimport Executor, _idle_space, _refuse_again, _Space
from tinygrad_lite.compiler.native.number_views cimport View, check_size, doubles, integers, view_in_place, view_of
