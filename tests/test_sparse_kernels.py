"""The kernels on sparse rows (CSR) against the same values in an array, on every backend and instruction set."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from exact import undecided_labels
from hostile import Case
from tables import ALL_ROWS, Row, every_backend, every_case, every_isa, parameter

from kmeans_fast.backends import identity
from kmeans_fast.backends.csr import is_wide
from kmeans_fast.backends.ordered_sums import group_borders

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])
SHAPES = [
    (1, 1, 1, 1.0),
    (65, 1, 3, 0.5),
    (100, 2, 100, 0.5),
    (513, 37, 9, 0.2),
    (600, 300, 70, 0.02),
    (64, 700, 5, 0.6),
]
"""(n, d, k, density): one panel of centers and many, rows of more than 128 values, centers that are sparse or not."""


def made(n: int, d: int, k: int, density: float, dtype: Any, *, is_whole: bool = False) -> tuple[Any, Any, Any]:
    """A matrix with empty rows and explicit zeros, centers, weights."""
    rng = np.random.default_rng([n, d, k])
    X = sp.random_array((n, d), density=density, format="csr", dtype=dtype, rng=rng)
    X.data = (np.ceil(8 * X.data) if is_whole else X.data - np.asarray(0.3, dtype=dtype)).astype(dtype)
    X.data[::11] = 0
    dense = X.toarray()
    centers = np.ascontiguousarray((dense[rng.integers(0, n, k)] + dense[rng.integers(0, n, k)]) / 2, dtype=dtype)
    return X, centers, rng.integers(1, 5, n).astype(float) if is_whole else rng.random(n)


def results(backend: Any, X: Any, centers: Any, weights: Any, n_threads: int = 1) -> dict[str, Any]:
    """The outputs of all kernels."""
    (n, d), k = X.shape, len(centers)
    rows, options = backend.prepare(X, weights), {"n_threads": n_threads}
    labels, again = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    sums, mass, borders = np.zeros((2, k, d)), np.zeros((2, k)), group_borders(n, k)
    upper, lower, sq_dists, own = np.zeros(n, np.float32), np.zeros(n, np.float32), np.full(n, np.inf), np.empty(n)
    candidates, out = np.arange(0, n, max(1, n // 7)), np.empty((n, k), X.dtype)
    gains, drawn = np.empty(len(candidates), np.int64), np.empty(5, np.int64)
    assert backend.nearest_and_sum(rows, borders, centers, labels, sums, mass, **options) == n
    assert backend.nearest(rows, 0, n, centers, labels, **options) == 0
    assert backend.two_nearest(rows, np.arange(n), centers, again, upper, lower, **options) == n
    backend.label_sq_dists(rows, 0, n, centers, labels, own, **options)
    seeds = backend.make_seeds(rows, n // 2, sq_dists, **options)
    backend.candidate_gains(rows, seeds, candidates, gains, **options)
    first_sq_dists = sq_dists.copy()
    backend.add_seed(rows, seeds, n // 3, **options)
    backend.draw_rows(rows, seeds, np.linspace(0, 1, 5, endpoint=False), drawn)
    backend.distances(rows, 0, n, centers, out, **options)
    np.testing.assert_array_equal(again, labels)
    bits = {"labels": labels, "sums": sums[0].copy(), "mass": mass[0].copy(), "own": own}
    labels, moved, before = np.arange(n, dtype=np.int32) % k, np.full(n, -7), np.full(n, -7, np.int32)
    first = labels.copy()
    sums[:], mass[:] = 0, 0
    backend.sum_by_label(rows, borders, labels, sums, mass, **options)
    n_moved = backend.nearest(rows, 0, n, centers, labels, moved, before, **options)
    np.testing.assert_array_equal(moved[:n_moved], np.flatnonzero(first != labels))
    np.testing.assert_array_equal(before[:n_moved], first[moved[:n_moved]])
    backend.move(rows, moved[:n_moved], before[:n_moved], labels[moved[:n_moved]], sums, mass, **options)
    bits |= {"moved_sums": sums[0], "moved_mass": mass[0]}
    if k > 1:
        for name in ("sums", "mass"):
            np.testing.assert_array_equal(bits[name], bits[f"moved_{name}"], err_msg="moving rows is adding them up")
    bits["inertia"] = backend.inertia(rows, 0, n, centers, labels, **options)
    bits |= {"first_sq_dists": first_sq_dists, "gains": gains, "drawn": drawn}
    bits["spread"] = backend.sq_spread(rows, centers[0], **options)
    return bits | {"sq_dists": sq_dists, "out": out, "upper": upper, "lower": lower}


@cache
def references(
    shape: tuple[Any, ...], dtype: Any, *, is_whole: bool = False, is_weighted: bool = True
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The reference's outputs for an array, and for the same values in a matrix."""
    X, centers, weights = made(*shape, dtype, is_whole=is_whole)
    weights = weights if is_weighted else None
    return results(identity, X.toarray(), centers, weights), results(identity, X, centers, weights)


def assert_equal(got: dict[str, Any], expected: dict[str, Any], names: str) -> None:
    for name in names.split():
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


