"""What an estimator promises of any finite data, checked by arithmetic wider than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from exact import LONG_IS_WIDE, gamma, inertia_error, sq_dists_long, undecided_labels, wrong_centers, wrong_labels
from sklearn.exceptions import ConvergenceWarning
from trials import Trial

import kmeans_fast
from kmeans_fast import kmeans_plusplus
from kmeans_fast.backends.conditioning import condition

FITTED = ("labels_", "cluster_centers_", "inertia_", "n_iter_")


@contextmanager
def numpy_must_not_warn() -> Iterator[None]:
    """Few distinct rows, and few rows for a batch, may be told of; an overflow, a NaN or a division by zero may not."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="algorithm='elkan' doesn't make sense")
        warnings.filterwarnings("ignore", message="init_size=")
        yield


def is_refused(trial: Trial) -> bool:
    """Whether a fit must end in a ValueError: values that are not finite, and what cannot be done."""
    init, weights, k = trial.options.get("init"), trial.weights, trial.options["n_clusters"]
    if not np.isfinite(trial.X).all() or (isinstance(init, np.ndarray) and not np.isfinite(init).all()):
        return True
    if trial.options.get("metric") == "cosine":
        is_given = isinstance(init, np.ndarray)
        if not trial.X.any(axis=1).all() or (is_given and not init.any(axis=1).all()):
            return True
    return isinstance(init, str) and init == "random" and weights is not None and np.count_nonzero(weights) < k


def fitted(trial: Trial, **others: Any) -> Any:
    with numpy_must_not_warn():
        model = getattr(kmeans_fast, trial.estimator)(**{**trial.options, **others})
        return model.fit(trial.rows, sample_weight=trial.weights)


def same_fit(one: Any, other: Any) -> bool:
    """Whether two models were fitted to the same bits."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in FITTED if hasattr(one, name)]
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)


def assert_promises(trial: Trial) -> Any:
    """Fit, and check all that is promised; returns the model. The data must be finite."""
    inputs = [a for a in (trial.X, trial.weights, trial.options.get("init")) if isinstance(a, np.ndarray)]
    before = [a.tobytes() for a in inputs]
    model = fitted(trial)
    X, rows = metric_rows(model, trial.X), trial.rows
    centers, labels, weights = model.cluster_centers_, model.labels_, trial.weights
    n, d = X.shape
    assert (centers.dtype, centers.shape, labels.dtype) == (X.dtype, (model.n_clusters, d), np.int32)
    assert np.isfinite(centers).all(), "a center is not finite"
    assert ((labels >= 0) & (labels < len(centers))).all()
    with numpy_must_not_warn():
        np.testing.assert_array_equal(model.predict(rows), labels, err_msg="predict(X) is not labels_")
        np.testing.assert_array_equal(predicted_in_batches(model, rows), labels, err_msg="a label depends on its batch")
        np.testing.assert_array_equal(model.predict(trial.X), labels, err_msg="dense rows have other labels")
    if trial.estimator != "BisectingKMeans":
        assert wrong_labels(X, centers, labels) == 0
        assert undecided_labels(X, centers, labels) == 0
        with numpy_must_not_warn():
            assert -model.score(rows, sample_weight=weights) == model.inertia_
    if getattr(model, "metric", "euclidean") == "euclidean":
        assert inertia_error(X, labels, weights, centers, model.inertia_) < gamma(n + d + 5)
        assert_distances(model, trial)
        if trial.estimator == "KMeans" and model.converged_ and model.tol == 0:
            assert wrong_centers(X, labels, weights, centers, vanished=n * least_term(X, weights)) == []
    assert [a.tobytes() for a in inputs] == before, "an input was written"
    return model


def least_term(X: np.ndarray, weights: np.ndarray | None) -> float:
    """What a weighted value may lose where data span more than float64 holds of them in one unit (1500 octaves)."""
    conditioning = condition(X, weights)
    return conditioning.data_unit * 2.0**-1074 * conditioning.weight_unit


def metric_rows(model: Any, X: np.ndarray) -> np.ndarray:
    """X as the model's metric sees it."""
    return model._metric.rows(X) if hasattr(model, "_metric") else X


def predicted_in_batches(model: Any, rows: Any) -> np.ndarray:
    """Labels found a few rows at a time: one, then ever more."""
    parts, first, size = [], 0, 1
    while first < rows.shape[0]:
        parts.append(model.predict(rows[first : first + size]))
        first, size = first + size, size * 3
    return np.concatenate(parts)


def assert_distances(model: Any, trial: Trial) -> None:
    """``transform`` keeps its relative error; inf where the dtype can't hold a distance."""
    if not LONG_IS_WIDE:
        return
    X, info = trial.X, np.finfo(trial.X.dtype)
    with numpy_must_not_warn():
        found = model.transform(trial.rows)
    true = np.sqrt(sq_dists_long(X, model.cluster_centers_))
    error, largest = 2 * (X.shape[1] + 4) * float(info.eps), np.longdouble(info.max)
    is_held = true < largest * (1 - error)
    assert (np.abs(found - true) <= error * true + info.smallest_subnormal)[is_held].all(), "a distance is off"
    assert (found[true > largest * (1 + error)] == np.inf).all()
    assert (found[true == 0] == 0).all()


def assert_seeds(trial: Trial) -> None:
    """``kmeans_plusplus`` gives rows of X, none of weight zero, and twice the same."""
    k = trial.options["n_clusters"]
    n_positive = len(trial.X) if trial.weights is None else np.count_nonzero(trial.weights)
    with numpy_must_not_warn():
        draws = [
            kmeans_plusplus(trial.rows, min(k, n_positive), sample_weight=trial.weights, random_state=3)
            for _ in range(2)
        ]
    (centers, indices), again = draws
    np.testing.assert_array_equal(centers, trial.X[indices])
    assert (indices == again[1]).all()
    assert trial.weights is None or (trial.weights[indices] > 0).all()
