"""Chooses the compiled or the readable engine, stands in for a missing Cython, and finds the user's source line."""
