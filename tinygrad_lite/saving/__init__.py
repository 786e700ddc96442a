"""Files that are written whole or not at all and read without unpickling, and the state dicts in them."""
