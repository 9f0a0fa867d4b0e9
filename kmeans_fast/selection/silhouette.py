"""Silhouettes (Rousseeuw, Silhouettes: a graphical aid, 1987): exact, of a sample, and simplified by centers.

With a the mean distance of a row to the other rows of its cluster, and b the least mean distance to the rows of another
cluster, its silhouette is (b - a) / max(a, b): near 1 well inside its cluster, below 0 nearer to another one.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from .._validation import check_rng
from ..backends.protocol import Backend, Floats, Indices, Labels, Rows, take_rows
from ..engine.slices import WORK, row_slices, work_of_call, work_of_pair, work_of_row
from .partition import Partition, check_cluster_count, partition

Flags = npt.NDArray[np.bool_]

ROWS_OF_CALL = 64
"""Rows that a call has at least; the points that they are measured to come in pieces that keep it short."""

DENSE_VALUES = 1 << 22
"""Of sparse points, which are measured to as arrays."""

OUT_VALUES = 1 << 17
"""Distances to centers that are held at once: they stay in the cache."""


def silhouette_samples(
    X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto"
) -> Floats:
    """Silhouette of each row, from the distances to all rows.

    The time grows with the square of the rows; the memory is that of X and of rows times clusters at most.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows that were clustered.
    labels : array-like of shape (n_samples,) or fitted estimator
        Labels of any kind, or an estimator with ``labels_``.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels.

    Returns
    -------
    silhouettes : ndarray of shape (n_samples,)
        From -1 to 1; 0 for the only row of a cluster.

    Examples
    --------
    >>> from kmeans_fast.selection import silhouette_samples
    >>> silhouette_samples([[0.0], [1.0], [5.0]], [0, 0, 1], backend='identity')
    array([0.8 , 0.75, 0.  ])
    """
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    return exact_silhouettes(part)


def silhouette_score(
    X: Any,
    labels: Any,
    *,
    sample_size: int | None = None,
    random_state: Any = None,
    n_threads: int | None = None,
    backend: str | Backend = "auto",
) -> float:
    """Mean silhouette of all rows, or of a sample of them among themselves.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows that were clustered.
    labels : array-like of shape (n_samples,) or fitted estimator
        Labels of any kind, or an estimator with ``labels_``.
    sample_size : int or None, default=None
        Rows to draw; None takes all of them.
    random_state : int, RandomState, Generator or None, default=None
        Source of the sample; an int draws the rows that scikit-learn draws.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels.

    Returns
    -------
    score : float
        From -1 to 1: the larger, the better.

    Examples
    --------
    >>> from kmeans_fast.selection import silhouette_score
    >>> silhouette_score([[0.0], [1.0], [5.0], [6.0]], [0, 0, 1, 1], backend='identity')
    0.797979797979798
    """
    check_sample_size(sample_size)
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    if sample_size is not None:
        part = part.taken(sample(part.rows.n, sample_size, random_state))
    return float(exact_silhouettes(part).mean())


def simplified_silhouette_samples(
    X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto"
) -> Floats:
    """Silhouette of each row with the distances to the means of the clusters in place of those to their rows.

    One pass over the rows (Hruschka, de Castro, Campello, Evolutionary algorithms for clustering, 2004).

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows that were clustered.
    labels : array-like of shape (n_samples,) or fitted estimator
        Labels of any kind, or an estimator with ``labels_``.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels.

    Returns
    -------
    silhouettes : ndarray of shape (n_samples,)
        From -1 to 1; 0 for the only row of a cluster.

    Examples
    --------
    >>> from kmeans_fast.selection import simplified_silhouette_samples
    >>> simplified_silhouette_samples([[0.0], [1.0], [5.0]], [0, 0, 1], backend='identity')
    array([0.9  , 0.875, 0.   ])
    """
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    return simplified_silhouettes(part)


def simplified_silhouette_score(
    X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto"
) -> float:
    """Mean of ``simplified_silhouette_samples``: the larger, the better.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows that were clustered.
    labels : array-like of shape (n_samples,) or fitted estimator
        Labels of any kind, or an estimator with ``labels_``.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels.

    Returns
    -------
    score : float
        From -1 to 1.

    Examples
    --------
    >>> from kmeans_fast.selection import simplified_silhouette_score
    >>> simplified_silhouette_score([[0.0], [1.0], [5.0], [6.0]], [0, 0, 1, 1], backend='identity')
    0.898989898989899
    """
    return float(simplified_silhouettes(partition(X, labels, n_threads=n_threads, backend=backend)).mean())


def check_sample_size(sample_size: Any) -> None:
    is_count = isinstance(sample_size, Integral) and not isinstance(sample_size, bool) and int(sample_size) >= 1
    if sample_size is not None and not is_count:
        raise ValueError(f"sample_size={sample_size!r} is no number of rows; use a positive integer, or None for all.")


def sample(n: int, size: int, random_state: Any) -> Indices:
    """``size`` of n rows (all of them if there are fewer), in random order: scikit-learn's draw."""
    chosen: Indices = check_rng(random_state).permutation(n)[:size].astype(np.int64)
    return chosen


