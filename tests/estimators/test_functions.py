"""kmeans_plusplus as scikit-learn has it."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import sklearn.cluster

from kmeans_fast import kmeans_plusplus

NOISE = np.random.default_rng(0).standard_normal((300, 4))


def test_signature_is_scikit_learns() -> None:
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
        for f in (kmeans_plusplus, sklearn.cluster.kmeans_plusplus)
    )
    assert ours == theirs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_local_trials", [None, 1, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_same_seeds_as_scikit_learn(order: str, n_local_trials: int | None, dtype: type) -> None:
    X = np.asarray(NOISE, dtype=dtype, order=order)
    options = {"random_state": 5, "n_local_trials": n_local_trials}
    centers, indices = kmeans_plusplus(X, 7, **options)
    _, expected = sklearn.cluster.kmeans_plusplus(X, 7, **options)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(centers, X[indices])
    assert indices.dtype == np.int64 and centers.dtype == dtype and centers.flags.c_contiguous


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="n_samples=300 should be >= n_clusters=301"):
        kmeans_plusplus(NOISE, 301)
    with pytest.raises(ValueError, match="length of x_squared_norms 3"):
        kmeans_plusplus(NOISE, 2, x_squared_norms=np.ones(3))
    with pytest.raises(ValueError, match="'n_clusters' parameter of kmeans_plusplus"):
        kmeans_plusplus(NOISE, 0)
