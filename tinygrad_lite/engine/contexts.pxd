# What compiled files know for contexts.py.
from .base cimport _Context, above
from .values cimport _STOPPING, _here, _trace_for
