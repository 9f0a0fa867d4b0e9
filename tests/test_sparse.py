"""Sparse rows (CSR) against the same values in an array: every format, and every estimator on every backend."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.cluster
from tables import Row, every_backend, in_use

from kmeans_fast import KMeans, kmeans_plusplus
from kmeans_fast.engine.inertia import mean_variance

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
FORMATS = [sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.csc_array, sp.coo_array, sp.lil_array, sp.bsr_array]


# ---- what comes in ----------------------------------------------------------------------------------------------


def topics(n: int = 400, d: int = 60, dtype: Any = np.float64) -> sp.csr_array:
    """Counts of words of eight topics."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 8, n)
    return sp.csr_array(rng.poisson(np.where(np.arange(d) % 8 == topic[:, None], 1.5, 0.03)).astype(dtype))


def fitted(X: Any, **options: Any) -> KMeans:
    return KMeans(8, random_state=0, **options).fit(X)


def assert_same_model(model: KMeans, other: KMeans) -> None:
    np.testing.assert_array_equal(model.labels_, other.labels_)
    np.testing.assert_array_equal(model.cluster_centers_, other.cluster_centers_)
    assert (model.inertia_, model.n_iter_) == (other.inertia_, other.n_iter_)


@pytest.mark.parametrize("make", FORMATS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, bool])
def test_every_format_and_dtype_gives_what_the_array_gives(dtype: type, make: Any) -> None:
    X = topics().astype(dtype)
    model = fitted(make(X))
    assert model.cluster_centers_.dtype == (np.float32 if dtype == np.float32 else np.float64)
    assert_same_model(model, fitted(X.toarray()))


@every_dtype
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array])
def test_both_index_types_work(make: Any, index_dtype: type, dtype: type) -> None:
    X = make(topics(dtype=dtype))
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    model = fitted(X)
    assert_same_model(model, fitted(topics(dtype=dtype).toarray()))
    assert X.indices.dtype == index_dtype
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_float16_values_are_float32() -> None:
    X = topics(dtype=np.float32)
    half = X.copy()
    half.data = half.data.astype(np.float16)
    model = fitted(half)
    assert model.cluster_centers_.dtype == np.float32
    assert_same_model(model, fitted(X))


def disordered(X: sp.csr_array) -> sp.csr_array:
    """The same matrix: each row's columns reversed, its values in two halves."""
    pairs = [
        (np.tile(X.indices[a:b][::-1], 2), np.tile(X.data[a:b][::-1] / 2, 2))
        for a, b in zip(X.indptr[:-1], X.indptr[1:], strict=True)
    ]
    columns, values = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return sp.csr_array((values, columns, 2 * X.indptr), shape=X.shape)


@pytest.mark.parametrize("claim", [None, True])
def test_unsorted_and_repeated_columns_are_added_up_in_a_copy(claim: bool | None) -> None:
    X = disordered(topics())
    if claim:
        X.has_sorted_indices = X.has_canonical_format = True
    before = [part.copy() for part in (X.data, X.indices, X.indptr)]
    model = fitted(X)
    assert_same_model(model, fitted(topics()))
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    for part, old in zip((X.data, X.indices, X.indptr), before, strict=True):
        np.testing.assert_array_equal(part, old)


def test_the_callers_matrix_may_be_read_only_and_stays_as_it_is() -> None:
    X = topics()
    for part in (X.data, X.indices, X.indptr):
        part.flags.writeable = False
    model = fitted(X)
    model.transform(X), model.score(X)
    assert_same_model(model, fitted(topics()))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_an_error(value: float) -> None:
    X = topics()
    X.data[5] = value
    for call in (fitted, fitted(topics()).predict, lambda X: kmeans_plusplus(X, 3)):
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            call(X)


@pytest.mark.parametrize("column", [-1, 60])
def test_columns_outside_of_the_matrix_are_an_error(column: int) -> None:
    X = topics()
    X.indices[X.indptr[3]] = column
    with pytest.raises(ValueError, match="ind"):
        fitted(X)


def test_explicit_zeros_and_empty_rows_change_nothing() -> None:
    X = topics()
    X.data[::3] = 0
    X.data[X.indptr[10] : X.indptr[11]] = 0
    clean = X.copy()
    clean.eliminate_zeros()
    assert clean.nnz < X.nnz and np.diff(clean.indptr)[10] == 0
    assert_same_model(fitted(X), fitted(clean))
    assert_same_model(fitted(X), fitted(X.toarray()))


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_a_matrix_of_zeros_is_one_cluster() -> None:
    model = KMeans(3, random_state=0).fit(sp.csr_array((10, 4)))
    assert model.labels_.tolist() == [0] * 10 and model.inertia_ == 0
    assert mean_variance(sp.csr_array((10, 4)), 1.0) == 0


@pytest.mark.parametrize(("n", "d", "k"), [(50, 60, 1), (50, 1, 4), (9, 60, 9), (1, 5, 1)])
def test_the_smallest_problems_are_those_of_the_array(n: int, d: int, k: int) -> None:
    X = sp.csr_array(topics().tocsc()[:n, :d])
    X.data += np.arange(len(X.data)) / 7
    assert_same_model(KMeans(k, random_state=0).fit(X), KMeans(k, random_state=0).fit(X.toarray()))


# ---- what the estimators do with it -----------------------------------------------------------------------------


