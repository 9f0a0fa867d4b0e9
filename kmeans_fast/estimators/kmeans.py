"""KMeans: scikit-learn's estimator on certified kernels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import StrOptions

from .._validation import check_centers, check_enough_rows, check_rng, check_weights, check_X, lent_rng, prepared
from ..backends.protocol import Array, Backend, Labels, Rows
from ..engine.algorithms import ALGORITHMS, choose
from ..engine.metrics import METRICS
from ..engine.seeding import RandomState, seed
from .base import BaseKMeans
from .callbacks import CallbackSupportMixin, Task
from .runs import Run, Runner


class KMeans(CallbackSupportMixin, BaseKMeans):
    """K-means clustering: a drop-in for scikit-learn's, with labels that are provably those of the nearest centers.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters and of centers.
    init : {'k-means++', 'random'}, array-like of shape (n_clusters, n_features) or callable, \
            default='k-means++'
        Where the centers begin: at rows drawn one by one, far from each other; at rows drawn at random; at the
        given centers; or where ``init(X, n_clusters, random_state=...)`` says.
    n_init : 'auto' or int, default='auto'
        Runs from different first centers, the best of which is kept. 'auto' is 10 for 'random' and a callable, else 1.
    max_iter : int, default=300
        Most iterations of a run.
    tol : float, default=1e-4
        A run ends when the summed squared moves of the centers are at most ``tol`` times the mean variance of the
        features. 0 goes on until no label changes.
    verbose : int, default=0
        Whether to print the progress.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers; an int gives the same result in every call.
    copy_x : bool, default=True
        Accepted for compatibility: X is never modified.
    algorithm : {'auto', 'lloyd', 'hamerly', 'groups', 'boxes', 'prefix', 'elkan'}, default='auto'
        How the nearest centers are found: 'lloyd' looks at every row and center, 'hamerly' keeps two bounds a row,
        'groups' one for each group of centers, 'boxes' is for up to four features, 'prefix' for many of which few axes
        hold most of the spread; 'auto' (and 'elkan') chooses by the data. The result is one.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels; 'auto' is 'compiled'. The labels are the same for all of them.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    copy_budget : float, default=1.5
        Most memory for working copies, as a multiple of the bytes of X; 0 allows none. The result is the same.
    metric : {'euclidean', 'cosine'}, default='euclidean'
        What is least between rows and centers. 'cosine' is spherical k-means: the rows, first centers and means are
        brought to norm one, and distances are one minus the cosine. It holds a copy of X with rows of norm one
        and refuses rows of zeros.
    refine : {'swap'} or None, default=None
        What is done after the best run. 'swap' takes centers that are hardly missed to where they gain most, and goes
        on with what is better, until nothing gains or it has made two thirds of the iterations of that run (and none
        is sure to gain): often an inertia below that of many runs, in less than the time of two. No random numbers.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Weighted means of the clusters: float32 if X is (or float16), else float64. For 'cosine' they have norm one,
        and where a mean is zero, the center stays where it was.
    labels_ : ndarray of shape (n_samples,), int32
        Index of the nearest center of each row: what ``predict`` gives.
    inertia_ : float
        Weighted sum of squared distances of the rows to their centers; for 'cosine', of their cosine distances.
    inertias_ : ndarray of shape (n_runs,)
        What ``inertia_`` each run ended with, before any ``refine``.
    n_iter_ : int
        Iterations of the best run; where ``refine`` found better places, of the descent from the last of these.
    converged_ : bool
        Whether the best run, or that descent, ended by itself, not by ``max_iter`` or a callback.
    history_ : dict of ndarrays of shape (n_iter_,)
        Of the best run, or that descent, by iteration: 'inertia' about the centers that the rows were assigned to,
        'shift' (root of the summed squared moves of the centers), 'n_changed' (labels that changed), 'seconds', and
        'algorithm' (the way it went: what 'auto' chose goes by 'lloyd' wherever its own way would not pay).
    n_features_in_ : int
        Number of features in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast import KMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = KMeans(n_clusters=2, random_state=0, backend='identity').fit(X)
    >>> model.labels_
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    >>> model.predict([[0, 0], [12, 3]])
    array([1, 0], dtype=int32)
    >>> model.cluster_centers_
    array([[10.,  2.],
           [ 1.,  2.]])

    Rows that differ by their direction:

    >>> X = np.array([[1, 0], [9, 1], [0, 2], [1, 30]])
    >>> KMeans(n_clusters=2, random_state=0, metric='cosine', backend='identity').fit_predict(X)
    array([1, 1, 0, 0], dtype=int32)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKMeans._parameter_constraints,
        "copy_x": ["boolean"],
        "algorithm": [StrOptions({"auto", "elkan", *ALGORITHMS})],
        "metric": [StrOptions(set(METRICS))],
        "refine": [StrOptions({"swap"}), None],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | npt.ArrayLike | Callable[..., Any] = "k-means++",
        n_init: Literal["auto"] | int = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        verbose: int = 0,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        copy_x: bool = True,
        algorithm: str = "auto",
        backend: str | Backend = "auto",
        n_threads: int | None = None,
        copy_budget: float = 1.5,
        metric: str = "euclidean",
        refine: str | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.verbose = verbose
        self.random_state = random_state
        self.copy_x = copy_x
        self.algorithm = algorithm
        self.backend = backend
        self.n_threads = n_threads
        self.copy_budget = copy_budget
        self.metric = metric
        self.refine = refine

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows to cluster. Copied only if not C-contiguous (or CSR with sorted
            columns), float32 or float64; never modified.
        y : ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        self : KMeans
            The fitted estimator.
        """
        with self._unchanged_if_interrupted():
            X = self._of_metric(X, reset=True)
            weights = check_weights(sample_weight, X)
            backend, n_threads = self._backend_and_threads(X)
            rows = prepared(self, backend, X, weights, copy_budget=self.copy_budget, n_threads=n_threads)
            self._check_against(X)
            task = Task.of_fit(self, self._n_init, X, sample_weight)
            # A callable might keep what it is given.
            with lent_rng(self.random_state, is_kept=callable(self.init)) as random_state:
                results = self._best_run(X, backend, rows, n_threads, task, random_state)
            self._set_results(results)
            task.end(lambda: results)
        return self

    def _check_against(self, X: Array) -> None:
        check_enough_rows(X, self.n_clusters)
        is_array = not isinstance(self.init, str) and not callable(self.init)
        if self.n_init == "auto":
            self._n_init = 1 if is_array or self.init == "k-means++" else 10
        else:
            self._n_init = int(self.n_init)
        if is_array and self._n_init != 1:
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__}, not n_init={self.n_init}; use n_init=1 or 'auto'.",
                RuntimeWarning,
                stacklevel=4,
            )
            self._n_init = 1
        self._algorithm = self.algorithm
        if self.algorithm == "elkan" and self.n_clusters == 1:
            warnings.warn(
                "algorithm='elkan' doesn't make sense for a single cluster: it has no other center to rule out. "
                "Using 'lloyd'; use algorithm='auto' or 'lloyd', or n_clusters > 1.",
                RuntimeWarning,
                stacklevel=4,
            )
            self._algorithm = "lloyd"
        if self._algorithm not in ALGORITHMS:
            self._algorithm = choose(
                X.shape[0], X.size // X.shape[0], self.n_clusters, X.dtype, is_sparse=not isinstance(X, np.ndarray)
            )

    def _best_run(
        self, X: Array, backend: Backend, rows: Rows, n_threads: int, task: Task, random_state: RandomState
    ) -> dict[str, Any]:
        """What the best of ``_n_init`` runs found, as attributes."""
        init = self.init
        if not isinstance(init, str) and not callable(init):
            init = self._checked_init(init, X)
        runner = Runner(
            backend,
            rows,
            algorithm=self._algorithm,
            max_iter=self.max_iter,
            tol=self.tol,
            n_threads=n_threads,
            say=print if self.verbose else None,
            metric=self._metric,
        )
        best: Run | None = None
        inertias: list[float] = []
        for _ in range(self._n_init):
            part = task.begin("run", self.max_iter)
            centers = seed(init, backend, rows, self.n_clusters, random_state, n_threads=n_threads)
            if callable(init):
                centers = self._checked_init(centers, X)
            if self.verbose:
                print("Initialization complete")
            run = runner.run(centers, part)
            if best is None or (run.inertia < best.inertia and not is_same_clustering(run, best)):
                best = run
            inertias.append(run.inertia_of(rows))
            if part.end(partial(best.results, rows)):
                break
        else:
            if self.refine == "swap" and best is not None:
                best = runner.refined(best)
        assert best is not None
        rows.release()
        results = best.results(rows)
        results["inertias_"] = np.array(inertias)
        return results

    def _checked_init(self, centers: Any, X: Array) -> Array:
        return cast(Array, self._metric.rows(check_centers(centers, X, self.n_clusters), "init"))

    def _set_results(self, results: dict[str, Any]) -> None:
        n_distinct = count_distinct(results["labels_"], self.n_clusters)
        if n_distinct < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_distinct}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=4,
            )
        for name, value in results.items():
            setattr(self, name, value)

    def _init_centroids(
        self,
        X: Any,
        x_squared_norms: Any = None,
        init: Any = None,
        random_state: Any = None,
        sample_weight: Any = None,
        init_size: int | None = None,
        n_centroids: int | None = None,
    ) -> Array:
        """First centers for X, as scikit-learn's method of this name gives them."""
        rng = check_rng(random_state)
        if init_size is not None and init_size < X.shape[0]:
            draw = rng.integers if isinstance(rng, np.random.Generator) else rng.randint
            chosen = draw(0, X.shape[0], init_size)
            X = X[chosen]
            sample_weight = None if sample_weight is None else sample_weight[chosen]
        X = self._metric.rows(check_X(X))
        k = self.n_clusters if n_centroids is None else n_centroids
        backend, n_threads = self._backend_and_threads(X)
        rows = backend.prepare(X, check_weights(sample_weight, X), n_threads=n_threads)
        centers = seed(self.init if init is None else init, backend, rows, k, rng, n_threads=n_threads)
        return cast(Array, self._metric.rows(check_centers(centers, X, k), "init"))


def count_distinct(labels: Labels, k: int) -> int:
    """How many of the labels 0 to k - 1 occur; looks no farther than until it has met them all."""
    is_used = np.zeros(k, dtype=bool)
    step = 64 * k
    for first in range(0, len(labels), step):
        is_used[labels[first : first + step]] = True
        if is_used.all():
            break
    return int(np.count_nonzero(is_used))


def is_same_clustering(run: Run, other: Run) -> bool:
    """Whether the labels of two runs differ by their names only."""
    return is_renaming(run.labels, other.labels) and is_renaming(other.labels, run.labels)


def is_renaming(labels: Labels, others: Labels) -> bool:
    """Whether rows of one label never differ in the other labels."""
    names = np.full(int(labels.max()) + 1, -1, dtype=np.int32)
    names[labels] = others
    return bool((names[labels] == others).all())
