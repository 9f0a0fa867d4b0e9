"""From bytes to one call of a public function on whatever numbers they make, with all that is promised checked."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from exact import undecided_labels
from promises import assert_promises, assert_seeds, fitted, is_refused, numpy_must_not_warn, same_fit
from sklearn.exceptions import ConvergenceWarning
from tables import Row, in_use, isas_available
from trials import Bytes, Trial, one_of, trial

import kmeans_fast
from kmeans_fast import article

MOST_BYTES = 4096
"""Longer inputs say no more: what is drawn after so many bytes are values of an array."""


def fit(made: Trial, choices: Bytes) -> None:
    assert_promises(made)


def seeds(made: Trial, choices: Bytes) -> None:
    assert_seeds(made)


def same_bits(made: Trial, choices: Bytes) -> None:
    """On another instruction set, with another number of threads, from a pickle."""
    model, isa = fitted(made), one_of(choices, isas_available())
    with in_use(Row("compiled", isa)):
        assert same_fit(model, fitted(made, n_threads=choices.integer(1, 8))), isa
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.predict(made.rows) == model.labels_).all()


def other_rows(made: Trial, choices: Bytes) -> None:
    """``predict`` of rows that the fit never saw, made in the same way of bytes that follow."""
    model, others = fitted(made), trial(choices, "KMeans").X
    d = made.X.shape[1]
    rows = np.resize(others, (len(others), d))
    if not np.isfinite(rows).all():
        assert raises_value_error(lambda: model.predict(rows))
        return
    if made.options.get("metric") == "cosine" or made.estimator == "BisectingKMeans":
        return
    with numpy_must_not_warn():
        labels = model.predict(rows)
    wide = np.result_type(rows, model.cluster_centers_)
    assert undecided_labels(rows.astype(wide), model.cluster_centers_.astype(wide), labels) == 0


def batches(made: Trial, choices: Bytes) -> None:
    """``partial_fit``: the first batch must hold a row a cluster."""
    options = {**made.options, "n_clusters": 1, "init": "k-means++"}
    for name in ("algorithm", "metric", "refine", "bisecting_strategy"):
        options.pop(name, None)
    with numpy_must_not_warn():
        model = kmeans_fast.MiniBatchKMeans(**{**options, "n_clusters": min(3, len(made.X))})
        for _ in range(choices.integer(1, 4)):
            model.partial_fit(made.rows, sample_weight=made.weights)
            assert np.isfinite(model.cluster_centers_).all()
            assert undecided_labels(made.X, model.cluster_centers_, model.labels_) == 0


def as_functions(made: Trial, choices: Bytes) -> None:
    """``k_means`` gives what the estimator gives."""
    options = {name: made.options[name] for name in ("max_iter", "tol", "random_state", "n_init", "init")}
    k = made.options["n_clusters"]
    with numpy_must_not_warn():
        centers, labels, inertia = kmeans_fast.k_means(made.rows, k, sample_weight=made.weights, **options)
        model = kmeans_fast.KMeans(k, **options).fit(made.rows, sample_weight=made.weights)
    assert (labels == model.labels_).all() and centers.tobytes() == model.cluster_centers_.tobytes()
    assert inertia == model.inertia_


def as_another_array(made: Trial, choices: Bytes) -> None:
    """X in other orders, strides, byte orders and dtypes that hold its values has the same fit.

    Swapped float32 becomes float64, as scikit-learn makes of every dtype that it has not on its list.
    """
    X = made.X
    spaced = np.zeros((len(X), 2 * X.shape[1]), X.dtype)
    spaced[:, ::2] = X
    others = (
        np.asfortranarray(X),
        spaced[:, ::2],
        X[::-1, ::-1].copy()[::-1, ::-1],
        X.astype(X.dtype.newbyteorder() if X.dtype == np.float64 else X.dtype),
        np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    )
    dense = Trial(X, made.weights, made.estimator, made.options)
    other = Trial(one_of(choices, others), made.weights, made.estimator, made.options)
    assert same_fit(fitted(dense), fitted(other))


def how_many(made: Trial, choices: Bytes) -> None:
    """``choose_k`` ends, and says a number that was asked for."""
    ks = range(2, 2 + choices.integer(1, 3))
    criterion = one_of(choices, ("silhouette", "calinski_harabasz", "davies_bouldin", "bic", "elbow"))
    if len(made.X) <= max(ks):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            found = kmeans_fast.choose_k(made.X, ks, criterion, random_state=0, n_threads=1)
        except ValueError as error:
            assert str(error), "an error that says nothing"
            return
    assert found.best_k is None or found.best_k in ks


def three_ways(made: Trial, choices: Bytes) -> None:
    """The article's functions give the labels and means of each other; the third keeps its centers in float32."""
    X = made.X[:30].astype(np.float64)
    k = min(made.options["n_clusters"], len(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        results = [way(X, k, 5) for way in (article.kmeans_loop, article.kmeans_vectorized)]
        try:
            article.kmeans_optimized(X, k, 5)
        except ValueError as error:
            assert "float32" in str(error)
    assert results[0][0].tobytes() == results[1][0].tobytes() and (results[0][1] == results[1][1]).all()


def bad_weights(made: Trial, choices: Bytes) -> None:
    """Weights that nothing can be made of are refused; all others are taken."""
    weights = np.frombuffer(choices.raw(8 * len(made.X)), np.float64)
    are_good = np.isfinite(weights).all() and (weights >= 0).all() and weights.any()
    weighted = Trial(made.X, weights, made.estimator, made.options, made.is_sparse)
    if is_refused(weighted) or not are_good:
        assert raises_value_error(lambda: fitted(weighted)) or (are_good and may_draw_enough(weighted))
        return
    try:
        centers = fitted(weighted).cluster_centers_
    except ValueError as error:
        # Too few chances to draw from, in a batch, in a leaf of a tree, or beside a huge weight: as in scikit-learn.
        assert "non-zero" in str(error)
        return
    assert np.isfinite(centers).all()


CALLS: tuple[Callable[[Trial, Bytes], None], ...] = (
    fit,
    fit,
    seeds,
    same_bits,
    other_rows,
    batches,
    as_functions,
    as_another_array,
    how_many,
    three_ways,
    bad_weights,
)
"""By the first byte of an input; its end comes to nothing but this table's length."""

NEED_KMEANS = (as_functions,)


def raises_value_error(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ValueError:
        return True
    return False


def may_draw_enough(made: Trial) -> bool:
    """Whether too few rows of positive weight may do: mini-batches draw the rows to begin with more than once."""
    return made.estimator == "MiniBatchKMeans" and bool(np.isfinite(made.X).all())


def target(data: bytes) -> str:
    """One call that the bytes describe; its name. Whatever it raises is a fault."""
    choices = Bytes(data[:MOST_BYTES])
    call = one_of(choices, CALLS)
    made = trial(choices, "KMeans" if call in NEED_KMEANS else None)
    if is_refused(made):
        assert raises_value_error(lambda: fitted(made)) or may_draw_enough(made), "no error was raised"
        return "refused"
    call(made, choices)
    return call.__name__
