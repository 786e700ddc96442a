"""Programs like those that people write around a small Value class of their own; tests and benchmarks run them."""
