"""Axes for plots, with colours that are readable on dark and on light pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import MissingProgramError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of medium brightness that can be told apart without seeing red or green.
BLUE, ORANGE, GREY = "#2f7fc4", "#e0701c", "#77797d"
CLASSES = (ORANGE, BLUE, "#1f9e77", "#b455b0", "#b08a00", "#d04a5c", "#3a8fb3", "#8a6fd0", "#7a8f2a", "#9c6b4e")
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
    found = _ground(ax)
    return GREY if found is None else _DARK if ink_on(found) == "black" else _LIGHT


def paper(ax: Axes) -> str:
    """The colour of these axes, of which shades are made: their background, or white if it is transparent."""
    return _ground(ax) or "#ffffff"


def ink_on(paper: str) -> str:
    """Black or white, whichever contrasts more with this colour by the formula of WCAG 2."""
    from matplotlib.colors import to_rgb

    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in to_rgb(paper))
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def mixed(a: str, b: str, share: float) -> str:
    """The colour between a (share 0) and b (share 1)."""
    from matplotlib.colors import to_hex, to_rgb

    colour: str = to_hex([x + share * (y - x) for x, y in zip(to_rgb(a), to_rgb(b), strict=True)])
    return colour


def _ground(ax: Axes) -> str | None:
    """The background of these axes, None if it is transparent."""
    from matplotlib.colors import to_hex, to_rgba

    for found in (to_rgba(ax.get_facecolor()), to_rgba(_figure(ax).get_facecolor())):
        if found[3] >= 0.5:
            colour: str = to_hex(found)
            return colour
    return None


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
