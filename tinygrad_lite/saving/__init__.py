"""Saves state dicts to files, which are written atomically and read without unpickling."""
