"""Programs of the kind that people wrote around their own small Value class; tests and benchmarks run them."""
