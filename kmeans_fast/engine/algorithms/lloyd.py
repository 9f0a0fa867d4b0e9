"""Every row meets every center, in every step. Source: Lloyd, Least squares quantization in PCM, 1982."""

from __future__ import annotations

import math

import numpy as np

from ...backends.ordered_sums import group_borders
from ...backends.protocol import Array, Backend, Floats, Indices, Labels, Rows
from ..moving_sums import MovingSums, close_up
from ..partials import Partials
from ..slices import group_runs, row_slices, steps_at_once, work_of_call, work_of_row

INEXACT = 1000
"""What an iteration of rows that must be added up anew weighs more than another, where iterations are made at once."""


class Lloyd:
    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        self.backend = backend
        self.rows = rows
        self.labels = labels
        self.n_threads = n_threads
        self.totals = MovingSums(backend, rows, labels, n_threads)
        self.used = "lloyd"
        self.n_left = math.inf

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        self.used = "lloyd"
        if sq_shifts is None or not self.totals.are_near:
            return self.totals.begin(self._nearest_and_sum(centers))
        moved, before = self.totals.room()
        n_changed = 0
        for start, stop in row_slices(0, self.rows.n, work_of_row(self.rows, len(centers))):
            n_new = self.backend.nearest(
                self.rows,
                start,
                stop,
                centers,
                self.labels[start:stop],
                moved[start:stop],
                before[start:stop],
                n_threads=self.n_threads,
            )
            close_up(moved, before, n_changed, start, n_new)
            n_changed += n_new
        return self.totals.follow(n_changed)

    def steps_at_once(self, k: int) -> int:
        """Rows whose order shows in their sums are all added up in each iteration, so they had better be few."""
        work = self.rows.n * k * self.rows.values_per_row
        return steps_at_once(work if self.rows.sums_are_exact else INEXACT * work)

    def run_ahead(self, centers: Array, most: int, sq_shift: float) -> tuple[Array, list[list[float]], Partials]:
        self.used = "lloyd"
        path, steps = room_ahead(centers, most)
        totals = Partials.zeros(*centers.shape)
        n_made = self.backend.iterate(
            self.rows,
            group_borders(self.rows.n, len(centers)),
            path,
            self.labels,
            totals.sum_pairs,
            totals.mass_pairs,
            steps,
            sq_shift,
            n_threads=self.n_threads,
        )
        made = steps[:n_made].tolist()
        totals.n_changed = int(made[-1][0])
        return path, made, self.totals.begin(totals)

    def assign(self, centers: Array) -> None:
        assign(self.backend, self.rows, centers, self.labels, self.n_threads)

    def _nearest_and_sum(self, centers: Array) -> Partials:
        totals = Partials.zeros(*centers.shape)
        work_per_row = work_of_row(self.rows, len(centers))
        for run in group_runs(group_borders(self.rows.n, len(centers)), work_per_row):
            if int(run[-1] - run[0]) * work_per_row > 2 * work_of_call(work_per_row):
                self._step_in_pieces(run, centers, totals)
            else:
                totals.n_changed += self.backend.nearest_and_sum(
                    self.rows,
                    run,
                    centers,
                    self.labels[run[0] : run[-1]],
                    totals.sum_pairs,
                    totals.mass_pairs,
                    n_threads=self.n_threads,
                )
        return totals

    def _step_in_pieces(self, group: Indices, centers: Array, totals: Partials) -> None:
        """One group that is too much work for one call: labels piece by piece, then the sums of the whole group."""
        of_group = slice(int(group[0]), int(group[1]))
        totals.n_changed += assign(self.backend, self.rows, centers, self.labels, self.n_threads, of_group)
        self.backend.sum_by_label(
            self.rows, group, self.labels[of_group], totals.sum_pairs, totals.mass_pairs, n_threads=self.n_threads
        )


def assign(
    backend: Backend, rows: Rows, centers: Array, labels: Labels, n_threads: int, part: slice = slice(None)
) -> int:
    """Write the nearest center of every row, or of those of a part, to labels (n,); return how many changed."""
    n_changed = 0
    first, last, _ = part.indices(rows.n)
    for start, stop in row_slices(first, last, work_of_row(rows, len(centers))):
        n_changed += backend.nearest(rows, start, stop, centers, labels[start:stop], n_threads=n_threads)
    return n_changed


def room_ahead(centers: Array, most: int) -> tuple[Array, Floats]:
    """Centers (most + 1, k, d), of which the first are there, and steps (most, 4) of a kernel that iterates."""
    path = np.empty((most + 1, *centers.shape), centers.dtype)
    path[0] = centers
    return path, np.empty((most, 4))