@every_backend
@every_dtype
@pytest.mark.parametrize("init", ["k-means++", "random", "array", "callable"])
def test_fits_are_those_of_the_array(init: str, dtype: type, row: Row) -> None:
    X = topics(row.rows(400), dtype=dtype)
    weights = np.random.default_rng(0).random(X.shape[0])
    centers = X[:8].toarray() + np.asarray(0.5, dtype)
    first: Any = {"array": centers, "callable": lambda X, k, random_state: X[:k].toarray()}.get(init, init)
    options = {"init": first, "n_init": 1, "max_iter": 20, "random_state": 1}
    of_array: Any = (lambda X, k, random_state: X[:k]) if init == "callable" else first
    with in_use(row) as backend:
        for given in (None, weights):
            model = KMeans(8, backend=backend, **options).fit(X, sample_weight=given)
            other = KMeans(8, backend=backend, **{**options, "init": of_array}).fit(X.toarray(), sample_weight=given)
            assert_same_model(model, other)
            np.testing.assert_allclose(model.history_["inertia"], other.history_["inertia"], rtol=1e-9)


@pytest.mark.parametrize(("on", "then"), [(np.float32, np.float64), (np.float64, np.float32), (np.float64, np.float64)])
def test_models_of_arrays_and_of_matrices_are_interchangeable(on: type, then: type) -> None:
    X = topics(dtype=on)
    for fit_on, use_on in ((X, X.toarray()), (X.toarray(), X)):
        model, other = fitted(fit_on), use_on.astype(then)
        np.testing.assert_array_equal(model.predict(other), model.labels_)
        assert model.score(other) == model.score(fit_on) == pytest.approx(-model.inertia_)
        assert model.inertia(other, np.ones(400)) == model.inertia(fit_on)
        assert model.transform(other).dtype == then
        np.testing.assert_allclose(model.transform(other), model.transform(fit_on), rtol=1e-5)
        centers = sp.csr_array(model.cluster_centers_)
        np.testing.assert_array_equal(np.diag(model.transform(centers)), np.zeros(8))
        assert model.predict(centers).tolist() == list(range(8))


@every_dtype
@pytest.mark.parametrize("seed", range(5))
def test_the_same_seeds_as_for_the_array_and_as_scikit_learns(seed: int, dtype: type) -> None:
    X = sp.random_array((3000, 200), density=0.05, format="csr", rng=np.random.default_rng(seed)).astype(dtype)
    weights = np.random.default_rng(seed).random(3000)
    for given in (None, weights):
        centers, chosen = kmeans_plusplus(X, 12, sample_weight=given, random_state=seed)
        _, dense = kmeans_plusplus(X.toarray(), 12, sample_weight=given, random_state=seed)
        wide = X.astype(np.float64)
        _, expected = sklearn.cluster.kmeans_plusplus(wide, 12, sample_weight=given, random_state=seed)
        assert chosen.tolist() == dense.tolist() == expected.tolist()
        np.testing.assert_array_equal(centers, X[chosen].toarray())


def test_whole_weights_are_repeats_and_zero_weight_is_absence() -> None:
    X, weights = topics(), np.arange(400) % 3
    options = {"init": X[1:9].toarray(), "n_init": 1, "tol": 0}
    model = KMeans(8, **options).fit(X, sample_weight=weights)
    repeated = KMeans(8, **options).fit(X[np.repeat(np.arange(400), weights)])
    np.testing.assert_array_equal(model.cluster_centers_, repeated.cluster_centers_)
    np.testing.assert_array_equal(np.repeat(model.labels_, weights), repeated.labels_)


@pytest.mark.parametrize("power", [-1000, -40, 40, 1000])
def test_scaling_by_a_power_of_two_scales_the_centers(power: int) -> None:
    X = topics()
    plain, scaled = fitted(X), fitted(X * 2.0**power)
    np.testing.assert_array_equal(plain.labels_, scaled.labels_)
    np.testing.assert_array_equal(plain.cluster_centers_ * 2.0**power, scaled.cluster_centers_)
    assert plain.n_iter_ == scaled.n_iter_


@every_dtype
@pytest.mark.parametrize("density", [0.01, 0.3, 1.0])
def test_variance_is_that_of_the_array(density: float, dtype: type) -> None:
    X = sp.random_array((3000, 200), density=density, format="csr", rng=np.random.default_rng(0)).astype(dtype)
    assert mean_variance(X, 1.0) == pytest.approx(mean_variance(X.toarray(), 1.0), rel=1e-12)


def test_sparse_input_is_announced() -> None:
    assert KMeans().__sklearn_tags__().input_tags.sparse


FIT_WIDE_ROWS = """
import resource
import numpy as np, scipy.sparse as sp
from kmeans_fast import KMeans, kmeans_plusplus
rng = np.random.default_rng(0)
n, d, m = 20_000, 100_000, 20
X = sp.csr_array((rng.random(n * m), rng.integers(0, d, n * m), np.arange(n + 1) * m), shape=(n, d))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = KMeans(4, random_state=0, max_iter=5, backend={backend!r}).fit(X)
model.predict(X), model.transform(X), model.score(X), kmeans_plusplus(X, 4, random_state=0)
print(n * d * 8, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


def test_nothing_makes_the_matrix_dense() -> None:
    pytest.importorskip("resource")
    program = FIT_WIDE_ROWS.format(backend="compiled")
    root = Path(__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    dense_bytes, peak = map(int, run.stdout.split())
    assert dense_bytes > 10 * 2**30, "an array of it would be small"
    assert peak < 200 * 2**20
