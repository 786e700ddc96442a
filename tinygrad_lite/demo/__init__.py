"""The demonstration behind `python -m tinygrad_lite demo`."""
