"""Origin, scale and units: what every backend derives from the data before its first kernel runs.

The fast scores use ``(x - origin) * scale``; the decider, the sums and the answer use the data as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .ordered_sums import SUM_BLOCK, ordered_sum
from .protocol import Array, Floats, NotFiniteError

SAMPLE = 129
"""Rows whose median is the origin: enough that no few outliers move it."""

CHUNK_VALUES = 1 << 18
"""Values that are looked at together: few enough to stay in the cache."""

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
    largest: float
    sq_spread: float
    sums_are_exact: bool
    n_digits: int
    """Binary digits that hold every value of X, from the first of the largest to ``last_digit``, an exponent of two."""
    last_digit: int


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


class Survey(NamedTuple):
    """What one look at all values of X gives."""

    largest: float
    """Of the absolute values; inf or nan where not all of them are finite."""
    smallest: float
    """Of those that are not zero; inf if there are none."""
    sq_spread: float
    """``ordered_sum`` of all ``(X - origin)**2``, row after row."""


def survey(X: Array, origin: Array) -> Survey:
    largest, smallest, sq_spread = 0.0, math.inf, 0.0
    # Whole rows that hold whole blocks of ordered_sum.
    step = SUM_BLOCK * max(1, CHUNK_VALUES // (SUM_BLOCK * X.shape[1]))
    for first in range(0, len(X), step):
        values = X[first : first + step]
        magnitudes = np.abs(values)
        if not np.isfinite(magnitudes).all():
            return Survey(math.inf, smallest, math.nan)
        largest = max(largest, float(magnitudes.max()))
        smallest = float(np.min(magnitudes, where=magnitudes > 0, initial=smallest))
        with np.errstate(over="ignore"):
            differences = (values.astype(np.float64) - origin).ravel()
            sq_spread = ordered_sum(differences * differences, sq_spread)
    return Survey(largest, smallest, sq_spread)


def digits_of(largest: float, smallest: float, dtype: npt.DTypeLike) -> tuple[int, int]:
    """How many binary digits hold every value between smallest and largest, and the exponent of the last of them."""
    if largest == 0.0:
        return 0, 0
    last_digit = math.frexp(smallest)[1] - np.finfo(dtype).nmant - 1
    return math.frexp(largest)[1] - last_digit, last_digit


def pairs_hold_all_digits(n_digits: int, n: int) -> bool:
    """Whether a pair of float64 holds any sum of n values of n_digits without rounding.

    All sums are multiples of the last digit and less than n times the largest value. The low part adds up at most n
    errors, each less than the last digit of such a sum: 2 log2 n digits more than 2 * 53 must do.
    """
    return n_digits + 2 * n.bit_length() + 2 <= 2 * 53


def middle(X: Array) -> Array:
    """(d,): the median of a sample of the rows."""
    sample = X[:: -(-len(X) // SAMPLE)]
    return np.ascontiguousarray(np.partition(sample, len(sample) // 2, axis=0)[len(sample) // 2])


Surveyor = Callable[[Array, Array], tuple[float, float, float]]


def condition(X: Any, weights: Floats | None = None, *, look: Surveyor = survey) -> Conditioning:
    """Conditioning of X (n, d) and finite weights (n,) that are not all zero; makes no copy of X.

    X is an array or a matrix in CSR, whose zeros stay zeros: its origin is zero. ``look`` is a faster ``survey``, where
    the caller has one. Raises NotFiniteError if X is not finite.
    """
    n, d = X.shape
    if isinstance(X, np.ndarray):
        origin = middle(X)
        largest, smallest, sq_spread = look(X, origin)
    else:
        values = X.data[: int(X.indptr[-1])].reshape(-1, 1)
        origin = np.zeros(d, dtype=X.dtype)
        largest, smallest, sq_spread = look(values, origin[:1]) if len(values) else (0.0, math.inf, 0.0)
    if not math.isfinite(largest):
        raise NotFiniteError("X contains NaN or infinity; only finite values can be clustered.")
    limit = -int(np.finfo(X.dtype).minexp)
    scale = 0.5 / power_of_two_below(largest, limit - 1) if largest else 1.0
    is_ordinary = largest == 0.0 or 2.0**-ORDINARY <= largest <= 2.0**ORDINARY
    data_unit = 1.0 if is_ordinary else power_of_two_below(largest, 1022)
    if data_unit > 1.0:
        data_unit = math.ldexp(data_unit, -ORDINARY)  # no larger than need be: small values vanish in a large one
    weight_unit = 1.0
    if weights is not None:
        weight_unit = 2.0 * power_of_two_below(float(weights.max()), 1021)
        weights = weights / weight_unit
    is_plain = is_ordinary and weights is None
    n_digits, last_digit = digits_of(largest, smallest, X.dtype)
    return Conditioning(
        origin=origin,
        scale=scale,
        data_unit=data_unit,
        weights=weights,
        weight_unit=weight_unit,
        largest=largest / data_unit,
        sq_spread=sq_spread if is_plain else math.nan,
        sums_are_exact=is_plain and pairs_hold_all_digits(n_digits, n),
        n_digits=n_digits,
        last_digit=last_digit,
    )
