"""Every hostile case on every backend and instruction set: no wrong label, right centers, right inertia."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from exact import (
    LONG_IS_WIDE,
    U,
    gamma,
    inertia_error,
    is_mean,
    sq_dists_long,
    undecided_labels,
    wrong_centers,
    wrong_labels,
)
from hostile import CASES, Case
from sklearn.exceptions import ConvergenceWarning
from tables import AMPLE, Row, every_backend, every_case, in_use, prepared

from kmeans_fast import KMeans
from kmeans_fast.backends.conditioning import condition
from kmeans_fast.backends.decider import decide, decide_rows

PLENTY = 400


def plain_labels(X: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """What everybody writes first: argmin of ||c||^2 - 2 x.c in the dtype of the data."""
    with np.errstate(all="ignore"):
        return ((centers * centers).sum(axis=1) - 2 * (X @ centers.T)).argmin(axis=1)


def assert_labels_are_right(X: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> None:
    assert wrong_labels(X, centers, labels) == 0
    assert undecided_labels(X, centers, labels) == 0


def fitted(row: Row, X: np.ndarray, centers: np.ndarray, weights: np.ndarray | None, **options: object) -> KMeans:
    settings = {"n_init": 1, "tol": 0.0, "max_iter": 60, "n_threads": 2, **options}
    with in_use(row) as backend, warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(len(centers), init=centers, backend=backend, **settings).fit(X, sample_weight=weights)


def predicted(row: Row, model: KMeans, X: np.ndarray) -> np.ndarray:
    with in_use(row):
        return model.predict(X)


def first_labels(
    row: Row, X: np.ndarray, centers: np.ndarray, weights: np.ndarray | None, copy_budget: float
) -> np.ndarray:
    backend, labels = row.open(), np.full(len(X), -1, dtype=np.int32)
    rows = prepared(backend, X, weights, copy_budget)
    n_changed = backend.nearest(rows, 0, len(X), centers, labels, n_threads=2)
    assert n_changed == len(X)
    return labels


# ---- the checkers and the data themselves -----------------------------------------------------------------------


@every_case
def test_each_case_is_made_of_finite_values_and_is_as_hostile_as_it_says(case: Case, dtype: str) -> None:
    X, centers, weights = case.build(dtype)
    assert X.dtype == centers.dtype == dtype
    assert np.isfinite(X).all() and np.isfinite(centers).all()
    assert weights is None or ((weights >= 0).all() and np.isfinite(weights).all())
    with np.errstate(all="ignore"):
        mean = X.mean(axis=0)
        answers = plain_labels(X, centers), plain_labels(X - mean, centers - mean)
    fooled = max(wrong_labels(X, centers, labels) for labels in answers) / len(X)
    assert fooled > 0.02 or dtype not in case.fools, f"the plain identity errs on {fooled:.1%} of the rows only"


@every_case
def test_a_planted_wrong_label_is_found(case: Case, dtype: str) -> None:
    X, centers, _ = case.build(dtype, n=60)
    X = X[: max(6, 10_000 // X.shape[1])]
    labels = decide_rows(X, centers, condition(X).data_unit)
    assert_labels_are_right(X, centers, labels)
    assert wrong_labels(X, centers, labels, use_long=False) == 0
    planted = labels.copy()
    worst = first_farther_center(X, centers, labels)
    planted[worst[0]] = worst[1]
    assert wrong_labels(X, centers, planted) == 1
    assert wrong_labels(X, centers, planted, use_long=False) == 1
    assert undecided_labels(X, centers, planted) == 1


@every_case
def test_the_decider_says_the_same_of_one_row_and_of_many(case: Case, dtype: str) -> None:
    X, centers, _ = case.build(dtype, n=60)
    data_unit = condition(X).data_unit
    expected = [decide(x, centers, data_unit) for x in X]
    assert decide_rows(X, centers, data_unit).tolist() == expected
    assert undecided_labels(X, centers, np.array(expected)) == 0


def first_farther_center(X: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
    """A row and a center that is not among its nearest: the first for which exact arithmetic says so."""
    for i, j in np.ndindex(len(X), len(centers)):
        moved = labels[i : i + 1].copy()
        moved[0] = j
        if wrong_labels(X[i : i + 1], centers, moved, use_long=False):
            return i, j
    raise AssertionError("all centers are equally near to all rows")


def test_a_center_off_by_a_few_ulp_is_found() -> None:
    X, centers, _ = CASES["offset_of_1e4_d16"].build("float32")
    labels = decide_rows(X, centers, 1.0)
    means = np.stack([X[labels == j].astype(np.longdouble).mean(axis=0) for j in range(len(centers))]).astype("f4")
    assert wrong_centers(X, labels, None, means) == []
    means[3, 5] += 6 * np.spacing(means[3, 5])
    assert wrong_centers(X, labels, None, means) == [3]


@pytest.mark.parametrize("use_long", [True, False])
def test_a_weighted_mean_is_recognised_in_either_arithmetic(use_long: bool) -> None:
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((50, 3)).astype("f4"), rng.choice([1e-30, 1.0, 1e30], 50)
    mean = (w[:, None] * x.astype("f8")).sum(axis=0) / w.sum()
    assert is_mean(x, w, mean.astype("f4"), use_long=use_long)
    assert not is_mean(x, w, mean.astype("f4") * np.float32(1 + 1e-6), use_long=use_long)


def test_a_wrong_inertia_is_found() -> None:
    X, centers, _ = CASES["nested_scales"].build("float64")
    labels = decide_rows(X, centers, 1.0)
    inertia = float(((X - centers[labels]) ** 2).sum())
    assert inertia_error(X, labels, None, centers, inertia) < 1e-13
    assert inertia_error(X, labels, None, centers, inertia * (1 + 1e-11)) > 5e-12


# ---- the backends -----------------------------------------------------------------------------------------------


@every_backend
@every_case
def test_the_first_assignment_has_no_wrong_label(case: Case, dtype: str, row: Row) -> None:
    X, centers, weights = case.build(dtype, n=row.rows(PLENTY))
    before = X.tobytes(), centers.tobytes()
    for copy_budget in (0.0, AMPLE):
        assert_labels_are_right(X, centers, first_labels(row, X, centers, weights, copy_budget))
    assert (X.tobytes(), centers.tobytes()) == before


@every_backend
@every_case
def test_a_fit_has_no_wrong_label_right_centers_and_the_right_inertia(case: Case, dtype: str, row: Row) -> None:
    X, init, weights = case.build(dtype, n=row.rows(PLENTY))
    model = fitted(row, X, init, weights)
    labels, centers = model.labels_, model.cluster_centers_
    assert centers.dtype == X.dtype
    assert_labels_are_right(X, centers, labels)
    np.testing.assert_array_equal(predicted(row, model, X), labels)
    assert model.converged_ or dtype in case.wanders
    assert wrong_centers(X, labels_of_last_update(row, model, X, init, weights), weights, centers) == []
    assert inertia_error(X, labels, weights, centers, model.inertia_) < gamma(len(X) + X.shape[1] + 5)


def labels_of_last_update(
    row: Row, model: KMeans, X: np.ndarray, init: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    """The labels from which the model's centers were made; all -1 where a cluster was filled that nobody had joined."""
    if model.converged_:
        return model.labels_
    labels = fitted(row, X, init, weights, max_iter=model.n_iter_ - 1).labels_
    return labels if np.unique(labels).size == len(init) else np.full_like(labels, -1)


