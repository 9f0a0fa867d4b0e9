"""The inertia of an iteration from its sums, with a bound of its error; and the variance of the data.

With S_j and m_j the sum and mass of cluster j about an origin, and Q the weighted spread about it,
``inertia = Q - 2 sum_j c_j.S_j + sum_j m_j ||c_j||^2``. Q needs one pass over the rows, once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backends.ordered_sums import SUM_BLOCK
from ..backends.protocol import Array, Floats
from .loop import Iteration
from .partials import Partials
from .shard import Shard
from .slices import cache_slices

PRECISION = 1e-9
"""Relative error at which an inertia from sums gives way to a direct pass."""


class Spread:
    """How far the rows of a shard lie from their origin; in units."""

    def __init__(self, shard: Shard, totals: Partials) -> None:
        """``totals`` are the Partials of any step: all that is read is where the mean lies."""
        rows = shard.rows
        self.rows = rows
        mean = totals.sums.sum(axis=0) / totals.mass.sum()
        self.origin: Floats = rows.origin.astype(np.float64) / rows.data_unit
        self.offset = math.sqrt(float(totals.mass.sum()) * float(self.origin.dot(self.origin)))
        """Root of the mass times the squared distance of the origin from zero."""
        self.sq_spread = rows.sq_spread
        if math.isnan(self.sq_spread):
            self.sq_spread = shard.backend.sq_spread(rows, rows.origin, n_threads=shard.n_threads)
        self.is_precise = True
        """Whether the last inertia needed no pass over the rows."""
        self.mean_variance = math.nan
        # About a zero origin, an offset would cancel.
        if rows.weights is None and not rows.is_sparse:
            offset = mean - self.origin
            self.mean_variance = max(0.0, self.sq_spread / rows.n - float(offset.dot(offset))) / rows.d

    def inertia(self, shard: Shard, iteration: Iteration) -> float:
        """Inertia of the rows about the centers that they were assigned to."""
        if iteration.moments is not None:
            from_sums, from_means = iteration.moments
        else:
            assert iteration.totals is not None
            from_sums, from_means = self._moments(iteration.centers, iteration.totals)
        value, bound = self._inertia_and_bound(len(iteration.centers), from_sums, from_means)
        self.is_precise = bound <= PRECISION * value
        if self.is_precise:
            return value
        has_labels = iteration.totals is not None
        return shard.inertia(iteration.centers) if has_labels else shard.inertia_about(iteration.centers)

    def _moments(self, centers: Array, totals: Partials) -> tuple[float, float]:
        """What ``move_centers`` gives, where some cluster has no mass and so no new center."""
        from_sums = from_means = 0.0
        for part in cache_slices(*centers.shape):
            about = centers[part].astype(np.float64) / self.rows.data_unit - self.origin
            moments = totals.mass[part, None] * self.origin - totals.sums[part]
            # Squares of centers that no row joined may overflow: a direct pass then gives the inertia.
            with np.errstate(over="ignore", invalid="ignore"):
                from_sums += float(np.einsum("ij,ij->", about, moments))
                from_means += float(np.einsum("ij,ij->i", about, about).dot(totals.mass[part]))
        return from_sums, from_means

    def _inertia_and_bound(self, k: int, from_sums: float, from_means: float) -> tuple[float, float]:
        """By Cauchy and Schwarz, with R^2 = sum m ||c||^2 and M = sum m, all terms that are added up have absolute
        values of ``Q + 2 R sqrt Q + R^2`` together at most, and each is off by at most gamma_(terms). But S_j comes as
        ``m_j origin`` less a sum: three roundings, of values that add up to ``R sqrt M ||origin||`` with ||c||.
        """
        value = self.sq_spread + 2 * from_sums + from_means
        n_terms = self.rows.n * self.rows.values_per_row // SUM_BLOCK + 2 * self.rows.d + k
        spread, radius = math.sqrt(self.sq_spread), math.sqrt(from_means)
        absolute = self.sq_spread + 2 * radius * spread + from_means
        return value, ((n_terms + 100) * absolute + 16 * radius * self.offset) * 2.0**-53 * 1.01


def mean_variance(X: Any, data_unit: float) -> float:
    """``np.mean(np.var(X, axis=0))`` of X (n, d) in ``data_unit**2``: unweighted, in float64, in chunks."""
    n, d = X.shape
    if not isinstance(X, np.ndarray):
        return csr_mean_variance(X, data_unit)
    step = max(1, (1 << 17) // d)
    mean = np.zeros(d)
    for start in range(0, n, step):
        mean += np.add.reduce(in_units(X[start : start + step], data_unit), axis=0)
    mean /= n
    total = 0.0
    for start in range(0, n, step):
        part = in_units(X[start : start + step], data_unit) - mean
        total += float(np.vdot(part, part))
    return total / n / d


def csr_mean_variance(X: Any, data_unit: float) -> float:
    """``mean_variance`` of a matrix in CSR, from its stored values and how many there are of a column."""
    n, d = X.shape
    parts = [slice(start, start + max(1 << 17, d)) for start in range(0, len(X.data), max(1 << 17, d))]
    mean, counts, total = np.zeros(d), np.zeros(d, dtype=np.int64), 0.0
    for part in parts:
        mean += np.bincount(X.indices[part], in_units(X.data[part], data_unit), minlength=d)
        counts += np.bincount(X.indices[part], minlength=d)
    mean /= n
    for part in parts:
        values = in_units(X.data[part], data_unit) - mean[X.indices[part]]
        total += float(np.vdot(values, values))
    return (total + float(((n - counts) * mean).dot(mean))) / n / d


def in_units(X: Array, data_unit: float) -> Floats:
    """X in float64 and in ``data_unit``."""
    values: Floats = X.astype(np.float64, copy=False)
    return values if data_unit == 1.0 else values / data_unit
