"""The executor that runs groups of operations on NumPy arrays."""
