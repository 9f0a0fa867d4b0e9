"""Spherical k-means: metric='cosine' against plain NumPy, on every backend."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from tables import Row, every_backend, in_use

from kmeans_fast import KMeans, k_means

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((240, 5)) * np.exp(RNG.standard_normal((240, 1)))
WEIGHTS = np.where(np.arange(240) % 7 == 0, 0.0, RNG.random(240))


def unit(rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    return (wide / np.sqrt((wide * wide).sum(axis=1))[:, None]).astype(rows.dtype)


def reference(X: np.ndarray, init: np.ndarray, weights: np.ndarray, n_iter: int) -> tuple[Any, Any, float]:
    """Centers, labels and inertia after so many iterations of spherical k-means, from their definitions."""
    rows, centers = unit(X).astype(np.float64), unit(init).astype(np.float64)
    for _ in range(n_iter):
        labels = (rows @ centers.T).argmax(axis=1)
        for j in range(len(centers)):
            mean = (weights[labels == j, None] * rows[labels == j]).sum(axis=0)
            centers[j] = mean / np.linalg.norm(mean)
    cosines = rows @ centers.T
    return centers, cosines.argmax(axis=1), float((weights * (1 - cosines.max(axis=1))).sum())


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_fits_are_those_of_plain_numpy(row: Row, sparse: bool, weighted: bool, dtype: type) -> None:
    X = NOISE.astype(dtype)
    X[:, 1:][np.abs(X[:, 1:]) < 0.5] = 0
    weights, data = WEIGHTS if weighted else None, csr_array(X) if sparse else X
    init = 3 * X[100:106]
    with in_use(row) as backend:
        model = KMeans(6, init=init, metric="cosine", tol=0, backend=backend).fit(data, sample_weight=weights)
        predicted, cosine = model.predict(data), model.transform(data)
    assert model.converged_ and model.n_iter_ > 3
    centers, labels, inertia = reference(X, init, np.ones(240) if weights is None else weights, model.n_iter_)
    slack = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_array_equal(model.labels_, labels)
    np.testing.assert_array_equal(predicted, model.labels_)
    np.testing.assert_allclose(model.cluster_centers_, centers, atol=slack)
    assert model.inertia_ == pytest.approx(inertia, rel=100 * slack)
    assert model.history_["inertia"][-1] == pytest.approx(model.inertia_, rel=1e-9)
    assert (np.diff(model.history_["inertia"]) <= 1e-9).all()
    assert cosine.dtype == model.cluster_centers_.dtype == dtype
    np.testing.assert_allclose(cosine, 1 - unit(X).astype(np.float64) @ centers.T, atol=10 * slack)


@every_backend
def test_every_backend_gives_the_same_bits(row: Row) -> None:
    reference = KMeans(6, random_state=1, metric="cosine", backend="identity").fit(NOISE)
    with in_use(row) as backend:
        model = KMeans(6, random_state=1, metric="cosine", backend=backend).fit(NOISE)
    for name in ("labels_", "cluster_centers_", "inertia_", "n_iter_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(reference, name))


@pytest.mark.parametrize("init", ["k-means++", "random", "callable"])
def test_it_is_k_means_of_unit_rows_but_for_the_length_of_centers(init: Any) -> None:
    seen = []

    def start(X: np.ndarray, k: int, random_state: Any) -> np.ndarray:
        seen.append(X)
        return 7 * X[:k]

    given = start if init == "callable" else init
    model = KMeans(5, init=given, n_init=3, random_state=0, metric="cosine").fit(NOISE)
    plain = KMeans(5, init=given, n_init=3, random_state=0).fit(unit(NOISE))
    assert model._n_init == 3 and all(np.allclose(np.linalg.norm(X, axis=1), 1) for X in seen)
    np.testing.assert_allclose(np.linalg.norm(model.cluster_centers_, axis=1), 1, rtol=1e-15)
    # Means inside of the sphere are nearer to their rows.
    assert plain.inertia_ < 2 * model.inertia_ < 3 * plain.inertia_


def test_the_length_of_rows_and_of_first_centers_means_nothing() -> None:
    lengths = np.random.default_rng(3).integers(-900, 900, (240, 1))
    plain = KMeans(4, init=NOISE[:4], metric="cosine").fit(NOISE)
    model = KMeans(4, init=NOISE[:4] * 2.0**-300, metric="cosine").fit(np.ldexp(NOISE, lengths))
    np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)
    np.testing.assert_array_equal(model.predict(NOISE), plain.labels_)
    assert model.score(NOISE) == -plain.inertia_ == -model.inertia(np.ldexp(NOISE, lengths))
    np.testing.assert_array_equal(model.transform(NOISE), plain.transform(np.ldexp(NOISE, lengths)))


def test_inertia_is_the_sum_of_the_cosine_distances() -> None:
    model = KMeans(4, random_state=0, metric="cosine").fit(NOISE, sample_weight=WEIGHTS)
    new = RNG.standard_normal((60, 5))
    for rows, weights in ((NOISE, WEIGHTS), (new, None), (new, np.arange(60.0))):
        least = model.transform(rows).min(axis=1)
        expected = float(least.sum() if weights is None else (weights * least).sum())
        assert model.inertia(rows, weights) == pytest.approx(expected, rel=1e-12)
    assert model.inertia(NOISE, WEIGHTS) == model.inertia_
    np.testing.assert_array_equal(model.predict(model.cluster_centers_), np.arange(4))


def test_a_mean_of_zero_keeps_the_old_center() -> None:
    X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]])
    model = KMeans(2, init=[[0.0, 2.0], [0.0, -3.0]], metric="cosine").fit(np.repeat(X, [1, 1, 3], axis=0))
    assert model.labels_.tolist() == [0, 0, 1, 1, 1]
    assert model.cluster_centers_.tolist() == [[0.0, 1.0], [0.0, -1.0]]
    assert model.inertia_ == 2.0


def test_empty_clusters_are_filled() -> None:
    X = NOISE[:50]
    far = np.concatenate([X[:2], np.tile(-X[:1], (3, 1)) + 1e-9 * np.arange(3)[:, None]])
    model = KMeans(5, init=far, metric="cosine").fit(X)
    assert len(set(model.labels_)) == 5
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@pytest.mark.parametrize("call", ["fit", "predict", "transform", "score", "inertia"])
@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_rows_of_zeros_are_refused(make: type, call: str) -> None:
    X = NOISE.copy()
    X[17] = 0
    model = KMeans(3, metric="cosine").fit(NOISE)
    before = dict(model.__dict__)
    with pytest.raises(ValueError, match=r"X has a row of zeros, row 17: .*Leave such rows out"):
        getattr(model, call)(make(X))
    assert model.__dict__ == before
    with pytest.raises(ValueError, match="init has a row of zeros, row 2"):
        KMeans(3, init=np.eye(3, 5) * [[1], [1], [0]], metric="cosine").fit(NOISE)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_have_scikit_learns_errors(value: float) -> None:
    X = NOISE.copy()
    X[3, 2] = value
    with pytest.raises(ValueError, match="NaN" if np.isnan(value) else "infinity"):
        KMeans(3, metric="cosine").fit(X)


def test_sparse_rows_stay_sparse_and_nothing_given_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    X = csr_array(np.where(NOISE > 0.2, NOISE, 0) + np.eye(240, 5))
    X = X[np.diff(X.indptr) > 0]
    before = X.copy()
    seen = []
    KMeans(3, init=lambda X, k, random_state: seen.append(X) or X[:k].toarray(), n_init=1, metric="cosine").fit(X)
    assert issparse(seen[0]) and seen[0].nnz == X.nnz
    assert (before != X).nnz == 0
    dense = NOISE.copy()
    dense.flags.writeable = False
    KMeans(3, metric="cosine").fit(dense).transform(dense)


def test_it_is_cloned_pickled_routed_and_a_function_too() -> None:
    model = KMeans(4, random_state=0, metric="cosine").set_output(transform="pandas").fit(NOISE)
    assert clone(model).metric == "cosine"
    for twin in (pickle.loads(pickle.dumps(model)), clone(model).fit(NOISE)):
        np.testing.assert_array_equal(twin.predict(NOISE), model.labels_)
    frame = model.transform(NOISE)
    assert list(frame) == ["kmeans0", "kmeans1", "kmeans2", "kmeans3"] and frame.to_numpy().max() <= 2
    centers, labels, inertia = k_means(NOISE, 4, random_state=0, metric="cosine")
    np.testing.assert_array_equal(centers, model.cluster_centers_)
    np.testing.assert_array_equal(labels, model.labels_)
    assert inertia == model.inertia_


@pytest.mark.parametrize(("fitted", "other"), [(np.float32, np.float64), (np.float64, np.float32)])
def test_models_measure_rows_of_another_dtype(fitted: type, other: type) -> None:
    model = KMeans(4, random_state=0, metric="cosine").fit(NOISE.astype(fitted))
    X = unit(NOISE.astype(other)).astype(np.float64)
    np.testing.assert_array_equal(model.predict(NOISE.astype(other)), (X @ model.cluster_centers_.T).argmax(axis=1))
    assert model.transform(NOISE.astype(other)).dtype == other


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_change_no_bit(n_threads: int) -> None:
    X = np.random.default_rng(1).standard_normal((5000, 8)).astype(np.float32)
    plain, model = (KMeans(50, random_state=0, max_iter=5, n_threads=t, metric="cosine").fit(X) for t in (1, n_threads))
    assert X.size * 50 > 7 * 2**18, "too little work for seven threads"
    np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)
    assert model.inertia_ == plain.inertia_
