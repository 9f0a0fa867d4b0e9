"""Sums by cluster that lose no digit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kmeans_fast.backends.ordered_sums import add_pairs
from kmeans_fast.backends.pairs import exact_bincount


@pytest.mark.parametrize("decades", [0, 3, 30, 200])
def test_high_is_the_rounded_sum_and_low_what_is_left(decades: int) -> None:
    rng = np.random.default_rng(decades)
    clusters = rng.integers(0, 5, 3000)
    terms = rng.standard_normal(3000) * 10.0 ** rng.integers(-decades, decades + 1, 3000)
    pairs = np.zeros((2, 5))
    add_pairs(pairs, exact_bincount(clusters, terms, 5))
    for j in range(5):
        own = terms[clusters == j].tolist()
        assert pairs[0, j] == math.fsum(own)
        left = math.fsum([*own, -pairs[0, j]])
        assert abs(pairs[1, j] - left) <= 2.0**-104 * max(map(abs, own)) * len(own)


def test_a_cluster_of_tiny_terms_is_as_exact_as_one_of_huge_ones() -> None:
    clusters, terms = np.array([0, 0, 1, 1, 1]), np.array([1e150, 1.0, 1e-150, 1e-166, -1e-150])
    parts = exact_bincount(clusters, terms, 3)
    assert (parts.sum(axis=0)[1], parts[:, 2].tolist()) == (1e-166, [0.0, 0.0, 0.0])
