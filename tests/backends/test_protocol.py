"""Rows taken from rows."""

from __future__ import annotations

import numpy as np
import pytest
from tables import Row, every_backend

from kmeans_fast.backends.ordered_sums import group_borders


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 2.0**40])
def test_taken_rows_give_what_they_give_alone(scale: float, dtype: type, row: Row) -> None:
    rng, backend = np.random.default_rng(0), row.open()
    X = ((rng.integers(-9, 10, (row.rows(900), 5)) + 1000) * scale).astype(dtype)
    chosen, centers = rng.integers(0, len(X), 150), X[:7].copy()
    rows = backend.prepare(X, rng.random(len(X)))
    taken, alone = backend.take(rows, chosen), backend.prepare(X[chosen])
    assert (taken.n, taken.d, taken.weights, taken.weight_unit) == (150, 5, None, 1.0)
    assert (X[chosen] == taken.X).all() and not np.shares_memory(taken.X, X)
    found = []
    for some in (taken, alone):
        labels, sums, mass, sq_dists = np.full(150, -1, np.int32), np.zeros((2, 7, 5)), np.zeros((2, 7)), np.empty(150)
        backend.nearest_and_sum(some, group_borders(150, 7), centers, labels, sums, mass)
        backend.label_sq_dists(some, 0, 150, centers, labels, sq_dists)
        found.append((labels, sums, mass, sq_dists))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_backend
def test_taken_rows_have_the_units_of_all_and_may_outlive_them(row: Row) -> None:
    backend = row.open()
    X = np.array([[2.0**700, 1.0], [2.0**-700, 3.0], [2.0**-700, 9.0]])
    rows = backend.prepare(X, copy_budget=2.0)
    assert rows.data_unit > 2.0**200 > backend.prepare(X[1:]).data_unit
    taken = backend.take(rows, np.array([2, 1, 2]))
    assert taken.data_unit == rows.data_unit
    rows.release()
    del rows
    labels = np.full(3, -1, np.int32)
    backend.nearest(taken, 0, 3, X[1:].copy(), labels)
    assert labels.tolist() == [1, 0, 1]


@every_backend
def test_rows_that_are_not_there_can_not_be_taken(row: Row) -> None:
    backend = row.open()
    with pytest.raises(IndexError, match="out of bounds"):
        backend.take(backend.prepare(np.ones((3, 2))), np.array([0, 3]))


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_parts_of_rows_are_as_if_prepared_alone_also_in_memory_of_earlier_ones(
    is_weighted: bool, dtype: type, row: Row
) -> None:
    rng, backend = np.random.default_rng(0), row.open()
    X, weights = rng.standard_normal((row.rows(3000), 5)).astype(dtype), rng.random(row.rows(3000)) * 9
    before, rows, spent = X.copy(), backend.prepare(X, weights, copy_budget=1.5), None
    for size in (2, 3, 5):
        chosen = np.sort(rng.choice(len(X), len(X) // size, replace=False))
        given = weights[chosen] if is_weighted else None
        part = backend.part_of(rows, chosen, given, copy_budget=1.5, n_threads=2, spent=spent)
        alone = backend.prepare(X[chosen], given)
        np.testing.assert_array_equal(part.X, X[chosen])
        for name in ("n", "d", "data_unit", "weight_unit", "largest", "sums_are_exact"):
            assert getattr(part, name) == getattr(alone, name), name
        np.testing.assert_array_equal(part.origin, alone.origin)
        found = []
        for some in (part, alone):
            labels, sums, mass = np.full(some.n, -1, np.int32), np.zeros((2, 3, 5)), np.zeros((2, 3))
            for _ in range(3):
                backend.nearest_and_sum(some, group_borders(some.n, 3), X[:3].copy(), labels, sums, mass)
            found.append((labels, sums, mass))
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        spent = part
    np.testing.assert_array_equal(X, before)


@every_backend
def test_rows_that_are_not_there_can_not_be_a_part(row: Row) -> None:
    backend = row.open()
    with pytest.raises(IndexError, match="out of bounds"):
        backend.part_of(backend.prepare(np.ones((3, 2))), np.array([0, 3]))
