"""Few features: blocks of neighbouring rows, for which centers are dropped or chosen as for one.

The blocks remember for how long that holds while the centers move; so steps that change nothing cost little.
Sources: Pelleg and Moore, Accelerating exact k-means algorithms with geometric reasoning, 1999; Hamerly, Making k-means
even faster, 2010.
"""

from __future__ import annotations

import math

from ...backends.protocol import Array, Backend, Blocks, Floats, Indices, Labels, Rows
from ..partials import Partials
from ..slices import steps_at_once
from .lloyd import Lloyd, room_ahead

LEAST_ROWS = {1: 4096, 2: 16_384, 3: 40_000, 4: 100_000}
"""By the number of features: with fewer rows, the boxes of blocks are so wide that they leave most centers in."""

MOST_FEATURES = max(LEAST_ROWS)

PAYS = 0.45
"""Share of all distances, each of which costs twice as much as Lloyd's: with more of them left, blocks are given up."""

OF_A_PAIR, OF_A_ROW = 4, 3
"""What a pair that is scored costs, and a row beside it, in multiply-adds."""


class Boxes(Lloyd):
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

    def steps_at_once(self, k: int) -> int:
        if not self._is_worth_it:
            return super().steps_at_once(k)
        if self._blocks is None or not self.totals.are_near:
            return 1
        return steps_at_once(int(OF_A_PAIR * self._blocks.n_scored) + OF_A_ROW * self.rows.n)

    def run_ahead(self, centers: Array, most: int, sq_shift: float) -> tuple[Array, list[list[float]], Partials]:
        if not self._is_worth_it:
            return super().run_ahead(centers, most, sq_shift)
        self.used = "boxes"
        path, steps = room_ahead(centers, most)
        totals, rounding, most_moved = self.totals.lend()
        n_made = self.backend.iterate_in_blocks(
            self.rows,
            self._blocks,
            path,
            self.labels,
            *self.totals.room(),
            totals.sum_pairs,
            totals.mass_pairs,
            steps,
            rounding,
            sq_shift,
            most_moved,
            self._most_scored(len(centers)),
            n_threads=self.n_threads,
        )
        self._judge(len(centers))
        made = steps[:n_made].tolist()
        n_changed, moved = int(made[-1][0]), made[-1][1]
        return path, made, self.totals.take_back(totals, n_changed, n_changed == 0 or not math.isnan(moved))

    def assign(self, centers: Array) -> None:
        if self._is_worth_it:
            self._nearest(centers, None, None)
            self.totals.forget()
        else:
            super().assign(centers)

    def _nearest(self, centers: Array, moved: Indices | None, before: Labels | None) -> int:
        if self._blocks is None:
            self._blocks = self.backend.make_blocks(self.rows, self.labels, n_threads=self.n_threads)
        n_changed = self.backend.nearest_in_blocks(
            self.rows, self._blocks, centers, self.labels, moved, before, n_threads=self.n_threads
        )
        self._judge(len(centers))
        return n_changed

    def _most_scored(self, k: int) -> float:
        return PAYS * self.rows.n * k

    def _judge(self, k: int) -> None:
        """Give the blocks up where they leave too many centers in."""
        assert self._blocks is not None
        self._is_worth_it = self._blocks.n_scored <= self._most_scored(k)
