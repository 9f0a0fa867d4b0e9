"""Clusters in the plane: rows of two features as they are, others by their two principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._validation import check_rng, check_X
from ..backends.protocol import Array, Floats
from ..selection.partition import labels_of
from .style import axes_of, background, colour, foreground, legend_outside, marker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_IN_LEGEND = 14
"""Clusters that a legend names; of more, numbers stand at the centers where there is room."""

LEAST_PIXELS = 18
"""Between two of these numbers."""


class ClustersDisplay:
    """Rows in the plane, one colour and shape a cluster, and the centers.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Places of rows.
    labels : ndarray of shape (n_points,)
        Their clusters.
    centers : ndarray of shape (n_clusters, 2)
        Places of the centers of the clusters, in the order of their labels.
    axis_names : tuple of str, default=('feature 0', 'feature 1')
        What the axes show.

    Attributes
    ----------
    points_ : list of PathCollection
        One a cluster.
    centers_ : PathCollection
        The centers.
    numbers_ : list of Text
        Names of clusters at their centers, if they are too many for a legend.
    ax_ : Axes
        Where they were drawn.
    figure_ : Figure
        The figure of these.

    Examples
    --------
    >>> import matplotlib; matplotlib.use('Agg')
    >>> from kmeans_fast import KMeans
    >>> from kmeans_fast.displays import ClustersDisplay
    >>> X = [[0.0, 1.0], [1.0, 0.0], [9.0, 9.0], [10.0, 9.0]]
    >>> display = ClustersDisplay.from_estimator(KMeans(2, random_state=0).fit(X), X)
    >>> len(display.points_)
    2
    """

    def __init__(
        self, points: Any, labels: Any, centers: Any, axis_names: tuple[str, str] = ("feature 0", "feature 1")
    ) -> None:
        self.points, self.labels, self.centers = np.asarray(points), np.asarray(labels), np.asarray(centers)
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, max_points: int = 20_000, random_state: Any = 0, ax: Axes | None = None
    ) -> Self:
        """Draw the clusters that a fitted estimator found in X; of more rows than ``max_points``, a sample of them."""
        names = getattr(estimator, "feature_names_in_", None)
        centers = getattr(estimator, "cluster_centers_", None)
        return cls._from(X, estimator, centers, names, max_points, random_state, ax)

    @classmethod
    def from_labels(
        cls, X: Any, labels: Any, *, max_points: int = 20_000, random_state: Any = 0, ax: Axes | None = None
    ) -> Self:
        """Draw labelled rows and the means of their clusters; of more rows than ``max_points``, a sample of them."""
        return cls._from(X, labels, None, None, max_points, random_state, ax)

    @classmethod
    def _from(
        cls, X: Any, labels: Any, centers: Any, names: Any, max_points: int, random_state: Any, ax: Axes | None
    ) -> Self:
        X = check_X(X)
        if not isinstance(X, np.ndarray):
            raise ValueError("a sparse X can't be drawn; use fewer dimensions, such as those of TruncatedSVD.")
        found = labels_of(labels, X)
        if centers is None or len(np.unique(found)) != len(centers):
            centers = np.stack([X[found == name].mean(axis=0) for name in np.unique(found)])
        chosen = np.arange(len(X))
        if len(X) > max_points:
            chosen = np.sort(check_rng(random_state).permutation(len(X))[:max_points])
        points, places, axis_names = in_plane(X[chosen], np.asarray(centers), names)
        return cls(points, found[chosen], places, axis_names).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw on ax, or on new axes."""
        ax = axes_of(ax)
        names = np.unique(self.labels)
        size = float(np.clip(20_000 / max(1, len(self.points)), 6, 28))
        alpha = 0.85 if len(self.points) <= 2_000 else 0.5
        look: dict[str, Any] = {"s": size, "alpha": alpha, "linewidths": 0}
        self.points_ = [
            ax.scatter(*self.points[self.labels == name].T, color=colour(i), marker=marker(i), label=str(name), **look)
            for i, name in enumerate(names)
        ]
        self.centers_ = ax.scatter(
            self.centers[:, 0],
            self.centers[:, 1],
            marker="X",
            s=70 if len(self.centers) <= MOST_IN_LEGEND else 26,
            color=foreground(),
            edgecolors=background(ax),
            linewidths=1.2,
            zorder=4,
            label="centers",
        )
        ax.set_xlabel(self.axis_names[0])
        ax.set_ylabel(self.axis_names[1])
        self.numbers_: list[Any] = []
        if len(names) <= MOST_IN_LEGEND:
            legend = legend_outside(ax, title="cluster", markerscale=max(1.0, (28 / size) ** 0.5))
            for handle in legend.legend_handles:
                handle.set_alpha(1.0)
        else:
            self._number_centers(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _number_centers(self, ax: Axes) -> None:
        """Numbers beside the centers, left out where they would come too close to one that is there."""
        from matplotlib.patheffects import withStroke

        taken: list[Any] = []
        ax.set_title(f"{len(self.centers)} clusters; numbers stand beside their centers", fontsize="medium")
        for i, (place, pixels) in enumerate(zip(self.centers, ax.transData.transform(self.centers), strict=True)):
            if any(np.abs(pixels - other).max() < LEAST_PIXELS for other in taken):
                continue
            taken.append(pixels)
            text = ax.annotate(
                str(i), place, xytext=(5, 3), textcoords="offset points", fontsize=8, color=foreground(), zorder=5
            )
            text.set_path_effects([withStroke(linewidth=2.5, foreground=background(ax))])
            self.numbers_.append(text)


def in_plane(X: Array, centers: Array, names: Any) -> tuple[Floats, Floats, tuple[str, str]]:
    """Places (n, 2) of rows and (k, 2) of centers, and what the two axes are."""
    d = X.shape[1]
    words = [f"feature {t}" for t in range(d)] if names is None else [str(name) for name in names]
    if d == 1:
        return np.c_[X, np.zeros(len(X))], np.c_[centers, np.zeros(len(centers))], (words[0], "")
    if d == 2:
        return X.astype(np.float64), centers.astype(np.float64), (words[0], words[1])
    middle = X.mean(axis=0, dtype=np.float64)
    centred = X - middle
    with np.errstate(all="ignore"):
        scatter = centred.T @ centred
    variances, directions = np.linalg.eigh(scatter)
    first = directions[:, :-3:-1]
    shares = 100 * variances[:-3:-1] / max(float(variances.sum()), np.finfo(float).tiny)
    axis_names = tuple(f"principal component {i + 1} ({share:.0f} % of the variance)" for i, share in enumerate(shares))
    with np.errstate(all="ignore"):
        return centred @ first, (centers - middle) @ first, (axis_names[0], axis_names[1])
