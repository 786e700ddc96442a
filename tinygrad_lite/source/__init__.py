"""The source: which build of it runs, how it runs without Cython, and which line of the user's is named."""
