"""The gap statistic (Tibshirani, Walther, Hastie, Estimating the number of clusters via the gap statistic, 2001).

How much smaller is the logarithm of the inertia than that of data without clusters, uniform over a box around the rows?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._validation import check_rng
from ..backends.protocol import Array, Backend, Floats, Indices, Labels
from ..engine.slices import row_slices
from ..estimators.kmeans import KMeans
from .partition import Partition, partition
from .silhouette import sample

BOXES = ("pca", "features")


class Gap(NamedTuple):
    """The gap of one clustering, and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class References:
    """How the data without clusters are made."""

    n_references: int = 10
    max_rows: int = 10_000
    box: str = "pca"

    def __post_init__(self) -> None:
        for name in ("n_references", "max_rows"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 2:
                raise ValueError(f"{name}={value!r} is too few or no count; use an integer of at least 2.")
        if self.box not in BOXES:
            raise ValueError(f"box={self.box!r} is unknown; use one of {', '.join(map(repr, BOXES))}.")


def gap_statistic(
    X: Any,
    labels: Any,
    *,
    n_references: int = 10,
    max_rows: int = 10_000,
    box: str = "pca",
    random_state: Any = None,
    n_threads: int | None = None,
    backend: str | Backend = "auto",
) -> Gap:
    """Gap of a clustering, with its standard error.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows that were clustered.
    labels : array-like of shape (n_samples,) or fitted estimator
        Labels of any kind, or an estimator with ``labels_``.
    n_references : int, default=10
        Sets of uniform data that are clustered for comparison, by ``KMeans``.
    max_rows : int, default=10000
        Of more rows a sample of so many is looked at, and a reference set has no more either.
    box : {'pca', 'features'}, default='pca'
        Whether the box around the rows is aligned with their principal components or with the features.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels.

    Returns
    -------
    gap : Gap
        Named tuple of ``value`` and ``standard_error``.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast.selection import gap_statistic
    >>> X = np.repeat([[0.0, 0.0], [9.0, 1.0]], 50, axis=0) + np.random.default_rng(0).normal(size=(100, 2))
    >>> two, one = np.repeat([0, 1], 50), np.zeros(100)
    >>> gap_statistic(X, two, random_state=0).value > gap_statistic(X, one, random_state=0).value
    True
    """
    how = References(n_references, max_rows, box)
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    rng = check_rng(random_state)
    refuse_sparse(part.rows.X)
    chosen = sample_of_gap(part.rows.n, how, rng)
    some = part if chosen is None else part.taken(chosen)

    def cluster(reference: Array, k: int) -> Labels:
        return KMeans(k, random_state=rng, n_threads=n_threads, backend=backend).fit(reference).labels_

    values, errors = gaps([log_inertia(some)], [part.k], some, how, cluster, rng)
    return Gap(float(values[0]), float(errors[0]))


def refuse_sparse(X: Any) -> None:
    if not isinstance(X, np.ndarray):
        raise ValueError(
            "the gap statistic compares X with uniform data, which are never sparse; "
            "use X.toarray(), fewer dimensions (such as TruncatedSVD), or another criterion."
        )


def sample_of_gap(n: int, how: References, rng: Any) -> Indices | None:
    """The rows that are looked at, in their order; None for all."""
    return None if n <= how.max_rows else np.sort(sample(n, how.max_rows, rng))


def log_inertia(part: Partition) -> float:
    """Logarithm of the inertia in data_unit**2; -inf where the rows of each cluster are all alike."""
    with np.errstate(divide="ignore"):
        return float(np.log(part.dispersion))


def gaps(
    log_inertias: Sequence[float],
    ks: Sequence[int],
    part: Partition,
    how: References,
    cluster: Callable[[Array, int], Labels],
    rng: Any,
) -> tuple[Floats, Floats]:
    """Gaps and standard errors (n_ks,) at the rows of ``part``: each reference set is clustered for all ks."""
    sides = sides_of_box(part.rows.X, part.rows.data_unit, how.box)
    dtype = part.rows.X.dtype
    logs = np.empty((how.n_references, len(ks)))
    for row in logs:
        reference = (rng.random((part.rows.n, len(sides))) * sides).astype(dtype)
        rows = part.backend.prepare(reference, n_threads=part.n_threads)
        found = [Partition.of(part.backend, rows, cluster(reference, k), part.n_threads) for k in ks]
        row[:] = [log_inertia(one) for one in found]
    with np.errstate(invalid="ignore"):
        values = logs.mean(axis=0) - np.asarray(log_inertias)
        errors = logs.std(axis=0) * np.sqrt(1 + 1 / how.n_references)
    return values, errors


def sides_of_box(X: Array, data_unit: float, box: str) -> Floats:
    """Lengths (d,) of the sides of the box around X, in data_unit; its place and direction change no inertia."""
    d = X.shape[1]
    if box == "features":
        return (X.max(axis=0) / data_unit - X.min(axis=0) / data_unit).astype(np.float64)
    middle = (X / data_unit).mean(axis=0, dtype=np.float64)
    scatter, slices = np.zeros((d, d)), list(row_slices(0, len(X), d, work=1 << 20))
    for start, stop in slices:
        centred = X[start:stop] / data_unit - middle
        with np.errstate(all="ignore"):
            scatter += centred.T @ centred
    directions = np.linalg.eigh(scatter)[1]
    least, most = np.full(d, np.inf), np.full(d, -np.inf)
    for start, stop in slices:
        with np.errstate(all="ignore"):
            places = (X[start:stop] / data_unit - middle) @ directions
        least, most = np.minimum(least, places.min(axis=0)), np.maximum(most, places.max(axis=0))
    return most - least


def within_one_standard_error(values: Floats, errors: Floats) -> int | None:
    """The first place whose gap is at least the next one less its standard error; None if there is none."""
    found = np.flatnonzero(values[:-1] >= values[1:] - errors[1:])
    return int(found[0]) if found.size else None
