"""Arrays at the door: what is copied, and what is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kmeans_fast import KMeans
from kmeans_fast._validation import (
    as_kernel_array,
    check_centers,
    check_rng,
    check_weights,
    check_X,
    is_kernel_array,
    lent_rng,
)

NOISE = np.random.default_rng(0).standard_normal((50, 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_the_kernels_take_is_not_copied(dtype: type) -> None:
    X = NOISE.astype(dtype)
    assert np.shares_memory(check_X(X), X) and as_kernel_array(X) is X


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float16", "float32"), ("int8", "float64"), ("bool", "float64"), ("longdouble", "float64"), (">f4", "float64")],
)
def test_dtypes_of_rows(given: str, expected: str) -> None:
    X = check_X(NOISE.astype(given))
    assert X.dtype == expected and X.dtype.isnative and X.flags.c_contiguous and X.flags.aligned


def test_weights_of_one_are_none() -> None:
    assert check_weights(None, NOISE) is None
    assert check_weights(np.ones(50), NOISE) is None
    assert check_weights(np.full(50, 2.0), NOISE).tolist() == [2.0] * 50
    assert check_weights(np.arange(50), NOISE).dtype == np.float64


def test_centers_that_the_dtype_cannot_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="infinity"):
        check_centers(np.full((2, 3), 1e300), NOISE.astype(np.float32), 2)


def test_random_states_of_every_kind() -> None:
    generator = np.random.default_rng(0)
    assert check_rng(generator) is generator
    assert check_rng(3).randint(100) == np.random.RandomState(3).randint(100)
    with pytest.raises(ValueError, match="seed"):
        check_rng("dice")


def test_a_kernel_array_is_taken_as_it_is_and_its_features_are_remembered() -> None:
    model = KMeans(2)
    X = np.arange(12.0).reshape(4, 3)
    assert check_X(X, model, check_finite=False) is X
    assert model.n_features_in_ == 3
    for other in (X[:, :2], np.asfortranarray(X), X.astype(">f8"), X[:0], X[0], X.tolist()):
        assert not is_kernel_array(other)


def test_names_of_an_earlier_fit_are_forgotten() -> None:
    X = np.arange(12.0).reshape(4, 3)
    model = KMeans(2, random_state=0).fit(pd.DataFrame(X, columns=list("abc")))
    assert hasattr(model, "feature_names_in_")
    model.fit(X)
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_a_lent_generator_draws_as_a_new_one_also_inside_another(seed: int) -> None:
    expected = np.random.RandomState(seed).random_sample(5)
    for _ in range(2):
        with lent_rng(seed) as outer:
            first = outer.random_sample(2)
            with lent_rng(seed) as inner:
                np.testing.assert_array_equal(inner.random_sample(5), expected)
            np.testing.assert_array_equal(np.append(first, outer.random_sample(3)), expected)


def test_a_generator_that_is_kept_is_a_new_one() -> None:
    with lent_rng(3, is_kept=True) as kept:
        pass
    expected = np.random.RandomState(3).random_sample(4)
    with lent_rng(5):
        np.testing.assert_array_equal(kept.random_sample(4), expected)
