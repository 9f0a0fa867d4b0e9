"""Origin, scale and units: what every backend derives from the data before its first kernel runs.

The fast scores use ``(x - origin) * scale``; the decider, the sums and the answer use the data as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .protocol import Array, Floats

SAMPLE = 129
"""Rows whose median is the origin: enough that no few outliers move it."""

ORDINARY = 480
"""Data with max|X| between 2**-480 and 2**480 need no unit: products with weights down to 1e-60 stay normal."""


@dataclass(frozen=True)
class Conditioning:
    origin: Array
    """(d,) of X's dtype: a robust middle of the data; zeros for a matrix in CSR, whose zeros are not stored."""
    scale: float
    """Power of two that brings max|X| to at most 1, as far as X's dtype can hold it."""
    data_unit: float
    weights: Floats | None
    weight_unit: float


def allowed_budget(X: Any, copy_budget: float) -> float:
    """``copy_budget``, but 0 for data that live in a file: they may be larger than memory."""
    owner: object = X
    while owner is not None:
        if isinstance(owner, np.memmap):
            return 0.0
        owner = getattr(owner, "base", None)
    return copy_budget


def power_of_two_below(value: float, limit: int) -> float:
    """The largest power of two not above value > 0, clamped to 2**-limit ... 2**limit."""
    exponent = math.frexp(value)[1] - 1
    return math.ldexp(1.0, max(-limit, min(limit, exponent)))


def condition(X: Any, weights: Floats | None = None, *, largest: float | None = None) -> Conditioning:
    """Conditioning of finite X (n, d) and finite weights (n,) that are not all zero; makes no copy of X.

    X is an array or a matrix in CSR. ``largest`` is max|X|, where the caller has it.
    """
    n, d = X.shape
    is_sparse = not isinstance(X, np.ndarray)
    if largest is None:
        values = X.data if is_sparse else X
        largest = max(abs(float(values.max(initial=0.0))), abs(float(values.min(initial=0.0))))
    limit = -int(np.finfo(X.dtype).minexp)
    scale = 0.5 / power_of_two_below(largest, limit - 1) if largest else 1.0
    if is_sparse:
        origin = np.zeros(d, dtype=X.dtype)
    else:
        sample = X[:: -(-n // SAMPLE)]
        origin = np.ascontiguousarray(np.partition(sample, len(sample) // 2, axis=0)[len(sample) // 2])
    is_ordinary = largest == 0.0 or 2.0**-ORDINARY <= largest <= 2.0**ORDINARY
    data_unit = 1.0 if is_ordinary else power_of_two_below(largest, 1022)
    if weights is None:
        return Conditioning(origin, scale, data_unit, None, 1.0)
    weight_unit = 2.0 * power_of_two_below(float(weights.max()), 1021)
    return Conditioning(origin, scale, data_unit, weights / weight_unit, weight_unit)
