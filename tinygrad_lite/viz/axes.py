"""Axes for plots, with colours that are readable on dark and on light pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import MissingProgramError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of medium brightness that can be told apart without seeing red or green.
BLUE, ORANGE, GREY = "#2f7fc4", "#e0701c", "#85888c"
CLASSES = (ORANGE, BLUE, "#1f9e77", "#b455b0", "#b08a00", "#d04a5c", "#4aa5c9", "#8a6fd0", "#7a8f2a", "#9c6b4e")
_DARK, _LIGHT = "#1c2126", "#e6e8ea"


def axes(ax: Axes | None, width: float = 6.0, height: float = 4.0) -> Axes:
    """Prepares the given axes, or those of a new pyplot figure; MissingProgramError if matplotlib is not installed."""
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError:
            raise MissingProgramError(
                'a plot needs matplotlib: install with  python -m pip install "tinygrad_lite[plots]"'
            ) from None
        ax = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    color = ink(ax)
    ax.tick_params(which="both", colors=color)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
        text.set_color(color)
    ax.spines[:].set_color(color)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def ink(ax: Axes) -> str:
    """A text colour that is readable on the background of these axes: dark, light, or grey if it is transparent."""
    from matplotlib.colors import to_rgba

    ground = to_rgba(ax.get_facecolor())
    if ground[3] < 0.5:
        ground = to_rgba(_figure(ax).get_facecolor())
    if ground[3] < 0.5:
        return GREY
    red, green, blue, _ = ground
    return _DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else _LIGHT


def legend(ax: Axes, **named: Any) -> None:
    """Adds a legend without a frame."""
    ax.legend(frameon=False, labelcolor=ink(ax), **named)


def colorbar(ax: Axes, shading: Any, label: str, **named: Any) -> None:
    """Adds a bar with the shading's colours beside the axes."""
    bar = _figure(ax).colorbar(shading, ax=ax, **named)
    color = ink(ax)
    bar.set_label(label, color=color)
    bar.ax.tick_params(which="both", colors=color)
    bar.outline.set_visible(False)


def _figure(ax: Axes) -> Any:
    return ax.figure.figure  # for a subfigure this is the whole figure, for a figure it is itself
