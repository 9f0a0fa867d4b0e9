"""Groups and ordered sums, the promises that make every backend give the same bits; and rows taken from rows."""

from __future__ import annotations

import numpy as np
import pytest
from tables import Row, every_backend

from kmeans_fast.backends.protocol import (
    GROUP_ALIGNMENT,
    MAX_GROUPS,
    ROWS_OF_GROUP,
    group_borders,
    ordered_sum,
    strided_sum,
)

LENGTHS = [0, 1, 7, 8, 9, 64, 511, 512, 513, 1024, 5000]


def plain_strided_sum(terms: list[float]) -> float:
    p = [0.0] * 8
    for t, term in enumerate(terms):
        p[t % 8] += term
    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))


def mixed(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return rng.random(n) * 10.0 ** rng.integers(-2, 3, n)


@pytest.mark.parametrize("n", LENGTHS)
def test_strided_sum_adds_in_the_order_of_a_plain_loop(n: int) -> None:
    terms = np.stack([mixed(n), mixed(n + 1)[:n]])
    for array in (terms, np.asfortranarray(terms)):
        assert strided_sum(array).tolist() == [plain_strided_sum(row.tolist()) for row in terms]
    assert float(strided_sum(terms[0])) == plain_strided_sum(terms[0].tolist())


@pytest.mark.parametrize("n", LENGTHS)
def test_ordered_sum_adds_blocks_of_512_in_order(n: int) -> None:
    terms, total = mixed(n), 0.0
    for first in range(0, n, 512):
        total += plain_strided_sum(terms[first : first + 512].tolist())
    assert ordered_sum(terms) == total


def test_the_order_shows_in_the_bits() -> None:
    assert any(ordered_sum(mixed(n)) != float(mixed(n).sum()) for n in range(5000, 5040)), "terms too tame"


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000, 4096, 100_003])
@pytest.mark.parametrize("k", [1, 5, 64, 1000])
def test_groups_cover_the_rows_on_aligned_borders(n: int, k: int) -> None:
    borders = group_borders(n, k)
    assert borders[0] == 0 and borders[-1] == n
    assert (np.diff(borders) > 0).all()
    assert (borders[1:-1] % GROUP_ALIGNMENT == 0).all()
    assert len(borders) - 1 <= max(1, min(MAX_GROUPS, n // max(4 * k, ROWS_OF_GROUP)))


def test_groups_cannot_be_changed_by_who_asks() -> None:
    with pytest.raises(ValueError, match="read-only"):
        group_borders(1000, 5)[0] = 3


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
    assert rows.data_unit > 2.0**600 > backend.prepare(X[1:]).data_unit
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
