"""Where a falling curve bends: the rule of the largest distance to the chord."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.protocol import Floats


def elbow(ks: Any, inertias: Any) -> int:
    """The k at which the curve of inertias lies farthest below the line from its first to its last point.

    Distances are taken after both axes are scaled to 0 ... 1, so that no unit matters (Satopaa and others, Finding a
    kneedle in a haystack, 2011). Of equal distances the smallest k.

    Parameters
    ----------
    ks : array-like of shape (n_ks,)
        At least three numbers of clusters, increasing.
    inertias : array-like of shape (n_ks,)
        Inertia for each.

    Returns
    -------
    k : int
        One of ks.

    Examples
    --------
    >>> from kmeans_fast.selection import elbow
    >>> elbow([1, 2, 3, 4, 5], [100, 50, 10, 8, 7])
    3
    """
    return int(np.asarray(ks)[int(depths(ks, inertias).argmax())])


def depths(ks: Any, inertias: Any) -> Floats:
    """How far each point lies below the chord, both axes scaled to 0 ... 1, times the root of 2."""
    x, y = np.asarray(ks, dtype=np.float64), np.asarray(inertias, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 3 or not (np.diff(x) > 0).all():
        raise ValueError(
            f"ks has shape {x.shape} and inertias {y.shape}; an elbow needs at least 3 increasing ks, one inertia each."
        )
    if not np.isfinite(y).all():
        bad = float(y[~np.isfinite(y)][0])
        raise ValueError(f"inertias hold {bad}; an elbow needs finite ones: scale the data down.")
    height = y[0] - y[-1]
    across = (x - x[0]) / (x[-1] - x[0])
    down = (y[0] - y) / height if height > 0 else np.zeros(len(x))
    return down - across
