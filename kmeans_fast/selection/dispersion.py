"""Criteria that weigh how far rows are from their means against how far the means are apart. One pass over the rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backends.protocol import Backend
from ..engine.shard import in_data_units
from .partition import Partition, check_cluster_count, partition


def inertia_score(X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto") -> float:
    """Sum of the squared distances of the rows to the means of their clusters: what k-means makes small.

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
    inertia : float
        It never rises with the number of clusters, so it has no best: see ``elbow``.

    Examples
    --------
    >>> from kmeans_fast.selection import inertia_score
    >>> inertia_score([[0.0], [2.0], [5.0], [6.0]], [0, 0, 1, 1], backend='identity')
    2.5
    """
    return inertia(partition(X, labels, n_threads=n_threads, backend=backend))


def calinski_harabasz_score(
    X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto"
) -> float:
    """Variance between the clusters over variance within them (Calinski and Harabasz, A dendrite method, 1974).

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
        The larger, the better; 1 where the rows of each cluster are all alike, as in scikit-learn.

    Examples
    --------
    >>> from kmeans_fast.selection import calinski_harabasz_score
    >>> calinski_harabasz_score([[0.0], [2.0], [6.0], [8.0]], [0, 0, 1, 1], backend='identity')
    18.0
    """
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    check_cluster_count(part, "Calinski-Harabasz score")
    return calinski_harabasz(part)


def davies_bouldin_score(
    X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto"
) -> float:
    """Mean likeness of each cluster to the one most like it (Davies and Bouldin, A cluster separation measure, 1979).

    Two clusters are as alike as the sum of their mean distances to their means, over the distance of these.

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
        At least 0: the smaller, the better. Clusters of one mean are not compared.

    Examples
    --------
    >>> from kmeans_fast.selection import davies_bouldin_score
    >>> davies_bouldin_score([[0.0], [2.0], [6.0], [8.0]], [0, 0, 1, 1], backend='identity')
    0.3333333333333333
    """
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    check_cluster_count(part, "Davies-Bouldin score")
    return davies_bouldin(part)


def bic_score(X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto") -> float:
    """Bayesian information criterion of X-means (Pelleg and Moore, X-means, 2000): the larger, the better.

    The clusters are spherical Gaussians of one variance, estimated as ``inertia / (d (n - k))``, and of weights
    n_j / n. The score is the logarithm of the likelihood of rows and labels, less ``log(n) / 2`` for each of the
    ``k (d + 1)`` parameters (k - 1 weights, k d coordinates, one variance). In the paper the variance lacks
    its factor 1 / d.

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
        Comparable between clusterings of the same rows; inf where the rows of each cluster are all alike.

    Examples
    --------
    >>> from kmeans_fast.selection import bic_score
    >>> X = [[0.0], [1.0], [2.0], [20.0], [21.0], [22.0]]
    >>> bic_score(X, [0, 0, 0, 1, 1, 1], backend='identity') > bic_score(X, [0] * 6, backend='identity')
    True
    """
    part = partition(X, labels, n_threads=n_threads, backend=backend)
    if part.k >= part.rows.n:
        raise ValueError(f"Number of labels is {part.k}, and the BIC needs fewer than the {part.rows.n} rows.")
    return bic(part)


def inertia(part: Partition) -> float:
    return in_data_units(part.dispersion, part.rows)


def calinski_harabasz(part: Partition) -> float:
    n, k = part.rows.n, part.k
    with np.errstate(all="ignore"):
        middle = part.sizes @ part.means / n
        between = float(part.sizes @ ((part.means - middle) ** 2).sum(axis=1))
    if part.dispersion == 0:
        return 1.0
    return between * (n - k) / (part.dispersion * (k - 1))


def davies_bouldin(part: Partition) -> float:
    spread = np.bincount(part.labels, np.sqrt(part.sq_dists), minlength=part.k) / part.sizes
    likeness = np.zeros(part.k)
    for j, mean in enumerate(part.means):
        apart = np.sqrt(((part.means - mean) ** 2).sum(axis=1))
        alike = np.divide(spread + spread[j], apart, out=np.zeros(part.k), where=apart > 0)
        likeness[j] = alike.max()
    return float(likeness.mean())


def bic(part: Partition) -> float:
    n, d, k = part.rows.n, part.rows.d, part.k
    variance = part.dispersion / (d * (n - k))
    if variance == 0:
        return math.inf
    log_variance = math.log(variance) + 2 * math.log(part.rows.data_unit)
    with np.errstate(all="ignore"):
        log_shares = float(part.sizes @ np.log(part.sizes / n))
    log_likelihood = log_shares - n * d / 2 * (math.log(2 * math.pi) + log_variance) - d * (n - k) / 2
    return log_likelihood - k * (d + 1) / 2 * math.log(n)
