"""The backprop explorer: plays a graph's forward and backward pass, and a training, in a notebook or on a page."""

from .recorder import Recorder
from .view import Explorer, explore

__all__ = ["Explorer", "Recorder", "explore"]
