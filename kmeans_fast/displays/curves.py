"""A criterion against the number of clusters: scores, elbows and gaps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..selection.choose import choose_k
from ..selection.criteria import CRITERIA
from ..selection.scores import KSelection, Scores
from .style import axes_of, colour, foreground

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ScoreDisplay:
    """Values of a criterion for each number of clusters, the best one marked.

    Parameters
    ----------
    scores : Scores
        One entry of ``KSelection.scores``.

    Attributes
    ----------
    line_ : Line2D
        The values.
    best_ : Line2D
        The mark of the best k.
    ax_ : Axes
        Where they were drawn.
    figure_ : Figure
        The figure of these.

    Examples
    --------
    >>> import matplotlib; matplotlib.use('Agg')
    >>> import numpy as np
    >>> from kmeans_fast.displays import ScoreDisplay
    >>> X = np.repeat([[0.0], [10.0], [20.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 1))
    >>> display = ScoreDisplay.from_data(X, range(2, 6), 'silhouette', random_state=0)
    >>> display.scores.best_k
    3
    """

    criterion: str | None = None
    """The only one that the display can draw; None for any."""

    def __init__(self, scores: Scores) -> None:
        if self.criterion is not None and scores.criterion != self.criterion:
            raise ValueError(f"{type(self).__name__} draws {self.criterion!r}, got scores of {scores.criterion!r}.")
        self.scores = scores

    @classmethod
    def from_selection(cls, selection: KSelection, criterion: str | None = None, *, ax: Axes | None = None) -> Self:
        """Draw a criterion of what ``choose_k`` found: by default the one of the display, or the one that decides."""
        name = criterion or cls.criterion or selection.criterion
        if name not in selection.scores:
            known = ", ".join(map(repr, selection.scores))
            raise ValueError(f"{name!r} was not computed, only {known}; ask choose_k for it.")
        return cls(selection.scores[name]).plot(ax=ax)

    @classmethod
    def from_data(
        cls,
        X: Any,
        ks: Iterable[int] = range(2, 11),
        criterion: str | None = None,
        *,
        ax: Axes | None = None,
        **options: Any,
    ) -> Self:
        """Cluster X for each of ks and draw a criterion; options are those of ``choose_k``."""
        name = criterion or cls.criterion or "silhouette"
        return cls.from_selection(choose_k(X, ks, name, **options), name, ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw on ax, or on new axes."""
        ax = axes_of(ax)
        ks, values = self.scores.ks, self.scores.values
        self._draw(ax)
        place = int(np.flatnonzero(ks == self.scores.best_k)[0])
        (self.best_,) = ax.plot(
            ks[place : place + 1],
            values[place : place + 1],
            marker="o",
            markersize=13,
            markerfacecolor="none",
            markeredgecolor=colour(1),
            markeredgewidth=2,
            linestyle="none",
            label=f"best k = {self.scores.best_k}"
            if self.scores.is_rule_kept
            else f"k = {self.scores.best_k}, the largest: no k keeps the rule",
            zorder=4,
        )
        ax.set_xlabel("number of clusters k")
        ax.set_ylabel(CRITERIA[self.scores.criterion].title)
        self._place_ticks(ax)
        ax.margins(x=0.06, y=0.12)
        ax.legend(loc="best", frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: Axes) -> None:
        (self.line_,) = ax.plot(self.scores.ks, self.scores.values, marker="o", color=colour(0), zorder=3)

    def _place_ticks(self, ax: Axes) -> None:
        """Whole numbers only: each k, or as many as fit."""
        from matplotlib.ticker import MaxNLocator

        ks = self.scores.ks
        if len(ks) <= 12:
            ax.set_xticks(ks)
        else:
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))


class ElbowDisplay(ScoreDisplay):
    """Inertia for each number of clusters, the chord, and the elbow: the point farthest below it.

    Parameters
    ----------
    scores : Scores
        ``KSelection.scores['elbow']``.

    Attributes
    ----------
    line_ : Line2D
        The inertias.
    chord_ : Line2D
        From the first to the last of them.
    best_ : Line2D
        The mark of the elbow.
    ax_ : Axes
        Where they were drawn.
    figure_ : Figure
        The figure of these.

    Examples
    --------
    >>> import matplotlib; matplotlib.use('Agg')
    >>> import numpy as np
    >>> from kmeans_fast.displays import ElbowDisplay
    >>> X = np.repeat([[0.0], [10.0], [20.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 1))
    >>> ElbowDisplay.from_data(X, range(1, 7), random_state=0).scores.best_k
    3
    """

    criterion = "elbow"

    def _draw(self, ax: Axes) -> None:
        super()._draw(ax)
        ks, values = self.scores.ks, self.scores.values
        (self.chord_,) = ax.plot(
            ks[[0, -1]], values[[0, -1]], linestyle="--", linewidth=1, color=foreground(), alpha=0.6, label="chord"
        )


class GapDisplay(ScoreDisplay):
    """Gap statistic for each number of clusters, with its standard errors.

    Parameters
    ----------
    scores : Scores
        ``KSelection.scores['gap']``.

    Attributes
    ----------
    line_ : Line2D
        The gaps.
    errorbar_ : ErrorbarContainer
        The gaps with their standard errors.
    best_ : Line2D
        The mark of the best k.
    ax_ : Axes
        Where they were drawn.
    figure_ : Figure
        The figure of these.

    Examples
    --------
    >>> import matplotlib; matplotlib.use('Agg')
    >>> import numpy as np
    >>> from kmeans_fast.displays import GapDisplay
    >>> corners = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 20, axis=0)
    >>> X = corners + np.random.default_rng(0).normal(size=(60, 2))
    >>> GapDisplay.from_data(X, range(1, 6), random_state=0).scores.best_k
    3
    """

    criterion = "gap"

    def _draw(self, ax: Axes) -> None:
        self.errorbar_ = ax.errorbar(
            self.scores.ks,
            self.scores.values,
            yerr=self.scores.standard_errors,
            marker="o",
            color=colour(0),
            capsize=4,
            label="gap, with its standard error",
            zorder=3,
        )
        self.line_ = self.errorbar_.lines[0]
