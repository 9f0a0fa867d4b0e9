"""MiniBatchKMeans: scikit-learn's estimator for data that are learned a few rows at a time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from .._validation import check_centers, check_rng, check_weights, check_X
from ..backends.protocol import Array, Backend, Floats, Rows
from ..engine.inertia import mean_variance
from ..engine.minibatch import Learner, StopRule, first_centers, inertia_of_sample, learn_until, random_integers
from ..engine.seeding import RandomState
from ..engine.shard import Shard, in_data_units, inertia_of_data
from .base import BaseKMeans


class MiniBatchKMeans(BaseKMeans):
    """K-means from small batches of rows: a drop-in for scikit-learn's, with certified labels.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters and of centers.
    init : {'k-means++', 'random'}, array-like of shape (n_clusters, n_features) or callable, \
            default='k-means++'
        Where the centers begin: at rows drawn one by one, far from each other; at rows drawn at random; at the
        given centers; or where ``init(X, n_clusters, random_state=...)`` says, X being ``init_size`` drawn rows.
    max_iter : int, default=100
        Most passes over the data: ``fit`` takes at most ``max_iter * n_samples // batch_size`` steps.
    batch_size : int, default=1024
        Rows of a batch.
    verbose : int, default=0
        Whether to print the progress.
    compute_labels : bool, default=True
        Whether to label all rows, and measure their inertia, at the end.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers; an int gives the same result in every call.
    tol : float, default=0.0
        ``fit`` ends when the summed squared moves of the centers in a step are at most ``tol`` times the mean
        variance of the features. 0 never ends it.
    max_no_improvement : int or None, default=10
        ``fit`` ends when the smoothed inertia of the batches has not fallen in so many steps. None never ends it.
    init_size : int or None, default=None
        Rows that are drawn for each initialization; None is ``3 * batch_size``, or ``3 * n_clusters`` if that
        is less than ``n_clusters``.
    n_init : 'auto' or int, default='auto'
        Initializations, of which the best on a sample of the rows is kept. 'auto' is 3 for 'random' and a callable,
        else 1.
    reassignment_ratio : float, default=0.01
        From time to time, centers that were given less than this share of the rows of the largest cluster are
        put on rows drawn at random. 0 never moves them.
    backend : {'auto', 'compiled', 'identity', 'broadcast', 'loop'}, default='auto'
        The kernels; 'auto' is 'compiled'. The labels are the same for all of them.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use, -1 for all. The result has the same bits for all.
    copy_budget : float, default=1.5
        Most memory for working copies, as a multiple of the bytes of X; 0 allows none. The result is the same.

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, n_features)
        Each the mean of all rows that it was given: float32 if X is (or float16), else float64.
    labels_ : ndarray of shape (n_samples,), int32
        Index of the nearest center of each row: what ``predict`` gives. Not there if ``compute_labels`` is False.
    inertia_ : float
        Weighted sum of squared distances of the rows to their centers; if ``compute_labels`` is False, an estimate
        of it from the smoothed inertia of the batches.
    n_iter_ : int
        Passes over the data that were begun.
    n_steps_ : int
        Batches that were learned.
    converged_ : bool
        Whether ``fit`` ended by itself, not by ``max_iter``.
    history_ : dict of ndarrays of shape (n_steps_,)
        Of ``fit``, by step: 'inertia' (mean over the batch, about the centers before the step), 'n_reassigned'
        (centers put on drawn rows) and 'seconds'.
    n_features_in_ : int
        Number of features in ``fit``.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast import MiniBatchKMeans
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0, batch_size=6, backend='identity')
    >>> model.fit(X).labels_
    array([1, 1, 1, 0, 0, 0], dtype=int32)
    >>> model.partial_fit([[0, 0], [12, 3]]).predict([[0, 0], [12, 3]])
    array([1, 0], dtype=int32)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseKMeans._parameter_constraints,
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "compute_labels": ["boolean"],
        "max_no_improvement": [Interval(Integral, 0, None, closed="left"), None],
        "init_size": [Interval(Integral, 1, None, closed="left"), None],
        "reassignment_ratio": [Interval(Real, 0, None, closed="left")],
    }

    _random_state: RandomState
    _counts: Floats
    _n_since_last_reassign: int

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | npt.ArrayLike | Callable[..., Any] = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Literal["auto"] | int = "auto",
        reassignment_ratio: float = 0.01,
        backend: str | Backend = "auto",
        n_threads: int | None = None,
        copy_budget: float = 1.5,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.backend = backend
        self.n_threads = n_threads
        self.copy_budget = copy_budget

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Find the centers from batches of rows, drawn by weight with replacement.

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
        self : MiniBatchKMeans
            The fitted estimator.
        """
        with self._unchanged_if_interrupted():
            X = check_X(X, self)
            self._check_against(X)
            weights = check_weights(sample_weight, X)
            init = self._checked_init(X)
            random_state = check_rng(self.random_state)
            backend, n_threads = self._backend_and_threads(X)
            rows = backend.prepare(X, weights, copy_budget=self.copy_budget, n_threads=n_threads)
            centers = self._best_start(init, backend, rows, random_state, n_threads)
            learner = self._learner(backend, centers, np.zeros(self.n_clusters), 0, random_state, n_threads)
            run = learn_until(self._stop_rule(rows), learner, rows, self.max_iter * rows.n // self._batch_size)
            self._keep(learner)
            self.n_steps_ = run.n_steps
            self.n_iter_ = math.ceil(run.n_steps * self._batch_size / rows.n)
            self.converged_ = run.converged
            self.history_ = run.history
            if self.compute_labels:
                self._label(backend, rows, n_threads)
            else:
                self.__dict__.pop("labels_", None)
                self.inertia_ = in_data_units(run.smoothed * total_weight(rows), rows)
            rows.release()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Move the centers by one batch; the first call finds where they begin.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows of the batch, in the first call at least ``n_clusters``. Never modified.
        y : ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        self : MiniBatchKMeans
            The estimator, which knows one batch more.
        """
        is_first = not hasattr(self, "cluster_centers_")
        random_state = self._random_state if hasattr(self, "_random_state") else check_rng(self.random_state)
        with self._unchanged_if_interrupted(rewinding(random_state)):
            self._random_state = random_state
            X = check_X(X, self, reset=is_first)
            weights = check_weights(sample_weight, X)
            if is_first:
                self._check_against(X)
                self._begin(X, weights)
            rows, centers, backend, n_threads = self._ready(X, weights)
            learner = self._learner(
                backend, centers, self._counts, self._n_since_last_reassign, self._random_state, n_threads
            )
            learner.learn(rows)
            self._keep(learner)
            if self.compute_labels:
                self._label(backend, rows, n_threads)
            self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        return self

    # ---- before the first step --------------------------------------------------------------------------------

    def _check_against(self, X: Array) -> None:
        n = X.shape[0]
        if n < self.n_clusters:
            raise ValueError(f"n_samples={n} should be >= n_clusters={self.n_clusters}.")
        is_array = not isinstance(self.init, str) and not callable(self.init)
        if self.n_init == "auto":
            self._n_init = 1 if is_array or self.init == "k-means++" else 3
        else:
            self._n_init = int(self.n_init)
        if is_array and self._n_init != 1:
            warnings.warn(
                f"Explicit initial center position passed: performing only one init in {type(self).__name__}, "
                f"not n_init={self._n_init}.",
                RuntimeWarning,
                stacklevel=4,
            )
            self._n_init = 1
        self._batch_size = min(self.batch_size, n)
        self._init_size = 3 * self._batch_size if self.init_size is None else self.init_size
        if self._init_size < self.n_clusters:
            if self.init_size is not None:
                warnings.warn(
                    f"init_size={self.init_size} should be larger than n_clusters={self.n_clusters}, for centers are "
                    "drawn from so many rows; min(3 * n_clusters, n_samples) is used.",
                    RuntimeWarning,
                    stacklevel=4,
                )
            self._init_size = 3 * self.n_clusters
        self._init_size = min(self._init_size, n)

    def _checked_init(self, X: Array) -> Any:
        if isinstance(self.init, str) or callable(self.init):
            return self.init
        return check_centers(self.init, X, self.n_clusters)

    def _start(self, init: Any, backend: Backend, rows: Rows, random_state: RandomState, n_threads: int) -> Array:
        centers = first_centers(
            init, backend, rows, self.n_clusters, random_state, init_size=self._init_size, n_threads=n_threads
        )
        return check_centers(centers, rows.X, self.n_clusters) if callable(init) else centers

    def _best_start(self, init: Any, backend: Backend, rows: Rows, random_state: RandomState, n_threads: int) -> Array:
        """Of ``_n_init`` starts the one of least inertia on a sample, the first of equal ones."""
        sample = random_integers(random_state, rows.n, self._init_size)
        best, least = None, math.inf
        for i in range(self._n_init):
            if self.verbose:
                print(f"Init {i + 1}/{self._n_init} with method {init}")
            centers = self._start(init, backend, rows, random_state, n_threads)
            if self._n_init > 1 or self.verbose:
                inertia = inertia_of_sample(backend, rows, sample, centers, n_threads=n_threads)
                if self.verbose:
                    print(f"Inertia for init {i + 1}/{self._n_init}: {in_data_units(inertia, rows)}")
                if best is not None and not inertia < least:
                    continue
                least = inertia
            best = centers
        assert best is not None
        return best

    def _begin(self, X: Array, weights: Floats | None) -> None:
        """The state before the first batch of ``partial_fit``."""
        init = self._checked_init(X)
        backend, n_threads = self._backend_and_threads(X)
        rows = backend.prepare(X, weights, n_threads=n_threads)
        self.cluster_centers_ = self._start(init, backend, rows, self._random_state, n_threads)
        self._counts = np.zeros(self.n_clusters)
        self._n_since_last_reassign = 0

    # ---- steps ------------------------------------------------------------------------------------------------

    def _learner(
        self,
        backend: Backend,
        centers: Array,
        counts: Floats,
        n_since_reassigned: int,
        random_state: RandomState,
        n_threads: int,
    ) -> Learner:
        return Learner(
            backend,
            centers,
            counts,
            random_state=random_state,
            batch_size=self._batch_size,
            reassignment_ratio=self.reassignment_ratio,
            n_since_reassigned=n_since_reassigned,
            n_threads=n_threads,
            say=print if self.verbose else None,
        )

    def _stop_rule(self, rows: Rows) -> StopRule:
        threshold = self.tol * mean_variance(rows.X, rows.data_unit) if self.tol > 0 else 0.0
        return StopRule(rows.n, self._batch_size, threshold=threshold, max_no_improvement=self.max_no_improvement)

    # ---- after the last step ----------------------------------------------------------------------------------

    def _keep(self, learner: Learner) -> None:
        self.cluster_centers_ = learner.centers
        self._counts = learner.counts
        self._n_since_last_reassign = learner.n_since_reassigned

    def _label(self, backend: Backend, rows: Rows, n_threads: int) -> None:
        shard = Shard(backend, rows, self.n_clusters, n_threads=n_threads)
        shard.assign(self.cluster_centers_)
        self.labels_ = shard.labels
        in_units = shard.inertia(self.cluster_centers_)
        self.inertia_ = inertia_of_data(in_units, rows, self.cluster_centers_, shard.labels)


def total_weight(rows: Rows) -> float:
    """In ``weight_unit``."""
    return rows.n if rows.weights is None else float(rows.weights.sum())


def rewinding(random_state: RandomState) -> Callable[[], None]:
    """What takes draws back, so that the call that made them may follow again; but not numpy's global ones."""
    if isinstance(random_state, np.random.Generator):
        return partial(setattr, random_state.bit_generator, "state", random_state.bit_generator.state)
    if random_state is check_rng(None):
        return lambda: None
    return partial(random_state.set_state, random_state.get_state())
