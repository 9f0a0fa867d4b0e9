"""What distances mean: the table METRICS. The engine measures ||x - c||^2; a metric says of what, and what it is worth.

Source of 'cosine': Dhillon and Modha, Concept decompositions for large sparse text data using clustering, 2001.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.ordered_sums import LANES, strided_sum
from ..backends.protocol import Array, Floats
from .slices import cache_slices

ORDINARY = 2.0**400
"""Rows whose largest values lie between its inverse and this need no scale: their squares stay within float64."""

Stored = Callable[[Array, Array], Array]
"""How new centers are kept, given them and the centers before (k, d)."""


def as_they_are(X: Any, name: str = "X") -> Any:
    return X


def unit_rows(X: Any, name: str = "X") -> Any:
    """X (n, d), finite, with each row divided by its norm: in float64, rounded once to X's dtype. Sparse stays sparse.

    Raises ValueError for a row of zeros.
    """
    if not isinstance(X, np.ndarray):
        return unit_csr(X, name)
    unit = np.empty(X.shape, dtype=X.dtype)
    for part in cache_slices(*X.shape):
        values = X[part].astype(np.float64)
        is_zero = normalise(values)
        if is_zero.any():
            raise no_direction(int((~X.any(axis=1)).sum()), part.start + int(is_zero.argmax()), name)
        unit[part] = values
    return unit


def normalise(values: Floats) -> npt.NDArray[np.bool_]:
    """Divide the rows of values (m, d) by their norms, in place; return which (m,) are zero: they stay."""
    sizes = np.abs(values).max(axis=1)
    is_zero: npt.NDArray[np.bool_] = sizes == 0
    if not (sizes.min() > 1 / ORDINARY and sizes.max() < ORDINARY):
        np.ldexp(values, -np.frexp(sizes)[1][:, None], out=values)
    norms = np.sqrt(strided_sum(values * values))
    norms[is_zero] = 1.0
    values /= norms[:, None]
    return is_zero


def unit_csr(X: Any, name: str) -> Any:
    """``unit_rows`` of a matrix in CSR: the same bits."""
    row_of = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    values = X.data[: len(row_of)].astype(np.float64)
    columns = X.indices[: len(row_of)]
    sizes = np.zeros(X.shape[0])
    np.maximum.at(sizes, row_of, np.abs(values))
    is_zero = sizes == 0
    if is_zero.any():
        raise no_direction(int(is_zero.sum()), int(is_zero.argmax()), name)
    if not (sizes.min() > 1 / ORDINARY and sizes.max() < ORDINARY):
        np.ldexp(values, -np.frexp(sizes)[1][row_of], out=values)
    # Zeros add nothing: lane by lane, this is what strided_sum adds up.
    lanes = np.bincount(row_of * LANES + columns % LANES, values * values, minlength=LANES * X.shape[0]).astype(float)
    values /= np.sqrt(strided_sum(lanes.reshape(-1, LANES)))[row_of]
    return type(X)((values.astype(X.dtype), columns, X.indptr), shape=X.shape)


def no_direction(count: int, first: int, name: str) -> ValueError:
    rows = f"{count} rows of zeros, the first of them row {first}" if count > 1 else f"a row of zeros, row {first}"
    return ValueError(
        f"{name} has {rows}: without a direction there is no cosine. Leave such rows out, or use metric='euclidean'."
    )


def on_sphere(new_centers: Array, centers: Array) -> Array:
    """New centers (k, d) brought to norm one, in float64 and rounded once; one that is zero stays where it was."""
    values = new_centers.astype(np.float64)
    is_zero = normalise(values)
    unit: Array = values.astype(new_centers.dtype)
    unit[is_zero] = centers[is_zero]
    return unit


def half_squares(distances: Array) -> Array:
    """Cosine distances from Euclidean ones of vectors of norm one, in place."""
    np.multiply(distances, distances, out=distances)
    distances *= 0.5
    return distances


@dataclass(frozen=True)
class Metric:
    rows: Callable[..., Any]
    """Takes X (n, d) and its name, gives the rows whose ||x - c|| counts."""
    distances: Callable[[Array], Array]
    """Takes Euclidean distances of such rows, gives distances of the metric."""
    share: float
    """Of the inertia by squared Euclidean distances: that of the metric."""
    stored: Stored | None = None
    """How centers are kept, if not as the means that they are."""


METRICS: dict[str, Metric] = {
    "euclidean": Metric(as_they_are, as_they_are, 1.0),
    "cosine": Metric(unit_rows, half_squares, 0.5, on_sphere),
}
