# What compiled files know for linearization.py.
from .storage cimport _integers, _pointer, _refuse_again
from .graph cimport _all_checked, _has_none, _laid_flat, _partial
from .sweep cimport _blocks
from .values cimport _JOINT, _MANY, Value
