"""Laws that hold whatever the data: of weights, scale, order and threads; each within the limits where it must hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from tables import Row, every_backend, in_use
from threadpoolctl import threadpool_limits

from kmeans_fast import KMeans
from kmeans_fast._threads import worthwhile
from kmeans_fast.backends.ordered_sums import group_borders

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def blobs(n: int, d: int, k: int, dtype: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of k overlapping blobs, and k of the rows as centers."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + 2 * rng.standard_normal((k, d))[rng.integers(0, k, n)]
    return X.astype(dtype), X[:k].astype(dtype)


def whole(n: int, d: int, k: int, dtype: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The same with small whole numbers: float64 sums of them are exact in any order."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-4, 5, (n, d)) + 8 * rng.integers(-2, 3, (k, d))[rng.integers(0, k, n)]
    return X.astype(dtype), X[:k].astype(dtype)


def fitted(row: Row, X: np.ndarray, init: np.ndarray, weights: np.ndarray | None = None, **options: Any) -> KMeans:
    settings = {"n_init": 1, "tol": 0.0, "max_iter": 25, **options}
    with in_use(row) as backend:
        model = KMeans(len(init), init=init, backend=backend, **settings).fit(X, sample_weight=weights)
    assert model.n_iter_ >= 2, "nothing moved"
    return model


def predicted(row: Row, model: KMeans, X: np.ndarray) -> np.ndarray:
    with in_use(row):
        return model.predict(X)


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def no_cluster_was_filled(model: KMeans) -> bool:
    return np.unique(model.labels_).size == model.n_clusters


# ---- weights ----------------------------------------------------------------------------------------------------


@every_backend
@every_dtype
def test_integer_weights_equal_repeats(row: Row, dtype: str) -> None:
    X, init = whole(row.rows(500), 4, 6, dtype)
    weights = np.random.default_rng(1).integers(1, 5, len(X))
    weighted, repeated = fitted(row, X, init, weights), fitted(row, X.repeat(weights, axis=0), init)
    assert no_cluster_was_filled(weighted)
    np.testing.assert_array_equal(weighted.labels_.repeat(weights), repeated.labels_)
    assert same_bits(weighted.cluster_centers_, repeated.cluster_centers_)
    assert weighted.n_iter_ == repeated.n_iter_
    np.testing.assert_allclose(weighted.inertia_, repeated.inertia_, rtol=1e-12)


@every_backend
@every_dtype
def test_a_weight_of_zero_equals_removal(row: Row, dtype: str) -> None:
    X, init = whole(row.rows(600), 5, 6, dtype)
    weights = np.random.default_rng(2).integers(0, 3, len(X)).astype(float)
    kept = weights > 0
    assert 0.2 < kept.mean() < 0.9
    zeroed, removed = fitted(row, X, init, weights), fitted(row, X[kept], init, weights[kept])
    assert no_cluster_was_filled(removed)
    np.testing.assert_array_equal(zeroed.labels_[kept], removed.labels_)
    assert same_bits(zeroed.cluster_centers_, removed.cluster_centers_)
    assert zeroed.n_iter_ == removed.n_iter_


@every_backend
@every_dtype
@pytest.mark.parametrize("power", [-70, -1, 1, 100])
def test_weights_times_a_power_of_two_change_no_bit(row: Row, dtype: str, power: int) -> None:
    X, init = blobs(row.rows(500), 5, 6, dtype)
    weights = np.random.default_rng(3).random(len(X)) + 0.1
    plain, scaled = fitted(row, X, init, weights), fitted(row, X, init, weights * 2.0**power)
    np.testing.assert_array_equal(plain.labels_, scaled.labels_)
    assert same_bits(plain.cluster_centers_, scaled.cluster_centers_)
    assert plain.n_iter_ == scaled.n_iter_
    assert plain.inertia_ * 2.0**power == scaled.inertia_


@every_backend
def test_weights_of_one_change_no_bit(row: Row) -> None:
    X, init = blobs(row.rows(500), 5, 6, "float32")
    plain, weighted = fitted(row, X, init), fitted(row, X, init, np.ones(len(X)))
    assert same_bits(plain.cluster_centers_, weighted.cluster_centers_)
    np.testing.assert_array_equal(plain.labels_, weighted.labels_)


# ---- scale, place, order ----------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize(
    ("dtype", "power"),
    [("float32", -60), ("float32", 9), ("float32", 110), ("float64", -900), ("float64", 40), ("float64", 990)],
)
def test_powers_of_two_scale_the_centers_and_nothing_else(row: Row, dtype: str, power: int) -> None:
    X, init = blobs(row.rows(500), 6, 7, dtype)
    factor = np.dtype(dtype).type(2.0**power)
    for tol in (0.0, 1e-3):
        plain, scaled = fitted(row, X, init, tol=tol), fitted(row, X * factor, init * factor, tol=tol)
        np.testing.assert_array_equal(plain.labels_, scaled.labels_)
        assert same_bits(plain.cluster_centers_ * factor, scaled.cluster_centers_)
        assert plain.n_iter_ == scaled.n_iter_


@every_backend
@every_dtype
def test_permuted_rows_get_permuted_labels(row: Row, dtype: str) -> None:
    X, init = whole(row.rows(700), 5, 6, dtype)
    order = np.random.default_rng(4).permutation(len(X))
    plain, permuted = fitted(row, X, init), fitted(row, X[order], init)
    assert no_cluster_was_filled(plain)
    np.testing.assert_array_equal(plain.labels_[order], permuted.labels_)
    assert same_bits(plain.cluster_centers_, permuted.cluster_centers_)


@every_backend
@pytest.mark.parametrize(("dtype", "offset"), [("float32", 2.0**14), ("float64", 2.0**40)])
def test_predict_is_the_same_where_rows_and_centers_are_translated_exactly(row: Row, dtype: str, offset: float) -> None:
    X, init = whole(row.rows(700), 6, 9, dtype)
    far, far_init = X + X.dtype.type(offset), init + X.dtype.type(offset)
    assert (far - X.dtype.type(offset) == X).all(), "the translation rounds"
    labels = []
    for rows, centers in ((X, init), (far, far_init)):
        backend, found = row.open(), np.zeros(len(X), dtype=np.int32)
        backend.nearest(backend.prepare(rows), 0, len(rows), centers, found)
        labels.append(found)
    np.testing.assert_array_equal(*labels)


@every_backend
def test_predict_of_a_fitted_model_is_the_same_where_its_centers_are_translated_exactly(row: Row) -> None:
    X, init = whole(row.rows(500), 4, 5, "float64")
    model = fitted(row, X, init)
    model.cluster_centers_ = np.round(model.cluster_centers_ * 16) / 16
    labels = predicted(row, model, X)
    model.cluster_centers_ = model.cluster_centers_ + 2.0**40
    np.testing.assert_array_equal(predicted(row, model, X + 2.0**40), labels)


# ---- the loop ---------------------------------------------------------------------------------------------------


@every_backend
@every_dtype
def test_inertia_never_rises(row: Row, dtype: str) -> None:
    X, init = blobs(row.rows(900), 3, 12, dtype)
    model = fitted(row, X, init, np.random.default_rng(5).random(len(X)), max_iter=60)
    history = model.history_["inertia"]
    assert len(history) == model.n_iter_ >= 5, "too few iterations to see a trend"
    assert (history[1:] <= history[:-1] * (1 + 1e-9)).all()
    assert model.inertia_ <= history[-1] * (1 + 1e-9)


def enough_to_share(row: Row, k: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Data of at least four groups; on compiled rows, of work for seven threads."""
    X, init = blobs(40_000 if row.isa else row.rows(3000, broadcast=2100, loop=2100), 7, k, dtype)
    assert len(group_borders(len(X), k)) - 1 >= 4, "too few groups to share among threads"
    assert row.isa is None or worthwhile(7, X.size * k) == 7, "too little work for seven threads"
    return X, init


