"""What every k-means estimator does alike: check parameters, label, measure and transform rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from numbers import Integral, Real
from typing import Any, ClassVar, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._threads import resolve_n_threads, worthwhile
from .._validation import as_kernel_array, check_weights, check_X, prepared
from ..backends import BACKENDS, get_backend
from ..backends.protocol import Array, Backend, Floats, Labels, Rows
from ..engine.algorithms.lloyd import assign
from ..engine.metrics import METRICS, Metric
from ..engine.seeding import SEEDINGS
from ..engine.shard import inertia, inertia_of_data
from ..engine.slices import row_slices, work_of_pair
from .callbacks import BOOKKEEPING

PLAIN_TYPES = frozenset({bool, int, float, str, type(None)})
MOST_PASSED = 1000
_passed: set[Any] = set()
"""Classes and values of parameters that ``_validate_params`` found right."""


def gist(value: Any) -> tuple[type, Any] | None:
    """All of a parameter's value that its check could ask for; None where that is not plain."""
    kind = type(value)
    if kind in PLAIN_TYPES:
        return kind, value
    return (kind, value.ndim) if kind is np.ndarray else None


@cache
def parameter_names(kind: Any) -> list[str]:
    """Names of the parameters of a class of estimators."""
    names: list[str] = kind._get_param_names()
    return names


class BaseKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """Everything that needs fitted centers only."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions(set(SEEDINGS)), callable, "array-like"],
        "n_init": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "random_state": ["random_state", np.random.Generator],
        "backend": [StrOptions({"auto", *BACKENDS}), HasMethods(["prepare", "nearest_and_sum"])],
        "n_threads": [None, Options(Integral, {-1}), Interval(Integral, 1, None, closed="left")],
        "copy_budget": [Interval(Real, 0, None, closed="left")],
    }

    n_clusters: int
    backend: str | Backend
    n_threads: int | None
    copy_budget: float
    cluster_centers_: Array
    labels_: Labels

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        raise NotImplementedError

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Labels:
        """Fit, and give the labels of the training rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows to cluster.
        y : ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Index of the nearest center of each row.
        """
        return self.fit(X, sample_weight=sample_weight).labels_

    def predict(self, X: Any) -> Labels:
        """Index of the nearest center of each row; of equally near ones, the lowest.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to label, of any float dtype, whatever the model was fitted on.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int32
            Index of the nearest center of each row.
        """
        rows, centers, backend, n_threads = self._ready(self._checked(X))
        return self._labels(rows, centers, backend, n_threads)

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Fit, and give the distances of the training rows to the centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The rows to cluster.
        y : ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters)
            Distances, as ``transform`` gives them.
        """
        distances: Array = self.fit(X, sample_weight=sample_weight).transform(X)
        return distances

    def transform(self, X: Any) -> Array:
        """Distance of each row to each center: Euclidean, but cosine distance for ``metric='cosine'``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to measure.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_clusters)
            Distances, in X's float dtype.
        """
        X = self._checked(X)
        rows, centers, backend, n_threads = self._ready(X)
        out = np.empty((rows.n, len(centers)), dtype=rows.X.dtype)
        for start, stop in row_slices(0, rows.n, len(centers) * work_of_pair(rows)):
            backend.distances(rows, start, stop, centers, out[start:stop], n_threads=n_threads)
        # float32 rows and a float64 model are measured in float64; the answer has X's dtype.
        return self._metric.distances(out.astype(X.dtype, copy=False))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the inertia of X: the higher, the better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to measure.
        y : ignored
            Present by convention.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        score : float
            Minus the weighted sum of squared distances to the nearest centers.
        """
        return -self.inertia(X, sample_weight)

    def inertia(self, X: Any, sample_weight: Any = None) -> float:
        """Weighted sum of the squared distances of the rows to their nearest centers.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to measure.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; None gives each the weight one.

        Returns
        -------
        inertia : float
            Sum of ``weight * ||x - center||**2``, in float64, from direct differences; half of it, between rows and
            centers of norm one, for ``metric='cosine'``.
        """
        X = self._checked(X)
        rows, centers, backend, n_threads = self._ready(X, check_weights(sample_weight, X))
        labels = self._labels(rows, centers, backend, n_threads)
        in_units = inertia(backend, rows, centers, labels, n_threads) * self._metric.share
        return inertia_of_data(in_units, rows, centers, labels, self._metric.share)

    def _labels(self, rows: Rows, centers: Array, backend: Backend, n_threads: int) -> Labels:
        labels = np.full(rows.n, -1, dtype=np.int32)
        assign(backend, rows, centers, labels, n_threads)
        return labels

    def _checked(self, X: Any) -> Array:
        check_is_fitted(self)
        return self._of_metric(X, reset=False)

    def _of_metric(self, X: Any, *, reset: bool) -> Array:
        """X as the metric sees its rows; for 'euclidean', ``prepared`` is yet to see whether they are finite."""
        X = check_X(X, self, reset=reset, check_finite=self._metric is not METRICS["euclidean"])
        return cast(Array, self._metric.rows(X))

    @property
    def _metric(self) -> Metric:
        """What distances mean to this estimator."""
        return METRICS[getattr(self, "metric", "euclidean")]

    def _ready(self, X: Array, weights: Floats | None = None) -> tuple[Rows, Array, Backend, int]:
        """Rows and centers of one dtype, the wider of the two, with the backend and its threads."""
        dtype = np.result_type(X.dtype, self.cluster_centers_)
        centers = as_kernel_array(self.cluster_centers_, dtype)
        backend, n_threads = self._backend_and_threads(X)
        rows = prepared(self, backend, as_kernel_array(X, dtype), weights, copy_budget=0.0, n_threads=n_threads)
        return rows, centers, backend, n_threads

    def _validate_params(self) -> None:
        """scikit-learn's check of the parameters; plain values that passed it once are not looked at again."""
        given = tuple(gist(getattr(self, name)) for name in parameter_names(cast(Any, type(self))))
        if None not in given and (type(self), given) in _passed:
            return
        super()._validate_params()
        if None not in given:
            if len(_passed) >= MOST_PASSED:
                _passed.clear()
            _passed.add((type(self), given))

    def _backend_and_threads(self, X: Array) -> tuple[Backend, int]:
        backend = get_backend(self.backend) if isinstance(self.backend, str) else self.backend
        n_threads = resolve_n_threads(self.n_threads, backend)
        return backend, worthwhile(n_threads, X.size * self.n_clusters)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[0])

    @contextmanager
    def _unchanged_if_interrupted(self, undo: Callable[[], None] | None = None) -> Iterator[None]:
        """An error or an interrupt leaves the estimator as it was; ``undo`` is for what stands elsewhere."""
        before = dict(self.__dict__)
        try:
            yield
        except BaseException:
            if undo is not None:
                undo()
            before.update({name: self.__dict__[name] for name in BOOKKEEPING if name in self.__dict__})
            # In one step that needs no memory: a second interrupt, or still no memory, finds all of it or none.
            self.__dict__ = before
            raise
