"""What changes how operations are recorded, or what: modes, hooks, random numbers, NumPy's functions of Values."""
