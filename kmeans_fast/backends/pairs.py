"""Sums that lose no digit, in NumPy: what becomes the high and low parts of pairs (protocol.py)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .protocol import Floats


def exact_bincount(clusters: npt.NDArray[np.intp], terms: Floats, k: int) -> Floats:
    """Sums (3, k) of terms by cluster; their total has an error of 2**-106 times a cluster's largest term at most.

    Each term is cut at two places, the same for all of a cluster, so that sums of what is above are exact in any order.
    Source: Demmel and Nguyen, Fast reproducible floating-point summation, 2013.
    """
    n_carries = len(terms).bit_length()
    largest = np.zeros(k)
    np.maximum.at(largest, clusters, np.abs(terms))
    exponent = np.frexp(largest)[1] + n_carries
    parts = np.zeros((3, k))
    for part in range(2):
        anchor = np.ldexp(1.5, exponent)[clusters]
        above = (terms + anchor) - anchor
        parts[part] = np.bincount(clusters, above, minlength=k)
        terms = terms - above
        exponent += n_carries - 53
    parts[2] = np.bincount(clusters, terms, minlength=k)
    return parts
