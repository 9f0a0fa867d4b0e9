"""What scikit-learn asks of every estimator, and inputs of every make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

from kmeans_fast import KMeans

NOISE = np.random.default_rng(0).standard_normal((200, 3))
WEIGHTED_SEEDS = "the seeds of weighted rows are other draws than those of repeated rows, as in scikit-learn"


@parametrize_with_checks(
    [KMeans(3), KMeans(3, backend="identity")],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": WEIGHTED_SEEDS for kind in ("dense", "sparse")
    },
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def misaligned(X: np.ndarray) -> np.ndarray:
    buffer = np.empty(X.nbytes + 1, np.uint8)[1:]
    array = buffer.view(X.dtype).reshape(X.shape)
    array[:] = X
    assert not array.flags.aligned
    return array


@pytest.mark.parametrize(
    "make",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: X[::-1].copy()[::-1],
        lambda X: X[:, ::-1].copy()[:, ::-1],
        misaligned,
        lambda X: X.astype(X.dtype.newbyteorder()),
        lambda X: X.tolist() if X.dtype == np.float64 else X.view(),
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=["a", "b", "c"]),
    ],
    ids=["F", "strided", "reversed", "mirrored", "misaligned", "swapped", "list", "pandas", "polars"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_of_every_make_give_the_same_model(dtype: type, make: Any) -> None:
    X = NOISE.astype(dtype)
    given = make(X)
    plain, model = KMeans(4, random_state=0).fit(X), KMeans(4, random_state=0).fit(given)
    np.testing.assert_array_equal(model.labels_, plain.labels_)
    np.testing.assert_array_equal(model.predict(given), plain.labels_)
    assert model.transform(given).dtype == model.cluster_centers_.dtype
    if not (isinstance(given, np.ndarray) and not given.dtype.isnative):
        assert model.cluster_centers_.dtype == dtype
        np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)


def test_a_read_only_memmap_is_enough(tmp_path: Any) -> None:
    np.save(tmp_path / "X.npy", NOISE)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = KMeans(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X), KMeans(4, random_state=0).fit(NOISE).labels_)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.full((9, 2), np.nan), ValueError, "NaN"),
        (np.full((9, 2), np.inf), ValueError, "infinity"),
        (np.ones(9), ValueError, "Expected 2D array"),
        (np.ones((0, 2)), ValueError, "0 sample"),
        (np.ones((9, 0)), ValueError, "0 feature"),
        (np.ones((9, 2), complex), ValueError, "Complex data not supported"),
        (np.array([["a"], ["b"]]), ValueError, "could not convert"),
        (scipy.sparse.csr_array([[np.nan], [1.0]]), ValueError, "NaN"),
    ],
)
def test_bad_rows_have_scikit_learns_errors(X: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        KMeans(2).fit(X)


def test_an_unfitted_model_says_so_and_a_fitted_one_counts_features() -> None:
    for method in ("predict", "transform", "score", "inertia"):
        with pytest.raises(NotFittedError, match="not fitted"):
            getattr(KMeans(), method)(NOISE)
        with pytest.raises(ValueError, match="X has 2 features, but KMeans is expecting 3"):
            getattr(KMeans(2).fit(NOISE), method)(NOISE[:, :2])


def test_names_go_in_and_out() -> None:
    frame = pd.DataFrame(NOISE, columns=["x", "y", "z"])
    model = KMeans(2, random_state=0).fit(frame)
    assert model.n_features_in_ == 3 and model.feature_names_in_.tolist() == ["x", "y", "z"]
    assert model.get_feature_names_out().tolist() == ["kmeans0", "kmeans1"]
    assert list(KMeans(2).set_output(transform="pandas").fit_transform(frame)) == ["kmeans0", "kmeans1"]
    assert KMeans(2).set_output(transform="polars").fit_transform(frame).columns == ["kmeans0", "kmeans1"]


def test_weights_are_routed() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        model = KMeans(2).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        routing = model.get_metadata_routing()
    assert routing.fit.requests["sample_weight"] is True and routing.score.requests["sample_weight"] is True


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7, -1, None])
def test_threads_change_no_bit(n_threads: int | None) -> None:
    X = np.random.default_rng(1).standard_normal((5000, 8)).astype(np.float32)
    assert X.size * 50 > 7 * 2**18, "too little work for seven threads"
    plain, model = (KMeans(50, random_state=0, max_iter=5, n_threads=t).fit(X) for t in (1, n_threads))
    for name in ("labels_", "cluster_centers_", "inertia_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(plain, name))


@pytest.mark.parametrize(
    ("name", "good", "bad"), [("n_clusters", 2, 0), ("tol", 1e-4, -1.0), ("max_iter", 1, 1.0), ("n_init", 1, 1.0)]
)
def test_parameters_are_checked_in_every_fit(name: str, good: object, bad: object) -> None:
    """Good values are remembered: an equal one of another type, or a later bad one, is still seen."""
    X = np.arange(12.0).reshape(6, 2)
    for _ in range(2):
        model = KMeans(**{"n_clusters": 2, "init": X[:2], "n_init": 1, name: good}).fit(X)
        model.set_params(**{name: bad})
        with pytest.raises(InvalidParameterError, match=name):
            model.fit(X)
