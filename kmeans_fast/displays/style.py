"""Colours, axes and checks that all displays share. matplotlib is imported by the first call that draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..plots import require_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#999999")
"""Paul Tol's bright scheme: told apart with any colour vision, and readable on white and on black."""

MARKERS = ("o", "s", "^", "D", "v", "p", "<", "h", ">")
"""The shape changes when the colours have been used up, so that 63 clusters differ."""


def colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def marker(i: int) -> str:
    return MARKERS[i // len(COLOURS) % len(MARKERS)]


def line_style(i: int) -> str:
    return ("-", "--", ":")[i // len(COLOURS) % 3]


def axes_of(ax: Axes | None) -> Axes:
    """The given axes, or those of a new figure of pyplot's."""
    require_matplotlib()
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax


def foreground() -> Any:
    """The colour of text in the style in use: dark on light, light on dark."""
    import matplotlib

    return matplotlib.rcParams["text.color"]


def background(ax: Axes) -> Any:
    return ax.get_facecolor()


def legend_outside(ax: Axes, **options: Any) -> Any:
    """A legend beside the axes, where it covers nothing; inside, where no layout makes room for it beside them."""
    if ax.figure.get_layout_engine() is None:
        return ax.legend(loc="best", fontsize="small", framealpha=0.7, **options)
    return ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False, **options)
