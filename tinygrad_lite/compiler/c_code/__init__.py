"""Programs written as C, which a C compiler makes into libraries (only where executor="c" asks for it)."""
