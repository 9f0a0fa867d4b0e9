"""Draws results and computes nothing. Needs matplotlib, which is imported by the first call that draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#e45756", "#72b7b2")


def require_matplotlib() -> None:
    """Raise ImportError, and say what to install, unless matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'drawing needs matplotlib, which is not installed; install it with: pip install "kmeans_fast[plot]"'
        ) from error


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of the given size in inches, drawn without a window system or global state."""
    require_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Figure, path: str | Path) -> None:
    """Write the figure to path; the suffix says the format."""
    figure.savefig(path, dpi=130)


def demo_picture(
    photo: npt.ArrayLike,
    reduced: npt.ArrayLike,
    palette: npt.ArrayLike,
    digits: Sequence[npt.ArrayLike],
    sizes: Sequence[int],
) -> Figure:
    """A photo before and after its colours were clustered, and the centers of handwritten digits.

    photo and reduced are (height, width, 3) in 0...1, palette is (1, k, 3), each digit a grey image; sizes are the
    numbers of images in the digits' clusters.
    """
    figure = new_figure(13, 7.9)
    parts: Any = figure.subfigures(2, 1, height_ratios=(2.7, 1), hspace=0.02)
    upper, lower = parts
    before, after, colours = upper.subplot_mosaic(
        [["before", "after"], ["colours", "colours"]], height_ratios=(9, 1)
    ).values()
    n_colours = np.shape(palette)[1]
    _image(before, photo, "The photo as it was taken")
    _image(after, reduced, f"The same photo with {n_colours} colours: each pixel shows its center")
    _image(colours, palette, f"The {n_colours} centers, dark to light", interpolation="nearest", aspect="auto")
    lower.suptitle(f"The {len(digits)} centers of the handwritten digits: each is the mean of its cluster", fontsize=12)
    for ax, digit, size in zip(lower.subplots(1, len(digits)), digits, sizes, strict=True):
        _image(ax, digit, f"{size} images", cmap="gray_r", interpolation="bilinear")
    return figure


def _image(ax: Axes, image: npt.ArrayLike, title: str, **options: Any) -> None:
    ax.imshow(image, **options)
    ax.set_axis_off()
    ax.set_title(title, fontsize=11)


def ratio_bars(groups: Sequence[tuple[str, Sequence[tuple[str, float]]]], title: str, axis_label: str) -> Figure:
    """Horizontal bars on a logarithmic axis, a line at 1.

    groups are (label, [(series, ratio), ...]) from top to bottom; each series has one colour.
    """
    series = list(dict.fromkeys(name for _, bars in groups for name, _ in bars))
    n_bars = sum(len(bars) for _, bars in groups)
    figure = new_figure(10, 1.6 + 0.3 * n_bars + 0.15 * len(groups))
    ax = figure.subplots()
    position, ticks = 0.0, []
    for _, bars in groups:
        ticks.append(position + (len(bars) - 1) / 2)
        for name, ratio in bars:
            colour = PALETTE[series.index(name) % len(PALETTE)]
            ax.barh(position, ratio - 1, left=1, height=0.9, color=colour)
            _bar_text(ax, position, ratio)
            position += 1
        position += 0.5
    ax.set_yticks(ticks, [label for label, _ in groups])
    ax.set_xscale("log")
    ax.margins(x=0.12, y=0.01)
    ax.invert_yaxis()
    ax.axvline(1, color="black", linewidth=1)
    ax.set_xlabel(axis_label)
    ax.set_title(title)
    _legend(figure, series)
    return figure


def _bar_text(ax: Axes, position: float, ratio: float) -> None:
    is_above = ratio >= 1
    ax.annotate(
        f"{ratio:.3g}" if ratio < 1000 else f"{ratio:.0f}",
        (ratio, position),
        xytext=(4 if is_above else -4, 0),
        textcoords="offset points",
        ha="left" if is_above else "right",
        va="center",
        fontsize=8,
    )


def _legend(figure: Figure, series: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=PALETTE[i % len(PALETTE)], label=name) for i, name in enumerate(series)]
    figure.legend(handles=handles, loc="outside lower center", ncols=max(1, min(6, len(series))), frameon=False)
