"""Every row meets every center, in every step. Source: Lloyd, Least squares quantization in PCM, 1982."""

from __future__ import annotations

from ...backends.ordered_sums import group_borders
from ...backends.protocol import Array, Backend, Floats, Indices, Labels, Rows
from ..moving_sums import MovingSums, close_up
from ..partials import Partials
from ..slices import group_runs, row_slices, work_of_call


class Lloyd:
    runs_ahead = True
    """As in the table."""

    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        self.backend = backend
        self.rows = rows
        self.labels = labels
        self.n_threads = n_threads
        self.totals = MovingSums(backend, rows, labels, n_threads)
        self.used = "lloyd"

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        self.used = "lloyd"
        if sq_shifts is None or not self.totals.are_near:
            return self.totals.begin(self._nearest_and_sum(centers))
        moved, before = self.totals.room()
        n_changed = 0
        for start, stop in row_slices(0, self.rows.n, len(centers) * self.rows.values_per_row):
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

    def assign(self, centers: Array) -> None:
        for start, stop in row_slices(0, self.rows.n, len(centers) * self.rows.values_per_row):
            self.backend.nearest(
                self.rows, start, stop, centers, self.labels[start:stop], n_threads=self.n_threads
            )

    def _nearest_and_sum(self, centers: Array) -> Partials:
        totals = Partials.zeros(*centers.shape)
        work_per_row = len(centers) * self.rows.values_per_row
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
        for start, stop in row_slices(int(group[0]), int(group[1]), len(centers) * self.rows.values_per_row):
            totals.n_changed += self.backend.nearest(
                self.rows, start, stop, centers, self.labels[start:stop], n_threads=self.n_threads
            )
        labels = self.labels[group[0] : group[1]]
        self.backend.sum_by_label(
            self.rows, group, labels, totals.sum_pairs, totals.mass_pairs, n_threads=self.n_threads
        )
