"""Silhouettes of all rows, cluster by cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..backends.protocol import Floats
from ..selection.partition import partition
from ..selection.silhouette import check_sample_size, exact_silhouettes, sample
from .style import axes_of, colour, foreground

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STEPS = 500
"""Corners of the outline of a cluster: more can't be seen."""

LEAST_ROOM = 0.045
"""Of the height of the axes, for the name of a cluster."""


class SilhouetteDisplay:
    """Silhouettes of the rows of each cluster, from the largest to the smallest, and their mean.

    Parameters
    ----------
    silhouettes : ndarray of shape (n_samples,)
        From -1 to 1.
    labels : ndarray of shape (n_samples,)
        Cluster of each.

    Attributes
    ----------
    bands_ : list of PolyCollection
        One a cluster, from the top.
    mean_line_ : Line2D
        The mean of all silhouettes.
    ax_ : Axes
        Where they were drawn.
    figure_ : Figure
        The figure of these.

    Examples
    --------
    >>> import matplotlib; matplotlib.use('Agg')
    >>> from kmeans_fast import KMeans
    >>> from kmeans_fast.displays import SilhouetteDisplay
    >>> X = [[0.0], [1.0], [9.0], [10.0]]
    >>> display = SilhouetteDisplay.from_estimator(KMeans(2, random_state=0).fit(X), X)
    >>> len(display.bands_)
    2
    """

    def __init__(self, silhouettes: Any, labels: Any) -> None:
        self.silhouettes: Floats = np.asarray(silhouettes, dtype=np.float64)
        self.labels = np.asarray(labels)
        if self.silhouettes.ndim != 1 or self.silhouettes.shape != self.labels.shape:
            raise ValueError(
                f"silhouettes have shape {self.silhouettes.shape} and labels {self.labels.shape}; "
                "pass one of each for every row."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        sample_size: int | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the silhouettes of the clusters that a fitted estimator found in X, or those of a sample of its rows."""
        options = {"sample_size": sample_size, "random_state": random_state, "n_threads": n_threads}
        return cls.from_labels(X, estimator, ax=ax, **options)

    @classmethod
    def from_labels(
        cls,
        X: Any,
        labels: Any,
        *,
        sample_size: int | None = None,
        random_state: Any = None,
        n_threads: int | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the silhouettes of labelled rows, or those of a sample of them."""
        check_sample_size(sample_size)
        part = partition(X, labels, n_threads=n_threads)
        if sample_size is not None:
            part = part.taken(sample(part.rows.n, sample_size, random_state))
        return cls(exact_silhouettes(part), part.labels).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw on ax, or on new axes."""
        ax = axes_of(ax)
        names, n = np.unique(self.labels), len(self.labels)
        room = 0.25 * n / max(len(names), 8)
        self.bands_, places = [], []
        top = 0.0
        for i, name in enumerate(names):
            values = np.sort(self.silhouettes[self.labels == name])[::-1]
            steps = np.unique(np.linspace(0, len(values) - 1, MOST_STEPS).astype(int))
            y = top + np.concatenate([steps, [len(values)]])
            x = np.concatenate([values[steps], values[-1:]])
            self.bands_.append(ax.fill_betweenx(y, 0, x, color=colour(i), linewidth=0, step="post"))
            places.append(top + len(values) / 2)
            top += len(values) + room
        mean = float(self.silhouettes.mean())
        self.mean_line_ = ax.axvline(mean, color=foreground(), linestyle="--", linewidth=1.2, label=f"mean {mean:.3f}")
        ax.axvline(0, color=foreground(), linewidth=0.8)
        ax.set_ylim(top - room + 0.02 * top, -0.02 * top)
        ax.set_xlim(min(-0.05, float(self.silhouettes.min()) - 0.03), 1.0)
        shown = apart(places, LEAST_ROOM * top)
        ax.set_yticks([places[i] for i in shown], [str(names[i]) for i in shown])
        ax.set_xlabel("silhouette")
        ax.set_ylabel(f"cluster ({len(names)} clusters of {n} rows)")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def apart(places: list[float], room: float) -> list[int]:
    """Which of increasing places can have a name without two of them touching."""
    shown: list[int] = []
    for i, place in enumerate(places):
        if not shown or place - places[shown[-1]] >= room:
            shown.append(i)
    return shown
