"""Few features: blocks of neighbouring rows, for which centers are dropped or chosen as for one.

The blocks remember for how long that holds while the centers move; so steps that change nothing cost little.
Sources: Pelleg and Moore, Accelerating exact k-means algorithms with geometric reasoning, 1999; Hamerly, Making k-means
even faster, 2010.
"""

from __future__ import annotations

from ...backends.protocol import Array, Backend, Blocks, Floats, Indices, Labels, Rows
from ..partials import Partials
from .lloyd import Lloyd

LEAST_ROWS = {1: 4096, 2: 16_384, 3: 40_000, 4: 100_000}
"""By the number of features: with fewer rows, the boxes of blocks are so wide that they leave most centers in."""

MOST_FEATURES = max(LEAST_ROWS)

PAYS = 0.45
"""Share of all distances, each of which costs twice as much as Lloyd's: with more of them left, blocks are given up."""


class Boxes(Lloyd):
    runs_ahead = False

    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        super().__init__(backend, rows, labels, n_threads)
        self._blocks: Blocks | None = None
        is_possible = rows.d <= MOST_FEATURES and rows.may_copy and rows.data_unit == 1.0
        self._is_worth_it = is_possible and rows.n < 1 << 31

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        if not self._is_worth_it:
            return super().step(centers, sq_shifts)
        self.used = "boxes"
        if sq_shifts is None or not self.totals.are_near:
            return self.totals.add_up(len(centers), self._nearest(centers, None, None))
        return self.totals.follow(self._nearest(centers, *self.totals.room()))

    def assign(self, centers: Array) -> None:
        if self._is_worth_it:
            self._nearest(centers, None, None)
        else:
            super().assign(centers)

    def _nearest(self, centers: Array, moved: Indices | None, before: Labels | None) -> int:
        if self._blocks is None:
            self._blocks = self.backend.make_blocks(self.rows, self.labels, n_threads=self.n_threads)
        n_changed = self.backend.nearest_in_blocks(
            self.rows, self._blocks, centers, self.labels, moved, before, n_threads=self.n_threads
        )
        self._is_worth_it = self._blocks.n_scored <= PAYS * self.rows.n * len(centers)
        return n_changed
