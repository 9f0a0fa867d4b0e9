"""The one function that settles every doubt about who is nearest, in NumPy; the C twin gives the same bits.

``D(x, c) = sum_t (x_t - c_t)^2`` in float64: eight strided partial sums, each added in order of t, joined as
((p0 + p4) + (p2 + p6)) + ((p1 + p5) + (p3 + p7)), with no fused multiply-add. Relative error at most
gamma_(d+2). Where the least D of a row is outside SAFE, the row is measured anew in units of the power of two
below the least ``max_t |x_t - c_t|``, so that nothing overflows or vanishes.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .ordered_sums import strided_sum
from .protocol import Array, Floats, Labels

SAFE = (2.0**-900, 2.0**1000)


def sq_dists_direct(x: Array, centers: Array, data_unit: float) -> Floats:
    """D of rows (..., d) and centers (..., d), broadcast, in data_unit**2; may overflow to inf or vanish to 0."""
    x, centers = x.astype(np.float64, copy=False), centers.astype(np.float64, copy=False)
    with np.errstate(over="ignore", under="ignore"):
        if data_unit != 1.0:
            x, centers = x / data_unit, centers / data_unit
        difference = x - centers
        return strided_sum(difference * difference)


def is_safe(sq_dists: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Where squared distances neither overflowed nor lost bits to underflow."""
    sq_dists = np.asarray(sq_dists)
    return (sq_dists > SAFE[0]) & (sq_dists < SAFE[1])


def rescaled(x: Array, centers: Array) -> tuple[Floats, int]:
    """D of one row (d,) and centers (m, d) in units of 2**(2 e), and e; exact for any finite input.

    Centers much farther than the nearest may come out as inf.
    """
    x, centers = x.astype(np.float64, copy=False), centers.astype(np.float64, copy=False)
    with np.errstate(over="ignore", under="ignore"):
        difference = x - centers
        halved = 0
        largest = np.abs(difference).max(axis=1).min()
        if math.isinf(largest):
            halved = 1
            difference = 0.5 * x - 0.5 * centers
            largest = np.abs(difference).max(axis=1).min()
        if largest == 0.0:
            return np.where(np.any(difference != 0.0, axis=1), np.inf, 0.0), 0
        exponent = math.frexp(largest)[1] - 1
        half = exponent // 2
        difference = difference * math.ldexp(1.0, -half) * math.ldexp(1.0, half - exponent)
        return strided_sum(difference * difference), exponent + halved


def decide(x: Array, centers: Array, data_unit: float) -> int:
    """Index of the center nearest to the row x (d,), the lower one of equals."""
    sq_dists = sq_dists_direct(x, centers, data_unit)
    if not is_safe(sq_dists.min()):
        sq_dists, _ = rescaled(x, centers)
    return int(sq_dists.argmin())


def decide_rows(x: Array, centers: Array, data_unit: float) -> Labels:
    """``decide`` for each of the rows x (m, d); holds m * k * d values."""
    sq_dists = sq_dists_direct(x[:, None, :], centers[None, :, :], data_unit)
    labels = sq_dists.argmin(axis=1).astype(np.int32)
    for i in np.flatnonzero(~is_safe(sq_dists.min(axis=1))):
        is_same = (centers == x[i]).all(axis=1)
        labels[i] = is_same.argmax() if is_same.any() else decide(x[i], centers, data_unit)
    return labels


def sq_dist_rescaled(x: Array, center: Array, data_unit: float) -> float:
    """D of one row and one center in data_unit**2, through ``rescaled``; inf or 0 where float64 can't hold it."""
    value, exponent = rescaled(x, center[None, :])
    try:
        return math.ldexp(float(value[0]), 2 * (exponent - math.frexp(data_unit)[1] + 1))
    except OverflowError:
        return math.inf


def sq_dists_paired(x: Array, centers: Array, data_unit: float) -> Floats:
    """D of row i and center i, for rows and centers (m, d), in data_unit**2; rescaled where that is needed."""
    sq_dists = sq_dists_direct(x, centers, data_unit)
    unsafe = np.flatnonzero(~is_safe(sq_dists))
    for i in unsafe[(x[unsafe] != centers[unsafe]).any(axis=1)]:
        sq_dists[i] = sq_dist_rescaled(x[i], centers[i], data_unit)
    return sq_dists


def direct_dists(x: Array, centers: Array, data_unit: float) -> Floats:
    """Distances of rows (m, d) and centers (k, d) in data_unit, from direct differences."""
    sq_dists = sq_dists_direct(x[:, None, :], centers[None, :, :], data_unit)
    dists: Floats = np.sqrt(sq_dists)
    row, col = np.nonzero(~is_safe(sq_dists))
    dists[row, col] = dists_paired(x[row], centers[col], data_unit, data_unit)
    return dists


def dists_paired(x: Array, centers: Array, data_unit: float, unit: float) -> Floats:
    """Distance of row i and center i (m, d) in ``unit``, a power of two: right wherever float64 can hold it."""
    sq_dists = sq_dists_direct(x, centers, data_unit)
    unsafe = np.flatnonzero(~is_safe(sq_dists))
    with np.errstate(over="ignore", under="ignore"):
        dists: Floats = np.sqrt(sq_dists) * (data_unit / unit)
        for i in unsafe[(x[unsafe] != centers[unsafe]).any(axis=1)]:
            value, exponent = rescaled(x[i], centers[i][None, :])
            dists[i] = np.ldexp(np.sqrt(value[0]), exponent - (np.frexp(unit)[1] - 1))
    return dists
