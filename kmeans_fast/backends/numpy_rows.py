"""Rows of the NumPy backends: the data, their conditioning, and pieces of them as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .conditioning import Conditioning, allowed_budget, condition
from .csr import csr_arrays
from .protocol import Array, Floats, Indices, take_rows

CHUNK_VALUES = 1 << 21
"""float64 values in the temporaries of one chunk of rows: 16 MB each, at most four of them alive."""


@dataclass
class NumpyRows:
    X: Any
    weights: Floats | None
    conditioning: Conditioning
    shifted: Array | None
    """(n, d): the working copy ``(X - origin) * scale``; None where the budget allows none."""
    copy_budget: float = 0.0
    pass_cost: float = 1.0

    @property
    def n(self) -> int:
        return self.X.shape[0]

    @property
    def d(self) -> int:
        return self.X.shape[1]

    @property
    def may_copy(self) -> bool:
        return self.copy_budget >= 1.0

    @property
    def is_sparse(self) -> bool:
        return not isinstance(self.X, np.ndarray)

    @property
    def values_per_row(self) -> int:
        return max(1, self.X.nnz // self.n) if self.is_sparse else self.d

    @property
    def slowness(self) -> int:
        return 1

    def part(self, rows: slice | Indices) -> Array:
        """These rows as an array (m, d): of a matrix in CSR, no more of it than a chunk."""
        return take_rows(self.X, rows)

    @property
    def data_unit(self) -> float:
        return self.conditioning.data_unit

    @property
    def weight_unit(self) -> float:
        return self.conditioning.weight_unit

    @property
    def origin(self) -> Array:
        return self.conditioning.origin

    @property
    def sq_spread(self) -> float:
        return self.conditioning.sq_spread

    @property
    def largest(self) -> float:
        return self.conditioning.largest

    @property
    def sums_are_exact(self) -> bool:
        return self.conditioning.sums_are_exact

    def release(self) -> None:
        self.shifted = None


def prepare(X: Any, weights: Floats | None = None, *, copy_budget: float = 0.0, n_threads: int = 1) -> NumpyRows:
    is_sparse = not isinstance(X, np.ndarray)
    if is_sparse:
        csr_arrays(X)
    conditioning = condition(X, weights)
    rows = NumpyRows(X, conditioning.weights, conditioning, None)
    if is_sparse:
        return rows
    rows.copy_budget = allowed_budget(X, copy_budget)
    if rows.may_copy:
        shifted = np.empty_like(X)
        for part in chunks(0, rows.n, rows.d):
            shifted[part] = conditioned(X[part], conditioning, X.dtype)
        rows.shifted = shifted
    return rows


def take(rows: NumpyRows, chosen: Indices) -> NumpyRows:
    conditioning = replace(rows.conditioning, weights=None, weight_unit=1.0, sq_spread=math.nan)
    return NumpyRows(rows.X[chosen], None, conditioning, None)


def part_of(
    rows: NumpyRows,
    chosen: Indices,
    weights: Floats | None = None,
    *,
    copy_budget: float = 0.0,
    n_threads: int = 1,
    spent: NumpyRows | None = None,
) -> NumpyRows:
    return prepare(rows.X[chosen], weights, copy_budget=rest_of_budget(copy_budget, rows.n, len(chosen), len(chosen)))


def rest_of_budget(copy_budget: float, n: int, n_copied: int, n_chosen: int) -> float:
    """What is left of a budget for n rows after n_copied of them were copied, for n_chosen ones."""
    return max(0.0, (copy_budget * n - n_copied) / n_chosen)


def chunks(start: int, stop: int, width: int) -> Iterator[slice]:
    """Slices of start:stop whose temporaries of ``width`` values a row stay bounded."""
    step = max(1, CHUNK_VALUES // max(width, 1))
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


def conditioned(values: Array, conditioning: Conditioning, dtype: npt.DTypeLike) -> Array:
    """``(values - origin) * scale`` in dtype, with no overflow for values of X's size."""
    scale = np.asarray(conditioning.scale, dtype=dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        origin = conditioning.origin.astype(dtype) * scale
        result: Array = values.astype(dtype, copy=False) * scale
        result -= origin
        return result
