"""BisectingKMeans: scikit-learn's estimator on certified kernels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, StrOptions

from .._validation import check_centers, check_rng, check_weights, check_X
from ..backends.protocol import Array, Backend, Floats, Labels, Rows
from ..engine.algorithms import ALGORITHMS, choose
from ..engine.bisection import Growth, Node, Splitter, descend
from ..engine.seeding import SEEDINGS, seed
from ..engine.shard import inertia, inertia_of_data
from .base import BaseKMeans
from .kmeans import count_distinct


class BisectingKMeans(BaseKMeans):
    """Bisecting k-means: a drop-in for scikit-learn's, with labels that are provably right at each split.

    All rows are split in two by k-means, then the worst cluster is, until there are ``n_clusters``.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters and of centers.
    init : {'k-means++', 'random'} or callable, default='random'
        Where the two centers of a split begin: at rows of the cluster drawn one by one, far from each other; at
        rows drawn at random; or where ``init(X, 2, random_state=...)`` says for the rows X of the cluster.
    n_init : int, default=1
        Runs of a split from different first centers, the best of which is kept.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers; an int gives the same result in every call.
    max_iter : int, default=300
        Most iterations of a run.
    verbose : int, default=0
        Whether to print the progress.
    tol : float, default=1e-4
        A run ends when the summed squared moves of the centers are at most ``tol``, in the unit of the data.
        0 goes on until no label changes.
    copy_x : bool, default=True
        Accepted for compatibility: X is never modified.
    algorithm : {'lloyd', 'elkan', 'auto'}, default='lloyd'
        How the nearer center is found. The result is the same for all of them.
    bisecting_strategy : {'biggest_inertia', 'largest_cluster'}, default='biggest_inertia'
        Which cluster is split next: that of the largest inertia, or that of most rows.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels; 'auto' is 'compiled'. The labels are the same for all of them.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    copy_budget : float, default=1.5
        Most memory for working copies, as a multiple of the bytes of X. The rows of the cluster that is being
        split are copied whatever it says. The result is the same.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Weighted means of the clusters: float32 if X is (or float16), else float64.
    labels_ : ndarray of shape (n_samples,), int32
        The cluster of each row: what ``predict`` gives.
    inertia_ : float
        Weighted sum of squared distances of the rows to the centers of their clusters.
    n_features_in_ : int
        Number of features in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast import BisectingKMeans
    >>> X = np.array([[1, 1], [10, 1], [3, 1], [10, 0], [2, 1], [10, 2], [10, 8], [10, 9], [10, 10]])
    >>> model = BisectingKMeans(n_clusters=3, random_state=0, backend='identity').fit(X)
    >>> model.labels_
    array([0, 2, 0, 2, 0, 2, 1, 1, 1], dtype=int32)
    >>> model.predict([[0, 0], [12, 3]])
    array([0, 2], dtype=int32)
    >>> model.cluster_centers_
    array([[ 2.,  1.],
           [10.,  9.],
           [10.,  1.]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKMeans._parameter_constraints,
        "init": [StrOptions(set(SEEDINGS)), callable],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"auto", "elkan", *ALGORITHMS})],
        "bisecting_strategy": [StrOptions({"biggest_inertia", "largest_cluster"})],
    }

    _bisecting_tree: Node

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | Callable[..., Any] = "random",
        n_init: int = 1,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        max_iter: int = 300,
        verbose: int = 0,
        tol: float = 1e-4,
        copy_x: bool = True,
        algorithm: str = "lloyd",
        bisecting_strategy: str = "biggest_inertia",
        backend: str | Backend = "auto",
        n_threads: int | None = None,
        copy_budget: float = 1.5,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.random_state = random_state
        self.max_iter = max_iter
        self.verbose = verbose
        self.tol = tol
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.bisecting_strategy = bisecting_strategy
        self.backend = backend
        self.n_threads = n_threads
        self.copy_budget = copy_budget

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Grow the tree of clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to cluster. Copied only if not C-contiguous float32 or float64; never modified.
        y : ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        self : BisectingKMeans
            The fitted estimator.
        """
        with self._unchanged_if_interrupted():
            X = check_X(X, self)
            weights = check_weights(sample_weight, X)
            self._check_against(X, weights)
            self._grow(X, weights)
            self._warn_of_empty_clusters()
        return self

    def predict(self, X: Any) -> Labels:
        """The cluster of each row: the leaf that it reaches when it goes to the nearer center at each split.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label, of any float dtype, whatever the model was fitted on.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Index of the cluster of each row. The center of another cluster may be nearer.
        """
        rows, _, backend, n_threads = self._ready(self._checked(X))
        return descend(backend, rows, self._bisecting_tree, n_threads)

    def _check_against(self, X: Array, weights: Floats | None) -> None:
        n_samples = X.shape[0]
        if n_samples < self.n_clusters:
            raise ValueError(f"n_samples={n_samples} should be >= n_clusters={self.n_clusters}.")
        n_positive = n_samples if weights is None else int(np.count_nonzero(weights))
        if self.init == "random" and n_positive < self.n_clusters:
            raise ValueError(
                f"{n_positive} of n_samples={n_samples} have a positive weight, but init='random' needs as many as "
                f"n_clusters={self.n_clusters}. Use fewer clusters, or init='k-means++'."
            )

    def _grow(self, X: Array, weights: Floats | None) -> None:
        backend, n_threads = self._backend_and_threads(X)
        rows = backend.prepare(X, weights, copy_budget=self.copy_budget, n_threads=n_threads)
        random_state = check_rng(self.random_state)

        def first_centers(part: Rows) -> Array:
            centers = seed(self.init, backend, part, 2, random_state, n_threads=n_threads)
            return check_centers(centers, part.X, 2) if callable(self.init) else centers

        algorithm = self.algorithm if self.algorithm in ALGORITHMS else choose(rows.n, rows.d, 2, X.dtype)
        splitter = Splitter(
            backend,
            first_centers,
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            by_inertia=self.bisecting_strategy == "biggest_inertia",
            algorithm=algorithm,
            n_threads=n_threads,
            keeps_rows=callable(self.init),
            say=print if self.verbose else None,
        )
        tree = Growth(rows, weights, splitter).grow(self.n_clusters, self.copy_budget)
        self._bisecting_tree = tree
        self.labels_ = np.empty(rows.n, dtype=np.int32)
        self.cluster_centers_ = np.empty((self.n_clusters, rows.d), dtype=X.dtype)
        for leaf in tree.iter_leaves():
            self.labels_[leaf.indices] = leaf.label
            self.cluster_centers_[leaf.label] = leaf.center
            leaf.indices = None
        in_units = inertia(backend, rows, self.cluster_centers_, self.labels_, n_threads)
        self.inertia_ = inertia_of_data(in_units, rows, self.cluster_centers_, self.labels_)

    def _warn_of_empty_clusters(self) -> None:
        n_distinct = count_distinct(self.labels_, self.n_clusters)
        if n_distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=4,
            )
