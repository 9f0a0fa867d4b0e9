"""scikit-learn's functions on our engine."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, validate_params

from .._threads import resolve_n_threads, worthwhile
from .._validation import check_enough_rows, check_rng, check_weights, check_X
from ..backends import get_backend
from ..backends.protocol import Array, Indices, Labels, take_rows
from ..engine.seeding import plus_plus
from .kmeans import KMeans


@validate_params(
    {
        "X": ["array-like", "sparse matrix"],
        "sample_weight": ["array-like", None],
        "return_n_iter": [bool],
    },
    prefer_skip_nested_validation=False,
)
def k_means(
    X: Any,
    n_clusters: int,
    *,
    sample_weight: Any = None,
    init: Any = "k-means++",
    n_init: Any = "auto",
    max_iter: int = 300,
    verbose: Any = False,
    tol: float = 1e-4,
    random_state: Any = None,
    copy_x: bool = True,
    algorithm: str = "lloyd",
    return_n_iter: bool = False,
    metric: str = "euclidean",
    refine: str | None = None,
) -> tuple[Array, Labels, float] | tuple[Array, Labels, float, int]:
    """Centers, labels and inertia of a k-means clustering: ``KMeans`` as a function.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows to cluster.
    n_clusters : int
        Number of clusters and of centers.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; None gives each the weight one.
    init : {'k-means++', 'random'}, callable or array-like of shape (n_clusters, n_features), default='k-means++'
        Where the centers begin, as in ``KMeans``.
    n_init : 'auto' or int, default='auto'
        Runs from different first centers, the best of which is kept, as in ``KMeans``.
    max_iter : int, default=300
        Most iterations of a run.
    verbose : bool, default=False
        Whether to print the progress.
    tol : float, default=1e-4
        A run ends when the summed squared moves of the centers are at most ``tol`` times the mean variance.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers.
    copy_x : bool, default=True
        Accepted for compatibility: X is never modified.
    algorithm : {'auto', 'lloyd', 'elkan'}, default='lloyd'
        How the nearest centers are found; the result is the same for all of them.
    return_n_iter : bool, default=False
        Whether to give the number of iterations too.
    metric : {'euclidean', 'cosine'}, default='euclidean'
        What is least between rows and centers, as in ``KMeans``.
    refine : {'swap'} or None, default=None
        What is done after the best run, as in ``KMeans``.

    Returns
    -------
    centers : ndarray of shape (n_clusters, n_features)
        Weighted means of the clusters.
    labels : ndarray of shape (n_samples,), int32
        Index of the nearest center of each row.
    inertia : float
        Weighted sum of squared distances of the rows to their centers, as in ``KMeans``.
    best_n_iter : int
        Iterations of the best run; only if ``return_n_iter``.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast import k_means
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> centers, labels, inertia = k_means(X, n_clusters=2, random_state=0)
    >>> centers
    array([[10.,  2.],
           [ 1.,  2.]])
    >>> labels
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    >>> inertia
    16.0
    """
    model = KMeans(
        n_clusters,
        init=init,
        n_init=n_init,
        max_iter=max_iter,
        tol=tol,
        verbose=verbose,
        random_state=random_state,
        copy_x=copy_x,
        algorithm=algorithm,
        metric=metric,
        refine=refine,
    ).fit(X, sample_weight=sample_weight)
    if return_n_iter:
        return model.cluster_centers_, model.labels_, model.inertia_, model.n_iter_
    return model.cluster_centers_, model.labels_, model.inertia_


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
    check_enough_rows(checked, n_clusters)
    n = checked.shape[0]
    if x_squared_norms is not None and len(x_squared_norms) != n:
        raise ValueError(
            f"The length of x_squared_norms {len(x_squared_norms)} should be equal to the length of n_samples "
            f"{n}. Leave it out: its values are not needed."
        )
    weights = check_weights(sample_weight, checked)
    backend = get_backend()
    n_threads = worthwhile(resolve_n_threads(None, backend), checked.size * n_clusters)
    rows = backend.prepare(checked, weights, copy_budget=1.5, n_threads=n_threads)
    indices = plus_plus(
        backend, rows, n_clusters, check_rng(random_state), n_local_trials=n_local_trials, n_threads=n_threads
    )
    return take_rows(checked, indices), indices