@every_backend
@every_case
def test_predict_on_rows_that_fit_never_saw_has_no_wrong_label(case: Case, dtype: str, row: Row) -> None:
    X, init, weights = case.build(dtype, n=row.rows(PLENTY))
    fresh, _, _ = case.build(dtype, n=row.rows(PLENTY), seed=1)
    model = fitted(row, X, init, weights, max_iter=2)
    assert_labels_are_right(fresh, model.cluster_centers_, predicted(row, model, fresh))


@pytest.mark.skipif(not LONG_IS_WIDE, reason="longdouble is no wider than double here")
@every_backend
@every_case
def test_distances_are_as_precise_as_promised(case: Case, dtype: str, row: Row) -> None:
    X, centers, _ = case.build(dtype, n=row.rows(200))
    backend, out = row.open(), np.full((len(X), len(centers)), np.nan, dtype=dtype)
    backend.distances(backend.prepare(X), 0, len(X), centers, out)
    true, info = np.sqrt(sq_dists_long(X, centers)), np.finfo(dtype)
    allowed = 2 * (X.shape[1] + 4) * float(info.eps) * true + info.smallest_subnormal
    too_large = true > np.longdouble(info.max)
    assert np.isinf(out[too_large]).all()
    assert (np.abs(out - true) <= allowed)[~too_large].all()
    assert (out[true == 0] == 0).all()


