"""A curve through the space of a few features along which neighbours are close; its cells hold about as many rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .protocol import Array, Floats

BUCKETS = 1024
"""Equal steps in which a feature's values are looked up; as KF_BUCKETS in kernels/c/kernels.h."""

BITS = 14
"""Most binary digits of a cell's number: its counters stay in the cache."""

SAMPLE = 2048


@dataclass(frozen=True)
class Curve:
    least: Floats
    """(d,): where the first bucket of a feature begins; values below it belong there too."""
    step: Floats
    """(d,): buckets per unit."""
    bits: npt.NDArray[np.int32]
    """(d, BUCKETS): what a bucket adds to the number of the cell."""
    n_cells: int


def places_on_curve(X: Array) -> Curve:
    """Morton's curve over quantiles of a sample of X (n, d), 1 <= d <= BITS.

    Source: Morton, A computer oriented geodetic data base, 1966.
    """
    n, d = X.shape
    sample = np.sort(X[:: -(-n // SAMPLE)].astype(np.float64), axis=0)
    n_bits = max(1, min(BITS // d, -(-n.bit_length() // d)))
    edge = len(sample) // 200
    least, most = sample[edge], sample[len(sample) - 1 - edge]
    with np.errstate(over="ignore", divide="ignore"):
        step = (BUCKETS - 1) / (most - least)
    step[~np.isfinite(step)] = 0.0
    bits = np.empty((d, BUCKETS), dtype=np.int32)
    spread = spread_bits(n_bits, d)
    for t in range(d):
        buckets = np.clip((sample[:, t] - least[t]) * step[t], 0, BUCKETS - 1).astype(np.int64)
        n_before = np.bincount(buckets, minlength=BUCKETS).cumsum()
        bits[t] = spread[(n_before << n_bits) // (len(sample) + 1)] << t
    return Curve(least, step, bits, 1 << (n_bits * d))


@lru_cache(maxsize=16)
def spread_bits(n_bits: int, d: int) -> npt.NDArray[np.int32]:
    """The binary digits of 0 to 2**n_bits - 1, each followed by d - 1 zeros.

    >>> [bin(value) for value in spread_bits(2, 3)]
    ['0b0', '0b1', '0b1000', '0b1001']
    """
    numbers = np.arange(1 << n_bits, dtype=np.int32)
    spread = np.zeros_like(numbers)
    for bit in range(n_bits):
        spread |= (numbers >> bit & 1) << (bit * d)
    return spread
