"""Loops over steps: scan, and its derivatives by loops that run back."""

from .scan_steps import scan as scan

__all__ = ["scan"]
