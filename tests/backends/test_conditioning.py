"""Origin, scale and units."""

from __future__ import annotations

import numpy as np
import pytest

from kmeans_fast.backends import get_backend
from kmeans_fast.backends.conditioning import condition, middle, power_of_two_below, survey
from kmeans_fast.backends.protocol import NotFiniteError


@pytest.mark.parametrize(
    ("dtype", "power"),
    [(np.float32, p) for p in (-140, -120, 0, 100, 127)] + [(np.float64, p) for p in (-1070, -600, 0, 500, 1023)],
)
def test_scaled_data_lie_within_what_the_dtype_squares(dtype: type, power: int) -> None:
    X = np.ldexp(np.array([[1.0, -1.75], [0.5, 1.0]]), power).astype(dtype)
    conditioning = condition(X)
    scale = X.dtype.type(conditioning.scale)
    assert np.frexp(conditioning.scale)[0] == 0.5 and scale >= np.finfo(dtype).smallest_normal
    scaled = np.abs(X * scale).max()
    assert scaled <= 4 and scaled**2 > 0


def test_one_outlier_does_not_move_the_origin() -> None:
    X = np.random.default_rng(0).standard_normal((1000, 3))
    X[0] = 1e30
    assert np.abs(condition(X).origin).max() < 3


def test_ordinary_data_need_no_unit() -> None:
    X = np.array([[1e-60], [1e60]])
    conditioning = condition(X)
    assert (conditioning.data_unit, conditioning.weight_unit, conditioning.weights) == (1.0, 1.0, None)
    assert condition(X * 1e-240).data_unit == power_of_two_below(1e-180, 1022)
    assert condition(X * 1e140).data_unit == power_of_two_below(1e200, 1022) / 2.0**480


@pytest.mark.parametrize("largest", [1e-300, 1e-5, 1.0, 3.0, 1e300])
def test_weights_are_scaled_exactly(largest: float) -> None:
    weights = np.array([largest / 3, largest, 0.0])
    conditioning = condition(np.zeros((3, 1)), weights)
    assert 0.5 <= conditioning.weights.max() < 1
    assert (conditioning.weights * conditioning.weight_unit == weights).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(bad: float, dtype: type) -> None:
    for place in (0, 5, 5999):
        X = np.ones((2000, 3), dtype=dtype)
        X.ravel()[place] = bad
        for backend in (get_backend("identity"), get_backend("compiled")):
            with pytest.raises(NotFiniteError, match="NaN or infinity"):
                backend.prepare(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_survey_knows_largest_smallest_and_spread(dtype: type) -> None:
    X = np.random.default_rng(0).standard_normal((1234, 7)).astype(dtype)
    X[3, 3], X[4, 4], X[5, 5] = 0.0, 1e-12, -77.0
    origin = middle(X)
    found = survey(X, origin)
    assert (found.largest, found.smallest) == (77.0, float(dtype(1e-12)))
    assert found.sq_spread == pytest.approx(((X.astype(np.longdouble) - origin) ** 2).sum(), rel=1e-13)


def test_all_digits_are_held_where_the_range_is_small() -> None:
    X = np.random.default_rng(0).standard_normal((1000, 2)).astype(np.float32)
    assert condition(X).sums_are_exact and not condition(X, np.ones(1000)).sums_are_exact
    X[0, 0] = 1e-12
    assert condition(X).sums_are_exact and not condition(X.astype(np.float64)).sums_are_exact
    X[0, 0] = 1e-30
    assert not condition(X).sums_are_exact
    assert condition(np.zeros((5, 1))).sums_are_exact
