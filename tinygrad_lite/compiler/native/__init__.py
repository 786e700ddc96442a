"""The executor that runs a program operation by operation, in compiled loops."""
