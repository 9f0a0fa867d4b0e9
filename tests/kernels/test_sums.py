"""Sums where no order can be seen: exact, also where whole numbers of 64 bits would overflow."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tables import Row, every_backend

from kmeans_fast.backends.ordered_sums import group_borders


@every_backend
@pytest.mark.parametrize("n_digits", [24, 45, 51, 60])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_no_digit_is_lost_however_many_rows_share_a_sum(n_digits: int, n_threads: int, row: Row) -> None:
    """51 digits leave room for 2048 rows in a whole number of 64 bits."""
    backend, n = row.open(), row.rows(9000)
    rng = np.random.default_rng(n_digits)
    X = rng.integers(2**23, 2**24, (n, 3)).astype(np.float32)
    X[1:] *= np.float32(2.0 ** (n_digits - 24))
    X[1:, 2] *= -1
    labels = np.zeros(n, dtype=np.int32)
    labels[::7] = 1
    rows = backend.prepare(X)
    assert rows.sums_are_exact
    sums, mass = np.zeros((2, 2, 3)), np.zeros((2, 2))
    backend.sum_by_label(rows, group_borders(n, 2), labels, sums, mass, n_threads=n_threads)
    for label in (0, 1):
        exact = [sum(int(value) for value in column) for column in X[labels == label].T]
        assert [Fraction(high) + Fraction(low) for high, low in zip(*sums[:, label].tolist(), strict=True)] == exact
        assert mass[0, label] == np.count_nonzero(labels == label)
    again, mass_again = np.zeros((2, 2, 3)), np.zeros((2, 2))
    centers = X[[0, -1]]
    backend.nearest_and_sum(rows, group_borders(n, 2), centers, labels, again, mass_again, n_threads=n_threads)
    anew, mass_anew = np.zeros((2, 2, 3)), np.zeros((2, 2))
    backend.sum_by_label(rows, group_borders(n, 2), labels, anew, mass_anew)
    np.testing.assert_array_equal(again, anew)
    np.testing.assert_array_equal(mass_again, mass_anew)
