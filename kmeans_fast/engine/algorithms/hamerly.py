"""One upper and one lower bound a row: who can't have changed its cluster is not looked at.

Source: Hamerly, Making k-means even faster, 2010. The rows that are left go to the kernel together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...backends.protocol import Array, Backend, Floats, Indices, Labels, Rows
from ..partials import Partials
from ..slices import row_slices, work_of_row
from .lloyd import Lloyd

Bounds = npt.NDArray[np.float32]

LEAST_WORK = 8192
"""Multiply-adds of a row in a step of plain Lloyd: with fewer, moving its bounds costs more than they spare."""

FEW_MOVED = 1 / 40
"""Share of the rows that moved last: with more of them, centers go so far that bounds hold for few rows."""

PAYS = 0.75
"""Share of the rows: with more of them left, bounds are given up for a while."""

FIRST_WAIT = 2
"""Steps without bounds after they did not pay; twice as many each time."""

GROWTH = np.float32(1 + 2.0**-20)
"""Outdoes the rounding of a bound's move, and of the decider for fewer than 2**30 features."""

SHRINKAGE = np.float32(1 - 2.0**-20)


class Hamerly(Lloyd):
    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        super().__init__(backend, rows, labels, n_threads)
        self._upper: Bounds | None = None
        self._lower: Bounds | None = None
        self._wait = FIRST_WAIT
        self._steps_to_wait = 0

    def steps_at_once(self, k: int) -> int:
        return 1

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        if sq_shifts is None or self.totals.share_moved > FEW_MOVED or self._steps_to_wait > 0:
            self._steps_to_wait = max(0, self._steps_to_wait - 1)
            self._upper = self._lower = None
            return super().step(centers, sq_shifts)
        self.used = "hamerly"
        if self._upper is None or self._lower is None:
            self._upper, self._lower = np.zeros((2, self.rows.n), dtype=np.float32)
            return self._follow(centers, np.arange(self.rows.n), self._upper, self._lower)
        left = survivors(self.labels, self._upper, self._lower, shifts_up(sq_shifts, centers.shape[1]))
        if len(left) > PAYS * self.rows.n:
            self._steps_to_wait, self._wait = self._wait, 2 * self._wait
        return self._follow(centers, left, self._upper, self._lower)

    def _follow(self, centers: Array, chosen: Indices, upper: Bounds, lower: Bounds) -> Partials:
        """The totals after the chosen rows (increasing) met the centers; the others stay where they are."""
        moved, old = self.totals.room()
        before = self.labels[chosen]
        for start, stop in row_slices(0, len(chosen), work_of_row(self.rows, len(centers))):
            self.backend.two_nearest(
                self.rows, chosen[start:stop], centers, self.labels, upper, lower, n_threads=self.n_threads
            )
        changed = np.flatnonzero(before != self.labels[chosen])
        moved[: len(changed)] = chosen[changed]
        old[: len(changed)] = before[changed]
        return self.totals.follow(len(changed))


def survivors(labels: Labels, upper: Bounds, lower: Bounds, shifts: Floats) -> Indices:
    """Move the bounds (n,) by what the centers moved, ``shifts`` (k,); the rows that may be nearer to another now."""
    largest = int(shifts.argmax())
    of_others = np.full(len(shifts), shifts[largest])
    of_others[largest] = np.delete(shifts, largest).max(initial=0.0)
    # Bounds that float32 can't hold become inf or nan, which rule nothing out.
    with np.errstate(over="ignore", invalid="ignore"):
        upper += up(shifts)[labels]
        upper *= GROWTH
        lower -= up(of_others)[labels]
        lower *= SHRINKAGE
        return np.flatnonzero(~(upper < lower))


def shifts_up(sq_shifts: Floats, d: int) -> Floats:
    """Distances (k,) from squared ones, rounded up beyond every rounding error of d terms."""
    shifts: Floats = np.sqrt(sq_shifts)
    shifts *= 1 + (d + 4) * 2.0**-52
    return shifts


def up(values: Floats) -> Bounds:
    """float32 that are no less; inf for what it can't hold."""
    with np.errstate(over="ignore"):
        return np.nextafter(values.astype(np.float32), np.float32(np.inf))