def exact_silhouettes(part: Partition) -> Floats:
    """Silhouettes (n,), from sums of distances by cluster: never more than a slice of rows times clusters of them."""
    check_cluster_count(part, "silhouette")
    order = np.argsort(part.labels, kind="stable")
    rows = part.backend.take(part.rows, order)
    starts = np.concatenate([[0], np.cumsum(part.sizes)]).astype(np.int64)
    silhouettes = np.empty(rows.n)
    for start, stop in row_slices(0, rows.n, work_of_row(rows, rows.n)):
        sums = np.zeros((stop - start, part.k))
        for first, last in point_slices(rows):
            points = take_rows(rows.X, slice(first, last))
            some = np.clip(starts - first, 0, last - first)
            part.backend.sum_distances(rows, start, stop, points, some, sums, n_threads=part.n_threads)
        chosen = order[start:stop]
        silhouettes[chosen] = silhouettes_of(sums, part.labels[chosen], part.sizes, part.is_alone[chosen])
    return silhouettes


def point_slices(rows: Rows) -> list[tuple[int, int]]:
    """Points for one call: so many that ROWS_OF_CALL rows are soon done with them, and that fit as an array."""
    most = DENSE_VALUES // rows.d if rows.is_sparse else WORK // work_of_row(rows, ROWS_OF_CALL)
    return list(row_slices(0, rows.n, 1, work=max(1, most), alignment=1))


def silhouettes_of(sums: Floats, labels: Labels, sizes: Indices, is_alone: Flags) -> Floats:
    """Silhouettes (m,) of rows from the sums (m, k) of their distances to each cluster."""
    every = np.arange(len(sums))
    own = sums[every, labels] / np.maximum(sizes[labels] - 1, 1)
    others = sums / sizes
    others[every, labels] = np.inf
    return ratios(own, others.min(axis=1), is_alone)


def ratios(own: Floats, other: Floats, is_alone: Flags) -> Floats:
    """(other - own) / max(own, other); 0 where both are 0, and for rows that are alone in their cluster."""
    larger = np.maximum(own, other)
    larger[larger == 0] = 1.0
    found: Floats = (other - own) / larger
    found[is_alone] = 0.0
    return found


def simplified_silhouettes(part: Partition) -> Floats:
    """Silhouettes (n,) by the distances to the means."""
    check_cluster_count(part, "simplified silhouette")
    rows, k, centers = part.rows, part.k, part.centers
    silhouettes = np.empty(rows.n)
    per_center = work_of_pair(rows)
    work = min(OUT_VALUES * per_center, work_of_call(k * per_center))
    for start, stop in row_slices(0, rows.n, k * per_center, work):
        dists = np.empty((stop - start, k), dtype=centers.dtype)
        part.backend.distances(rows, start, stop, centers, dists, n_threads=part.n_threads)
        labels = part.labels[start:stop]
        dists.reshape(-1)[np.arange(0, dists.size, k) + labels] = np.inf
        other = dists.min(axis=1).astype(np.float64)
        own = np.sqrt(part.sq_dists[start:stop]) * rows.data_unit
        silhouettes[start:stop] = ratios(own, other, part.is_alone[start:stop])
    return silhouettes
