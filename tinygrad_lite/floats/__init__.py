"""float64 arithmetic: operations by IEEE 754, the checks for real numbers, and floating-point flags."""
