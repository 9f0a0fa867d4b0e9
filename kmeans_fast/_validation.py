"""Arrays in: dtype, order, finite, weights. The only copies of the caller's data are made here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, issparse
from sklearn.utils import assert_all_finite, check_array, check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from .backends.protocol import Array, Backend, Floats, NotFiniteError, Rows

DTYPES = [np.float64, np.float32, np.float16]
"""What stays as it is (float16 becomes float32); all else becomes float64."""


def as_kernel_array(X: Any, dtype: npt.DTypeLike | None = None) -> Array:
    """X as a C-contiguous, aligned float32 or float64 array in native byte order; X itself where it is one.

    A matrix in CSR stays one.
    """
    if dtype is None:
        dtype = np.float32 if X.dtype == np.float16 else X.dtype
    if issparse(X):
        return X.astype(np.dtype(dtype).newbyteorder("="), copy=False)
    array: Array = np.require(X, dtype=dtype, requirements=["C", "A"])
    return array


def dtypes_for(X: Any) -> Any:
    """What ``check_array`` should make of X: it cannot read the dtypes of polars, and would widen them."""
    dtypes = getattr(X, "dtypes", None)
    if isinstance(dtypes, list) and dtypes and all(str(dtype) in ("Float16", "Float32") for dtype in dtypes):
        return np.float32
    return DTYPES


def canonical(X: Any) -> Any:
    """A matrix in CSR with columns sorted and none twice: X itself, or what its entries add up to; X stays as it is.

    What X remembers of its own order is not asked: it may be out of date.
    """
    fresh = csr_array((X.data, X.indices, X.indptr), shape=X.shape)
    fresh.check_format(full_check=True)
    if fresh.has_canonical_format:
        return X
    X = X.copy()
    X.has_canonical_format = X.has_sorted_indices = False
    X.sum_duplicates()
    return X


def is_kernel_array(X: Any) -> bool:
    """Whether X is an array (n, d), not empty, that kernels take as it is."""
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.size > 0
        and (X.dtype == np.float32 or X.dtype == np.float64)
        and X.flags.c_contiguous
        and X.flags.aligned
    )


def has_known_features(X: Array, estimator: Any, reset: bool) -> bool:
    """Whether an estimator has nothing to say about the columns of an array; with ``reset`` they become its own."""
    if estimator is None:
        return True
    if reset:
        vars(estimator).pop("feature_names_in_", None)
        estimator.n_features_in_ = X.shape[1]
        return True
    return not hasattr(estimator, "feature_names_in_") and estimator.n_features_in_ == X.shape[1]


def check_X(X: Any, estimator: Any = None, *, reset: bool = True, check_finite: bool = True) -> Array:
    """X (n, d), finite, as the kernels take it; scikit-learn's errors for what it is not.

    A sparse X becomes a canonical matrix in CSR. With an estimator, its feature count and names are set (``reset``)
    or compared. Without ``check_finite``, ``prepared`` will do that, in the look that it takes at the values anyway.
    """
    if not check_finite and is_kernel_array(X) and has_known_features(X, estimator, reset):
        return X
    options: dict[str, Any] = {
        "dtype": dtypes_for(X),
        "order": "C",
        "accept_sparse": "csr",
        "ensure_all_finite": check_finite,
    }
    # scikit-learn adds up all values to see whether one is not finite; with huge ones that is inf - inf.
    with np.errstate(over="ignore", invalid="ignore"):
        X = check_array(X, **options) if estimator is None else validate_data(estimator, X, reset=reset, **options)
    return as_kernel_array(canonical(X) if issparse(X) else X)


def prepared(
    estimator: Any, backend: Backend, X: Array, weights: Floats | None = None, *, copy_budget: float, n_threads: int
) -> Rows:
    """``backend.prepare``, with scikit-learn's error for X that is not finite."""
    try:
        return backend.prepare(X, weights, copy_budget=copy_budget, n_threads=n_threads)
    except NotFiniteError:
        # scikit-learn adds up all values first; of huge ones and inf that is nan.
        with np.errstate(over="ignore", invalid="ignore"):
            assert_all_finite(X.data if issparse(X) else X, estimator_name=type(estimator).__name__, input_name="X")
        raise


def check_weights(sample_weight: Any, X: Array) -> Floats | None:
    """Weights (n,) in float64: finite, none negative, not all zero; None where all are one."""
    if sample_weight is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        weights: Floats = _check_sample_weight(sample_weight, X, dtype=np.float64)
    least, most = weights.min(), weights.max()
    if least < 0:
        row = int((weights < 0).argmax())
        raise ValueError(f"sample_weight[{row}]={weights[row]} is negative; weights must be >= 0.")
    if most == 0:
        raise ValueError("sample_weight is zero for all samples; at least one weight must be positive.")
    return None if least == most == 1 else weights


def check_enough_rows(X: Array, n_clusters: int) -> None:
    """Refuse more clusters than rows."""
    n = X.shape[0]
    if n < n_clusters:
        raise ValueError(f"n_samples={n} should be >= n_clusters={n_clusters}. Use at most {n} clusters.")


def check_centers(centers: Any, X: Array, n_clusters: int) -> Array:
    """Initial centers (n_clusters, d) in X's dtype, finite; may share memory with what was given."""
    if is_kernel_array(centers) and centers.dtype == X.dtype and bool(np.isfinite(centers).all()):
        checked: Array = centers
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            checked = as_kernel_array(check_array(centers, dtype=X.dtype, order="C"), X.dtype)
    if checked.shape[0] != n_clusters:
        raise ValueError(
            f"The shape of the initial centers {checked.shape} does not match the number of clusters {n_clusters}. "
            "Give one row a cluster."
        )
    if checked.shape[1] != X.shape[1]:
        raise ValueError(
            f"The shape of the initial centers {checked.shape} does not match "
            f"the number of features of the data {X.shape[1]}. Give one column a feature."
        )
    return checked


_spare_states: list[np.random.RandomState] = []


@contextmanager
def lent_rng(random_state: Any, *, is_kept: bool = False) -> Iterator[np.random.RandomState | np.random.Generator]:
    """``check_rng`` for a block of code; unless ``is_kept``, no reference to it may outlive the block.

    To seed a RandomState takes a microsecond, to make one a hundred; so one that was made is used again.
    """
    if is_kept or type(random_state) is not int:
        yield check_rng(random_state)
        return
    try:
        state = _spare_states.pop()
    except IndexError:
        state = np.random.RandomState()
    state.seed(random_state)
    try:
        yield state
    finally:
        _spare_states.append(state)


def check_rng(random_state: Any) -> np.random.RandomState | np.random.Generator:
    """scikit-learn's ``check_random_state``; a numpy Generator is taken as it is."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    return check_random_state(random_state)
