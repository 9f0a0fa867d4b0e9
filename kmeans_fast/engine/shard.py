"""Some rows, their labels, and one algorithm's memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..backends.ordered_sums import SUM_BLOCK, group_borders
from ..backends.protocol import Array, Backend, Floats, Indices, Labels, Rows
from .algorithms import ALGORITHMS
from .algorithms.lloyd import assign
from .partials import Partials
from .slices import cache_slices, row_slices, work_of_pair

LEAST_IN_UNITS = 2.0**-900
"""Of an inertia: below it, squared distances may have vanished in the units of the data."""

class Shard:
    """The rows of one run. Squared distances and inertias are in the units of ``rows``."""

    def __init__(self, backend: Backend, rows: Rows, k: int, *, algorithm: str = "lloyd", n_threads: int = 1) -> None:
        self.backend = backend
        self.rows = rows
        self.k = k
        self.n_threads = n_threads
        self.labels: Labels = np.full(rows.n, -1, dtype=np.int32)
        self.algorithm = ALGORITHMS[algorithm].build(backend, rows, self.labels, n_threads)

    @property
    def data_unit(self) -> float:
        return self.rows.data_unit

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        return self.algorithm.step(centers, sq_shifts)

    def assign(self, centers: Array) -> None:
        """Label every row by the nearest center."""
        self.algorithm.assign(centers)

    def sq_dists(self, centers: Array) -> Floats:
        """Squared distance (n,) of each row to the center that its label names."""
        return label_sq_dists(self.backend, self.rows, centers, self.labels, self.n_threads)

    def inertia(self, centers: Array) -> float:
        """Weighted sum of squared distances for the labels as they are."""
        return inertia(self.backend, self.rows, centers, self.labels, self.n_threads)

    def inertia_about(self, centers: Array) -> float:
        """Inertia about centers (k, d) that are not those of the labels; these stay as they are."""
        labels: Labels = np.full(self.rows.n, -1, dtype=np.int32)
        assign(self.backend, self.rows, centers, labels, self.n_threads)
        return inertia(self.backend, self.rows, centers, labels, self.n_threads)

    def added_up(self, totals: Partials) -> Partials:
        """``totals``, or, where their way may have cost a digit, the same from all rows."""
        return self.algorithm.totals.add_up(self.k, totals.n_changed) if totals.is_rounded else totals

    def moved_centers(self, totals: Partials, centers: Array) -> tuple[Array, Floats, tuple[float, float]]:
        """New centers (k, d), none without mass; their squared moves (k,); and what the inertia is made of."""
        new_centers, sq_shifts = np.empty_like(centers), np.empty(len(centers))
        moments = self.backend.move_centers(
            self.rows,
            totals.sum_pairs,
            totals.mass_pairs,
            centers,
            new_centers,
            sq_shifts,
            n_threads=self.n_threads,
        )
        return new_centers, sq_shifts, moments

    def farthest(self, count: int, centers: Array) -> tuple[Floats, Indices]:
        """At most count rows by decreasing squared distance to their center; of equally far ones, the last row first.

        Rows of weight zero, and rows at distance zero, are not among them.
        """
        sq_dists = self.sq_dists(centers)
        if self.rows.weights is not None:
            sq_dists[self.rows.weights == 0] = 0.0
        if count < len(sq_dists):
            least = np.partition(sq_dists, len(sq_dists) - count)[len(sq_dists) - count]
            found = np.flatnonzero(sq_dists >= least)
        else:
            found = np.arange(len(sq_dists))
        # Of ties the last row first: scikit-learn's partition most often does so, and its tests of binning expect it.
        found = found[sq_dists[found] > 0][::-1]
        found = found[np.argsort(-sq_dists[found], kind="stable")][:count]
        return sq_dists[found], found

    def totals_after_moving(self, moved: Indices, clusters: npt.NDArray[np.integer]) -> Partials:
        """Sums and mass if the rows ``moved`` had the labels ``clusters``; the labels stay as they are.

        Added up anew: taking an outlier out of a sum by subtraction would leave its rounding errors behind.
        """
        totals = Partials.zeros(self.k, self.rows.d)
        before = self.labels[moved]
        self.labels[moved] = clusters
        try:
            borders = group_borders(self.rows.n, self.k)
            self.backend.sum_by_label(
                self.rows, borders, self.labels, totals.sum_pairs, totals.mass_pairs, n_threads=self.n_threads
            )
        finally:
            self.labels[moved] = before
        return totals


def label_sq_dists(backend: Backend, rows: Rows, centers: Array, labels: Labels, n_threads: int) -> Floats:
    """Squared distance (n,) of each row to the center that its label names."""
    sq_dists = np.empty(rows.n)
    for start, stop in row_slices(0, rows.n, work_of_pair(rows)):
        part = slice(start, stop)
        backend.label_sq_dists(rows, start, stop, centers, labels[part], sq_dists[part], n_threads=n_threads)
    return sq_dists


def inertia(backend: Backend, rows: Rows, centers: Array, labels: Labels, n_threads: int) -> float:
    """Weighted sum of squared distances of the rows to the centers that labels (n,) name."""
    total = 0.0
    for start, stop in row_slices(0, rows.n, work_of_pair(rows), alignment=SUM_BLOCK):
        total = backend.inertia(rows, start, stop, centers, labels[start:stop], total, n_threads=n_threads)
    return total


def inertia_of_data(in_units: float, rows: Rows, centers: Array, labels: Labels, share: float = 1.0) -> float:
    """``in_data_units``, but measured anew where the unit, set by the largest values, is too large for what counts.

    ``share`` is the metric's: what ``in_units`` has been multiplied by.
    """
    if in_units >= LEAST_IN_UNITS or max(rows.data_unit, rows.weight_unit) <= 1.0:
        return in_data_units(in_units, rows)
    largest = 0.0
    for difference, _ in weighted_differences(rows, centers, labels):
        largest = max(largest, float(np.abs(difference).max(initial=0.0)))
    if largest == 0.0 or math.isinf(largest):
        return in_data_units(in_units, rows)
    exponent, total = math.frexp(largest)[1], 0.0
    for difference, weights in weighted_differences(rows, centers, labels):
        difference = np.ldexp(difference, -exponent)
        total += float(np.einsum("ij,ij->i", difference, difference).dot(weights))
    return times_power(total * share, 2 * exponent + math.frexp(rows.weight_unit)[1] - 1)


def weighted_differences(rows: Rows, centers: Array, labels: Labels) -> Iterator[tuple[Floats, Floats]]:
    """Rows that weigh something less their own centers (m, d), and their weights (m,) in ``weight_unit``."""
    for part in cache_slices(rows.n, rows.d):
        X = rows.X[part].toarray() if rows.is_sparse else rows.X[part]
        weights = np.ones(len(X)) if rows.weights is None else rows.weights[part]
        chosen = weights > 0
        with np.errstate(over="ignore"):
            yield X[chosen].astype(np.float64) - centers[labels[part][chosen]], weights[chosen]


def in_data_units(inertia: float, rows: Rows) -> float:
    """``inertia * data_unit**2 * weight_unit``: what the caller's data and weights give; inf or 0 at the limits."""
    return times_power(inertia, 2 * (math.frexp(rows.data_unit)[1] - 1) + math.frexp(rows.weight_unit)[1] - 1)


def times_power(value: float, exponent: int) -> float:
    """``value * 2**exponent``; inf where that is too large."""
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf
