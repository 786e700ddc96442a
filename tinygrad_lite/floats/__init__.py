"""float64: the values of operations by IEEE 754, what is taken as a real number, floating-point flags."""
