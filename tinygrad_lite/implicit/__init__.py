"""Fixed points: the iteration, the solve for their derivatives, and fixed_point."""

from .fixed_point_equation import fixed_point as fixed_point

__all__ = ["fixed_point"]
