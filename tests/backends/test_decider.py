"""The decider against exact arithmetic of fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kmeans_fast.backends.decider import decide, decide_rows, is_safe, sq_dists_direct, sq_dists_paired

SCALES = [1.0, 2.0**-500, 2.0**-1060, 2.0**480, 2.0**600, 2.0**1000]


def exact_sq_dist(x: np.ndarray, center: np.ndarray) -> Fraction:
    return sum(((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x.tolist(), center.tolist(), strict=True)), Fraction())


def unit_of(scale: float) -> float:
    return scale if not 2.0**-480 <= scale <= 2.0**480 else 1.0


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("d", [1, 2, 7, 8, 9, 20])
def test_decide_is_exact_on_whole_numbers_at_any_scale(d: int, scale: float) -> None:
    rng = np.random.default_rng(d)
    X = rng.integers(-4, 5, (60, d)) * scale
    centers = rng.integers(-4, 5, (9, d)) * scale
    expected = [min(range(9), key=lambda j: (exact_sq_dist(x, centers[j]), j)) for x in X]
    assert [decide(x, centers, unit_of(scale)) for x in X] == expected
    assert decide_rows(X, centers, unit_of(scale)).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_decide_rows_says_what_decide_says(dtype: type) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((300, 5)) * 10.0 ** rng.integers(-30, 30, (300, 1))).astype(dtype)
    centers = np.concatenate([X[:20], X[:5]])
    assert not is_safe(sq_dists_direct(X[:20], centers[:20], 1.0)).any(), "no row takes the careful path"
    assert decide_rows(X, centers, 1.0).tolist() == [decide(x, centers, 1.0) for x in X]


def test_ties_go_to_the_lower_index() -> None:
    centers = np.array([[3.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    assert decide(np.zeros(2), centers, 1.0) == 1


@pytest.mark.parametrize("scale", [1.0, 2.0**-500, 2.0**-200, 2.0**300])
def test_paired_distances_are_exact_on_whole_numbers(scale: float) -> None:
    rng = np.random.default_rng(3)
    x, centers = rng.integers(-9, 9, (50, 11)) * scale, rng.integers(-9, 9, (50, 11)) * scale
    centers[:3] = x[:3]
    unit = unit_of(scale)
    expected = [exact_sq_dist(a, b) / Fraction(unit) ** 2 for a, b in zip(x, centers, strict=True)]
    assert sq_dists_paired(x, centers, unit).tolist() == [float(value) for value in expected]
    assert expected[:3] == [0, 0, 0]


def test_distances_beyond_float64_are_infinite_and_below_are_zero() -> None:
    assert sq_dists_paired(np.array([[1e200]]), np.array([[-1e200]]), 1.0).tolist() == [np.inf]
    assert sq_dists_paired(np.array([[1e-200]]), np.array([[-1e-200]]), 1.0).tolist() == [0.0]


def test_differences_that_overflow_are_halved() -> None:
    """Without a unit; with the one that such data are given, none overflows."""
    assert decide(np.array([1.7e308]), np.array([[-1.7e308], [-1.6e308], [-1.65e308]]), 1.0) == 1
