"""Changes what is recorded, and how: modes such as no_grad, gradient hooks, random numbers, NumPy's functions."""
