"""Sums and mass by label that follow the rows as they move from one cluster to another."""

from __future__ import annotations

import math

import numpy as np

from ..backends.ordered_sums import are_rounded, group_borders
from ..backends.protocol import Backend, Floats, Indices, Labels, Rows
from .partials import Partials

FEW = 1 / 12
"""Share of the rows up to which it is cheaper to move those that changed than to add all of them up."""

ROUNDOFF = 2.0**-104
"""Relative error of one addition to a pair, with room."""

TOLERANCE = 2.0**-10
"""Units in the last place of a center, beyond which its error is not let grow."""


class MovingSums:
    """The totals of one run. They are added up anew when many rows moved, and before rounding errors could show."""

    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        self.backend = backend
        self.rows = rows
        self.labels = labels
        self.n_threads = n_threads
        self._totals: Partials | None = None
        self._rounding = np.array([0.0, 2.0 * ROUNDOFF, TOLERANCE * float(np.finfo(rows.X.dtype).eps) / 2])
        self._moved: Indices = np.empty(0, dtype=np.int64)
        self._before: Labels = np.empty(0, dtype=np.int32)

    @property
    def are_near(self) -> bool:
        """Whether so few rows moved last that the next ones are worth following."""
        return self.share_moved <= FEW

    @property
    def share_moved(self) -> float:
        """Of the rows, those that moved last; inf if there are no totals yet."""
        return math.inf if self._totals is None else self._totals.n_changed / self.rows.n

    def forget(self) -> None:
        """The labels are others now."""
        self._totals = None

    def begin(self, totals: Partials) -> Partials:
        """The totals are those of the labels as they are, added up anew."""
        self._totals, self._rounding[0] = totals, 0.0
        return totals

    def add_up(self, k: int, n_changed: int) -> Partials:
        """Totals of the labels as they are, from all rows."""
        totals = Partials.zeros(k, self.rows.d)
        totals.n_changed = n_changed
        self.backend.sum_by_label(
            self.rows,
            group_borders(self.rows.n, k),
            self.labels,
            totals.sum_pairs,
            totals.mass_pairs,
            n_threads=self.n_threads,
        )
        return self.begin(totals)

    def room(self) -> tuple[Indices, Labels]:
        """Where kernels write the rows that change, and their old labels: (n,) each."""
        if len(self._moved) != self.rows.n:
            self._moved = np.empty(self.rows.n, dtype=np.int64)
            self._before = np.empty(self.rows.n, dtype=np.int32)
        return self._moved, self._before

    def follow(self, n_changed: int) -> Partials:
        """Totals after the first n_changed rows of ``room()`` have moved."""
        assert self._totals is not None
        if n_changed > FEW * self.rows.n:
            return self.add_up(len(self._totals.mass), n_changed)
        totals = self._totals.copy()
        totals.n_changed = n_changed
        if n_changed:
            moved, before = self._moved[:n_changed], self._before[:n_changed]
            self.backend.move(
                self.rows,
                moved,
                before,
                self.labels[moved],
                totals.sum_pairs,
                totals.mass_pairs,
                n_threads=self.n_threads,
            )
            totals.is_rounded = not self.rows.sums_are_exact
            if totals.is_rounded and are_rounded(self._rounding, totals.sums, n_changed, self.rows.largest):
                return self.add_up(len(totals.mass), n_changed)
        self._totals = totals
        return totals

    def lend(self) -> tuple[Partials, Floats, int]:
        """For the kernel ``iterate_in_blocks``: a copy of the totals, its ``rounding`` and its ``most_moved``."""
        assert self._totals is not None
        return self._totals.copy(), self._rounding, int(FEW * self.rows.n)

    def take_back(self, totals: Partials, n_changed: int, is_whole: bool) -> Partials:
        """What was lent, after so many labels changed last; unless it is whole, it has to be added up anew."""
        if not is_whole:
            return self.add_up(len(totals.mass), n_changed)
        totals.n_changed, totals.is_rounded = n_changed, not self.rows.sums_are_exact
        self._totals = totals
        return totals


def close_up(moved: Indices, before: Labels, n_earlier: int, start: int, n_new: int) -> None:
    """The n_new rows that a slice wrote from place ``start`` on follow the n_earlier ones of the slices before it."""
    if n_earlier < start:
        moved[n_earlier : n_earlier + n_new] = moved[start : start + n_new]
        before[n_earlier : n_earlier + n_new] = before[start : start + n_new]
