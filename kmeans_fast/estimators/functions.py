"""scikit-learn's functions on our engine."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

from .._threads import resolve_n_threads, worthwhile
from .._validation import check_rng, check_weights, check_X
from ..backends import get_backend
from ..backends.protocol import Array, Indices, take_rows
from ..engine.seeding import plus_plus


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "sample_weight": ["array-like", None],
        "x_squared_norms": ["array-like", None],
        "random_state": ["random_state", np.random.Generator],
        "n_local_trials": [Interval(Integral, 1, None, closed="left"), None],
    },
    prefer_skip_nested_validation=True,
)
def kmeans_plusplus(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    x_squared_norms: Any = None,
    random_state: Any = None,
    n_local_trials: int | None = None,
) -> tuple[Array, Indices]:
    """Rows that are good first centers, by greedy k-means++.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows to pick from.
    n_clusters : int
        How many to pick.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; None gives each the weight one.
    x_squared_norms : array-like of shape (n_samples,), default=None
        Accepted for compatibility; its length is checked, its values are not needed.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers.
    n_local_trials : int, default=None
        Candidates for each pick but the first, of which the best is kept; None is ``2 + int(log(n_clusters))``.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        ``X[indices]``.
    indices : ndarray of shape (n_clusters,), int64
        The picked rows.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast import kmeans_plusplus
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> centers, indices = kmeans_plusplus(X, n_clusters=2, random_state=0)
    >>> indices
    array([3, 2])
    """
    checked = check_X(X)
    n = checked.shape[0]
    if n < n_clusters:
        raise ValueError(f"n_samples={n} should be >= n_clusters={n_clusters}.")
    if x_squared_norms is not None and len(x_squared_norms) != n:
        raise ValueError(
            f"The length of x_squared_norms {len(x_squared_norms)} should be equal to n_samples={n}."
        )
    weights = check_weights(sample_weight, checked)
    backend = get_backend()
    n_threads = worthwhile(resolve_n_threads(None, backend), checked.size * n_clusters)
    rows = backend.prepare(checked, weights, n_threads=n_threads)
    indices = plus_plus(
        backend, rows, n_clusters, check_rng(random_state), n_local_trials=n_local_trials, n_threads=n_threads
    )
    return take_rows(checked, indices), indices
