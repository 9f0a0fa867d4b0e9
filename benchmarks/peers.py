"""scikit-learn beside us: whole fits, and for each kernel what scikit-learn runs in its place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils.extmath import row_norms
from threadpoolctl import ThreadpoolController

from .datasets import Array

NAME = "scikit-learn"

Context = Callable[[], contextlib.AbstractContextManager[Any]]


def limited(n_threads: int) -> contextlib.AbstractContextManager[Any]:
    """Hold every thread pool that is loaded to n_threads."""
    return ThreadpoolController().limit(limits=n_threads)


def one_blas_thread() -> Context:
    """As scikit-learn does around its own iterations: the threads are there already."""
    controller = ThreadpoolController()
    return lambda: controller.limit(limits=1, user_api="blas")


def fitted(X: Array, k: int, **options: Any) -> Any:
    return KMeans(k, **options).fit(X)


def fitted_on_batches(X: Array, k: int, **options: Any) -> Any:
    return MiniBatchKMeans(k, **options).fit(X)


def bisected(X: Array, k: int, **options: Any) -> Any:
    return BisectingKMeans(k, **options).fit(X)


def kernel_call(kernel: str, X: Array, centers: Array, labels: Array, n_threads: int) -> Callable[[], Any] | None:
    """What scikit-learn does in place of the kernel, or None where it has nothing of the kind.

    Its iteration and inertia are private functions; a release without them gives None for those.
    """
    build = KERNEL_CALLS.get(kernel)
    if build is None:
        return None
    try:
        return build(X, centers, labels, n_threads)
    except ImportError:
        return None


def _iteration(X: Array, centers: Array, labels: Array, n_threads: int, update_centers: bool) -> Callable[[], Any]:
    from sklearn.cluster._k_means_lloyd import lloyd_iter_chunked_dense, lloyd_iter_chunked_sparse

    k, iterate = len(centers), lloyd_iter_chunked_sparse if issparse(X) else lloyd_iter_chunked_dense
    weights, shift, out = np.ones(X.shape[0], dtype=X.dtype), np.zeros(k, dtype=X.dtype), labels.copy()
    updated, mass = (np.zeros_like(centers), np.zeros(k, dtype=X.dtype)) if update_centers else (None, None)
    return lambda: iterate(
        X, weights, centers, updated, mass, out, shift, n_threads, update_centers=update_centers
    )


def _nearest(X: Array, centers: Array, labels: Array, n_threads: int) -> Callable[[], Any]:
    return _iteration(X, centers, labels, n_threads, update_centers=False)


def _nearest_and_sum(X: Array, centers: Array, labels: Array, n_threads: int) -> Callable[[], Any]:
    return _iteration(X, centers, labels, n_threads, update_centers=True)


def _label_sq_dists(X: Array, centers: Array, labels: Array, n_threads: int) -> Callable[[], Any]:
    from sklearn.cluster._k_means_common import _inertia_dense, _inertia_sparse

    weights, measure = np.ones(X.shape[0], dtype=X.dtype), _inertia_sparse if issparse(X) else _inertia_dense
    return lambda: measure(X, weights, centers, labels, n_threads)


def _distances(X: Array, centers: Array, labels: Array, n_threads: int) -> Callable[[], Any]:
    return lambda: euclidean_distances(X, centers)


def _candidate_gains(X: Array, centers: Array, labels: Array, n_threads: int) -> Callable[[], Any]:
    """A step of its greedy k-means++ without the draws."""
    norms, closest = row_norms(X, squared=True)[None], euclidean_distances(centers[:1], X, squared=True)
    weights, candidates = np.ones(X.shape[0], dtype=X.dtype), centers[: n_trials(len(centers))]

    def call() -> Any:
        sq_dists = euclidean_distances(candidates, X, Y_norm_squared=norms, squared=True)
        np.minimum(closest, sq_dists, out=sq_dists)
        return sq_dists @ weights

    return call


KERNEL_CALLS: dict[str, Callable[[Array, Array, Array, int], Callable[[], Any]]] = {
    "nearest": _nearest,
    "nearest_and_sum": _nearest_and_sum,
    "label_sq_dists": _label_sq_dists,
    "distances": _distances,
    "candidate_gains": _candidate_gains,
}


def n_trials(k: int) -> int:
    """Candidates that a step of greedy k-means++ draws, at most the k that a benchmark has at hand."""
    return min(k, 2 + int(np.log(k)))