@contextmanager
def seven_threads_allowed(row: Row) -> Iterator[None]:
    with threadpool_limits(7, user_api="openmp"):
        facts = row.open().facts() if row.isa else {"openmp": False}
        assert not facts["openmp"] or facts["max_threads"] == 7, "OpenMP would not start seven threads"
        yield


@every_backend
@every_dtype
@pytest.mark.parametrize("weighted", [False, True])
def test_every_number_of_threads_gives_the_same_bits(row: Row, dtype: str, weighted: bool) -> None:
    X, init = enough_to_share(row, 8, dtype)
    weights = np.random.default_rng(6).random(len(X)) if weighted else None
    with seven_threads_allowed(row):
        # The references take no notice of the number, and are slow.
        max_iter, counts = (5, (1, 2, 3, 7)) if row.isa else (2, (1, 7))
        models = [fitted(row, X, init, weights, max_iter=max_iter, n_threads=n) for n in counts]
    for model in models[1:]:
        assert same_bits(model.cluster_centers_, models[0].cluster_centers_)
        assert same_bits(model.labels_, models[0].labels_)
        assert same_bits(model.history_["inertia"], models[0].history_["inertia"])
        assert model.inertia_ == models[0].inertia_
        assert model.n_iter_ == models[0].n_iter_


