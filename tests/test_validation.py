"""Arrays at the door: what is copied, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from kmeans_fast._validation import as_kernel_array, check_centers, check_rng, check_weights, check_X

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
