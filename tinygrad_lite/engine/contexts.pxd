# What compiled files know for contexts.py.
from .storage cimport _Context, above
from .values cimport _STOPPING, _here, _trace_for