@every_backend
def test_every_number_of_threads_draws_the_same_seeds(row: Row) -> None:
    X, _ = enough_to_share(row, 8, "float32")
    with seven_threads_allowed(row), in_use(row) as backend:
        settings = {"backend": backend, "random_state": 7, "max_iter": 1}
        fits = [KMeans(8, n_threads=n, **settings).fit(X) for n in (1, 2, 3, 7)]
    assert all(same_bits(fit.cluster_centers_, fits[0].cluster_centers_) for fit in fits)


@every_backend
def test_two_runs_give_the_same_bits(row: Row) -> None:
    X, init = blobs(row.rows(1500), 6, 9, "float32")
    first, second = fitted(row, X, init), fitted(row, X, init)
    assert same_bits(first.cluster_centers_, second.cluster_centers_)
    assert same_bits(first.labels_, second.labels_)
    assert first.inertia_ == second.inertia_


@every_backend
@every_dtype
def test_working_copies_change_no_bit(row: Row, dtype: str) -> None:
    X, init = blobs(row.rows(1500), 6, 12, dtype)
    without, copied = (fitted(row, X, init, copy_budget=budget, max_iter=40) for budget in (0.0, 10.0))
    assert without.n_iter_ > 17 or row.isa is None, "copies are made after many passes only"
    assert same_bits(without.cluster_centers_, copied.cluster_centers_)
    assert same_bits(without.labels_, copied.labels_)
    assert same_bits(without.history_["inertia"], copied.history_["inertia"])


@every_backend
@every_dtype
def test_the_label_of_a_row_does_not_depend_on_its_batch(row: Row, dtype: str) -> None:
    rng = np.random.default_rng(8)
    X = rng.integers(0, 4, (row.rows(300), 3)).astype(dtype)
    X[::5] += rng.standard_normal((len(X[::5]), 3)).astype(dtype)
    model = fitted(row, X, X[:8].copy(), max_iter=2)
    X[7] = 1e30
    labels = predicted(row, model, X)
    alone = np.concatenate([predicted(row, model, X[i : i + 1]) for i in range(0, len(X), 3)])
    np.testing.assert_array_equal(alone, labels[::3])
    for size in (2, 33, 70):
        parts = [predicted(row, model, X[first : first + size]) for first in range(0, len(X), size)]
        np.testing.assert_array_equal(np.concatenate(parts), labels)
