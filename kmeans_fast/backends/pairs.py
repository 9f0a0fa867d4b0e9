"""Sums by cluster in NumPy: some that lose no digit and become pairs (ordered_sums.py), and some in a fixed order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .protocol import Floats, Indices


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


def add_runs(values: Floats, first: int, starts: Indices, sums: Floats) -> None:
    """Add up values (m, p) of the points ``first:first + p`` by cluster, into sums (m, k).

    The points of cluster j are ``starts[j]:starts[j + 1]``.

    >>> sums = np.zeros((1, 3))
    >>> add_runs(np.array([[1.0, 2.0, 4.0]]), 1, np.array([0, 2, 2, 9]), sums)
    >>> sums.tolist()
    [[1.0, 0.0, 6.0]]
    """
    borders = np.clip(starts - first, 0, values.shape[1])
    used = np.flatnonzero(borders[1:] > borders[:-1])
    sums[:, used] += np.add.reduceat(values, borders[used], axis=1)