@every_backend
@every_dtype
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_weighted", [False, True])
def test_kernels_have_the_bits_of_dense_rows(is_weighted: bool, shape: tuple[Any, ...], dtype: type, row: Row) -> None:
    shape = (row.rows(shape[0], broadcast=600), *shape[1:])
    X, centers, weights = made(*shape, dtype)
    got = results(row.open(), X, centers, weights if is_weighted else None)
    dense, sparse = references(shape, dtype, is_weighted=is_weighted)
    assert_equal(got, dense, "labels sums mass own inertia moved_sums")
    assert_equal(got, sparse, "first_sq_dists sq_dists gains drawn spread")
    assert (got["upper"].astype(float) ** 2 >= dense["own"] * (1 - 1e-15)).all()
    second = np.partition(dense["out"].astype(float), 1, axis=1)[:, 1] if len(centers) > 1 else np.inf
    assert (got["lower"] <= second * (1 + 1e-6)).all()
    np.testing.assert_allclose(got["sq_dists"], dense["sq_dists"], rtol=1e-12)
    np.testing.assert_allclose(got["spread"], dense["spread"], rtol=1e-12)
    np.testing.assert_allclose(got["gains"], dense["gains"], rtol=1e-9, atol=2.0**61 * 1e-12)
    np.testing.assert_allclose(got["out"], dense["out"], rtol=8 * (shape[1] + 4) * np.finfo(dtype).eps / 2)


@every_backend
@every_dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_whole_numbers_are_exact_in_every_kernel(shape: tuple[Any, ...], dtype: type, row: Row) -> None:
    shape = (row.rows(shape[0], broadcast=600), *shape[1:])
    got, (dense, _) = results(row.open(), *made(*shape, dtype, is_whole=True)), references(shape, dtype, is_whole=True)
    assert_equal(got, dense, "labels sums mass own inertia first_sq_dists sq_dists gains drawn spread")


@every_backend
@every_dtype
def test_wide_rows_are_measured_by_the_identity(dtype: type, row: Row) -> None:
    shape = (row.rows(300), 3000, 6, 0.0035)
    X, centers, weights = made(*shape, dtype)
    assert 0.1 < is_wide(X).mean() < 1, "rows are wide or not"
    got, (dense, sparse) = results(row.open(), X, centers, weights), references(shape, dtype)
    assert_equal(got, dense, "labels sums mass")
    assert_equal(got, sparse, "own first_sq_dists sq_dists gains drawn spread")
    np.testing.assert_array_equal(got["own"][~is_wide(X)], dense["own"][~is_wide(X)])
    np.testing.assert_allclose(got["own"], dense["own"], rtol=1e-12)


@every_isa
@every_dtype
@pytest.mark.parametrize("is_one_sided", [False, True])
def test_every_number_of_threads_gives_the_same_bits(is_one_sided: bool, dtype: type, row: Row) -> None:
    """One-sided: nearly all rows in one cluster, whose sum threads share by columns."""
    X, centers, weights = made(5000, 300, 40, 0.1, dtype)
    if is_one_sided:
        centers[1:] += 5
    one = results(row.open(), X, centers, weights)
    assert (np.bincount(one["labels"]).max() > 4900) == is_one_sided
    for n_threads in (2, 3, 7):
        assert_equal(results(row.open(), X, centers, weights, n_threads), one, " ".join(one))


@every_case
@pytest.mark.parametrize("row", [parameter(row) for row in ALL_ROWS if row.backend != "broadcast"])
def test_hostile_numbers_get_the_deciders_labels(case: Case, dtype: str, row: Row) -> None:
    X, centers, weights = case.build(dtype, row.rows(200, loop=40))
    X = X * (np.random.default_rng(0).random(X.shape) < 0.7)
    n, outputs = len(X), []
    for backend, data in ((row.open(), sp.csr_array(X)), (identity, X), (identity, sp.csr_array(X))):
        rows = backend.prepare(data, weights)
        labels, own, seeded = np.full(n, -1, np.int32), np.empty(n), np.full(n, np.inf)
        backend.nearest(rows, 0, n, centers, labels)
        backend.label_sq_dists(rows, 0, n, centers, labels, own)
        backend.make_seeds(rows, 0, seeded)
        outputs.append({"labels": labels, "own": own, "seeded": seeded})
    assert undecided_labels(X, centers, outputs[0]["labels"]) == 0
    assert_equal(outputs[0], outputs[1], "labels own")
    assert_equal(outputs[0], outputs[2], "labels own seeded")


@every_isa
@every_dtype
def test_rows_that_tie_between_many_centers_go_to_the_first(dtype: type, row: Row) -> None:
    """Unit rows with no column in common with any center."""
    X = sp.csr_array(sp.eye_array(200, 400, format="csr", dtype=dtype))
    centers = np.zeros((150, 400), dtype)
    centers[np.arange(150), np.arange(399, 249, -1)] = 1
    got = results(row.open(), X, centers, None)
    assert_equal(got, results(identity, X.toarray(), centers, None), "labels own")
    assert (got["labels"] == 0).all()
