# What compiled files know for linearization.py.
from .storage cimport _pointer, _refuse_again, _Terms
from .graph cimport _all_checked, _laid_flat, _partial
from .sweep cimport _blocks
from .values cimport _JOINT, _LAYER, _MANY, Value
