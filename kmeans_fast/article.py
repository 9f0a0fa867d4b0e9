"""Three ways to write k-means with NumPy, from plain loops to the norm identity, under their well-known names.

All three run on the one engine, each on its own backend, and take the same rules: K distinct rows drawn by a
legacy ``RandomState`` begin, an empty cluster keeps its center, and the run ends when ``numpy.allclose`` sees no
difference between old and new centers. Returned are the updated centers and the last assignment.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from ._validation import check_X
from .backends import get_backend
from .backends.protocol import Array
from .engine.empty_clusters import keep_center
from .engine.loop import iterate
from .engine.shard import Shard

Result = tuple[Array, npt.NDArray[np.int64]]


def kmeans_loop(X: Any, K: int, max_iterations: int = 100, random_state: int = 42) -> Result:
    """K-means by explicit loops over rows and centers.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows to cluster; integers become float64.
    K : int
        Number of clusters.
    max_iterations : int, default=100
        Most iterations.
    random_state : int, default=42
        Seed of the legacy ``RandomState`` that draws the first centers.

    Returns
    -------
    centroids : ndarray of shape (K, n_features)
        The means after the last assignment, in X's float dtype.
    assignments : ndarray of shape (n_samples,), int64
        The last assignment.

    Examples
    --------
    >>> from kmeans_fast.article import kmeans_loop
    >>> centroids, assignments = kmeans_loop([[1, 2], [1, 4], [9, 2], [9, 4]], 2)
    >>> sorted(centroids.tolist())
    [[1.0, 3.0], [9.0, 3.0]]
    """
    return _run("loop", X, K, max_iterations, random_state)


def kmeans_vectorized(X: Any, K: int, max_iterations: int = 100, random_state: int = 42) -> Result:
    """K-means by NumPy broadcasting; parameters and result are those of ``kmeans_loop``.

    Examples
    --------
    >>> from kmeans_fast.article import kmeans_vectorized
    >>> centroids, assignments = kmeans_vectorized([[1, 2], [1, 4], [9, 2], [9, 4]], 2)
    >>> sorted(centroids.tolist())
    [[1.0, 3.0], [9.0, 3.0]]
    """
    return _run("broadcast", X, K, max_iterations, random_state)


def kmeans_optimized(X: Any, K: int, max_iterations: int = 100, random_state: int = 42) -> Result:
    """K-means by the norm identity, with centers kept in float32; otherwise as ``kmeans_loop``.

    Examples
    --------
    >>> from kmeans_fast.article import kmeans_optimized
    >>> centroids, assignments = kmeans_optimized([[1, 2], [1, 4], [9, 2], [9, 4]], 2)
    >>> sorted(centroids.tolist()), centroids.dtype
    ([[1.0, 3.0], [9.0, 3.0]], dtype('float64'))
    """
    return _run("identity", X, K, max_iterations, random_state, in_float32)


def in_float32(centers: Array) -> Array:
    """Centers with values that float32 can hold, in their own dtype."""
    with np.errstate(over="ignore", under="ignore"):
        rounded: Array = centers.astype(np.float32).astype(centers.dtype)
    if not np.isfinite(rounded).all():
        raise ValueError("kmeans_optimized keeps its centers in float32; X has values beyond 3.4e38: scale X down.")
    return rounded


def as_they_are(centers: Array) -> Array:
    return centers


def _run(
    backend_name: str,
    X: Any,
    K: int,
    max_iterations: int,
    random_state: int,
    stored: Callable[[Array], Array] = as_they_are,
) -> Result:
    X = check_X(X)
    _check_count("K", K)
    _check_count("max_iterations", max_iterations)
    if len(X) < K:
        raise ValueError(f"K={K} exceeds n_samples={len(X)}; use at most {len(X)}.")
    backend = get_backend(backend_name)
    shard = Shard(backend, backend.prepare(X, copy_budget=1.5), int(K))

    centers = stored(X[np.random.RandomState(random_state).choice(len(X), K, replace=False)])
    for step in iterate(shard, centers, max_iterations, keep_center, lambda new, _: stored(new)):
        if np.allclose(step.centers, step.new_centers):
            break
    return step.new_centers, shard.labels.astype(np.int64)


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r} is no positive integer; use 1 or more.")


FUNCTIONS: dict[str, Callable[..., Result]] = {
    "loop": kmeans_loop,
    "broadcast": kmeans_vectorized,
    "identity": kmeans_optimized,
}
"""Backend -> the function that runs on it."""
