"""Sums that follow their rows stay the sums of all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tables import Row, every_backend

from kmeans_fast.backends import get_backend
from kmeans_fast.engine.moving_sums import FEW, MovingSums


def wander(backend: Any, X: Any, weights: Any, n_steps: int, k: int = 4) -> tuple[MovingSums, list[bool]]:
    """Labels change at random, and after each step the totals are those of all rows."""
    rng = np.random.default_rng(0)
    n, rows = len(X), backend.prepare(X, weights)
    labels = rng.integers(0, k, n).astype(np.int32)
    moving, were_added = MovingSums(backend, rows, labels, 1), []
    totals = moving.add_up(k, n)
    for _ in range(n_steps):
        moved, before = moving.room()
        chosen = np.sort(rng.choice(n, max(1, n // 20), replace=False))
        moved[: len(chosen)], before[: len(chosen)] = chosen, labels[chosen]
        labels[chosen] = (labels[chosen] + 1 + rng.integers(0, k - 1, len(chosen))) % k
        totals = moving.follow(len(chosen))
        again = MovingSums(backend, rows, labels, 1).add_up(k, 0)
        were_added.append(not totals.is_rounded)
        for got, expected in ((totals.sum_pairs, again.sum_pairs), (totals.mass_pairs, again.mass_pairs)):
            np.testing.assert_array_equal(got[0], expected[0])
    return moving, were_added


@every_backend
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_totals_are_those_of_all_rows(dtype: type, weighted: bool, row: Row) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((row.rows(900), 3)).astype(dtype)
    wander(row.open(), X, rng.random(len(X)) if weighted else None, 12)


@every_backend
def test_a_row_that_dwarfs_the_others_comes_and_goes_without_a_trace(row: Row) -> None:
    X = np.full((row.rows(400), 1), 4.95)
    X[3] = 1e30
    _, were_added = wander(row.open(), X, None, 30)
    assert any(were_added), "rounding errors that could show must lead to new sums"


def test_exact_sums_need_no_second_look() -> None:
    X = np.random.default_rng(2).standard_normal((1000, 2)).astype(np.float32)
    backend = get_backend("compiled")
    assert backend.prepare(X).sums_are_exact
    _, were_added = wander(backend, X, None, 5)
    assert all(were_added)


def test_many_moves_are_added_up() -> None:
    backend = get_backend("identity")
    rows, labels = backend.prepare(np.arange(40.0)[:, None]), np.zeros(40, np.int32)
    moving = MovingSums(backend, rows, labels, 1)
    moving.add_up(2, 40)
    assert not moving.are_near
    n_moved = int(FEW * 40) + 1
    moved, before = moving.room()
    moved[:n_moved], before[:n_moved] = np.arange(n_moved), 0
    labels[:n_moved] = 1
    assert moving.follow(n_moved).mass.tolist() == [40 - n_moved, n_moved]
    assert not moving.are_near and moving.add_up(2, 1).n_changed == 1 and moving.are_near