# ---- cases of many rows -----------------------------------------------------------------------------------------


@every_backend
def test_3e5_rows_a_cluster_give_the_inertia_and_centers_of_wide_arithmetic(row: Row) -> None:
    n = row.rows(600_000, broadcast=60_000, loop=2_000)
    rng = np.random.default_rng(0)
    X = (100 + 20 * (np.arange(n) % 2)[:, None] + rng.standard_normal((n, 2))).astype(np.float32)
    model = fitted(row, X, X[:2].copy(), None)
    single = np.square(X - model.cluster_centers_[model.labels_]).ravel().cumsum(dtype=np.float32)[-1]
    if n == 600_000:
        assert abs(float(single) / model.inertia_ - 1) > 1e-6, "the data don't show what float32 sums lose"
    assert inertia_error(X, model.labels_, None, model.cluster_centers_, model.inertia_) < 1e-11
    assert wrong_centers(X, model.labels_, None, model.cluster_centers_) == []


@every_backend
def test_mass_beyond_2_to_the_24_counts_every_unit(row: Row) -> None:
    """Stands for 36e6 rows: a float32 count stops at 2**24, here after the one heavy row."""
    n = row.rows(4096, loop=1000)
    X = np.zeros((n, 1), dtype=np.float32)
    X[1::2] = 1.0
    weights = np.ones(n)
    weights[0] = 2.0**24
    single = np.float32(2.0**24)
    assert single + np.float32(1) == single, "a float32 count would not stop"
    model = fitted(row, np.concatenate([X, X + 1e6]), np.float32([[0.5], [1e6]]), np.concatenate([weights, weights]))
    assert wrong_centers(np.concatenate([X, X + 1e6]), model.labels_, np.tile(weights, 2), model.cluster_centers_) == []
    backend = row.open()
    sums, mass = np.zeros((2, 1, 1)), np.zeros((2, 1))
    rows = backend.prepare(X, weights)
    backend.sum_by_label(rows, np.array([0, n], dtype=np.int64), np.zeros(n, dtype=np.int32), sums, mass)
    assert mass[0, 0] * rows.weight_unit == 2.0**24 + n - 1


@pytest.mark.big
@every_backend
def test_36e6_rows_of_one_cluster_have_the_right_center(row: Row) -> None:
    """More than twice 2**24 rows, where float32 counts and sums stop growing; 144 MB and seconds, so not by default."""
    n = row.rows(36_000_000, broadcast=400_000, loop=10_000)
    X = np.ones((n, 1), dtype=np.float32)
    X[n // 2 :] = 3.0
    X[0] = 1e4
    model = fitted(row, X, np.float32([[1.0], [1e4]]), None, max_iter=5)
    assert np.bincount(model.labels_).tolist() == [n - 1, 1]
    assert float(model.cluster_centers_[0, 0]) == np.float32((float(n // 2 - 1) + 3.0 * (n - n // 2)) / (n - 1))
    assert inertia_error(X, model.labels_, None, model.cluster_centers_, model.inertia_) < n * U
