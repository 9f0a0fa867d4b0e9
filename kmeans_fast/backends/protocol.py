"""What every backend promises to the engine: the kernels, their shapes, dtypes and rules.

A module is a backend (PEP 544 lets a module implement a Protocol). Kernels share these rules:

- ``X`` and ``centers`` are C-contiguous and of one dtype, float32 or float64; centers are (k, d).
- X may be a SciPy matrix in CSR, its columns sorted and none twice. It is never made dense. Labels, sums
  and ``label_sq_dists`` have the bits that the same values in an array would give. The squared distances of seeding,
  and ``label_sq_dists`` of rows with less than one value in 256 columns, agree with these to a relative
  ``(8 m + d + 64) 2**-53`` for rows of m values (``identity_sq_dists`` in csr.py).
- Labels are int32; squared distances, sums and mass are float64.
- Outputs belong to the caller, come last, and cover the rows that the call names; inputs are never written.
- A label is certified: it is what the decider (``decider.py``) would say. Ties go to the lower index.
- The same bits for every ``n_threads``. No random numbers, no global state.

Units. So that neither 1e300 nor 1e-300 is special, sums and squared distances are in powers of two that
``Rows`` states: ``sums`` are sums of ``w * x / data_unit``, ``sq_dists`` are in ``data_unit**2``, and weights and
mass are in ``weight_unit``. All of them are 1.0 on ordinary data (``data_unit`` always is for float32).

Sums and mass are pairs: ``sums[0] + sums[1]`` (2, k, d) holds twice the digits of a float64, and ``sums[0]`` is the
rounded sum. Where ``Rows.sums_are_exact``, no digit is lost, and so neither order nor history can be seen.

Order. Rows are added up in groups (``group_borders`` in ordered_sums.py), groups in order; so no thread count can
change a bit.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .data import (
    PREFIX_STEP as PREFIX_STEP,
    Array as Array,
    Blocks as Blocks,
    Bounds as Bounds,
    Drift as Drift,
    Floats as Floats,
    Indices as Indices,
    Labels as Labels,
    NotFiniteError as NotFiniteError,
    Prefix as Prefix,
    PrefixPlan as PrefixPlan,
    Rows as Rows,
    Seeds as Seeds,
    take_rows as take_rows,
)

KERNELS = (
    "nearest",
    "nearest_and_sum",
    "sum_by_label",
    "move",
    "move_centers",
    "iterate",
    "two_nearest",
    "make_blocks",
    "nearest_in_blocks",
    "iterate_in_blocks",
    "make_bounds",
    "nearest_with_bounds",
    "plan_prefix",
    "make_prefix",
    "nearest_by_prefix",
    "make_seeds",
    "draw_rows",
    "candidate_gains",
    "add_seed",
    "sq_spread",
    "label_sq_dists",
    "inertia",
    "distances",
    "sum_distances",
)


class Backend(Protocol):
    """A set of kernels. m is the number of rows in the slice ``start:stop``, k the number of centers."""

    name: str
    isa: str
    """The instruction set in use; 'numpy' for backends without one."""

    def prepare(self, X: Any, weights: Floats | None = None, *, copy_budget: float = 0.0, n_threads: int = 1) -> Rows:
        """Rows over X (n, d) and the caller's finite, non-negative weights (n,), not all zero.

        X is an array or a matrix in CSR. Working copies take at most ``copy_budget`` times the bytes of X; 0 allows
        none. Raises NotFiniteError.
        """

    def take(self, rows: Rows, chosen: Indices) -> Rows:
        """Rows over ``X[chosen]`` (m, d), m > 0, each of weight one, with the conditioning and data_unit of ``rows``.

        A batch costs little more than its gathering, and all batches of the same rows have the same units.
        """

    def part_of(
        self,
        rows: Rows,
        chosen: Indices,
        weights: Floats | None = None,
        *,
        copy_budget: float = 0.0,
        n_threads: int = 1,
        spent: Any = None,
    ) -> Rows:
        """Rows over a copy of ``X[chosen]`` (m, d), m > 0, and the caller's weights (m,), as by ``prepare``.

        All copies together take at most ``copy_budget`` times the bytes of ``rows.X``, or as much as ``X[chosen]``
        alone. ``spent`` is an earlier part that is no longer used, nor is its X: its memory may be taken over.
        """

    def nearest(
        self,
        rows: Rows,
        start: int,
        stop: int,
        centers: Array,
        labels: Labels,
        moved: Indices | None = None,
        before: Labels | None = None,
        *,
        n_threads: int = 1,
    ) -> int:
        """Write the nearest center of each row to labels (m,); return how many labels changed.

        If given, moved (m,) begins with the rows that changed, in order, and before (m,) with their old labels; what
        follows is undefined.
        """

    def nearest_and_sum(
        self,
        rows: Rows,
        borders: Indices,
        centers: Array,
        labels: Labels,
        sums: Floats,
        mass: Floats,
        *,
        n_threads: int = 1,
    ) -> int:
        """``nearest`` and ``sum_by_label`` in one pass over the rows ``borders[0]:borders[-1]``."""

    def sum_by_label(
        self, rows: Rows, borders: Indices, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
    ) -> None:
        """Add each group's weighted sums and mass by label to ``sums`` (2, k, d) and ``mass`` (2, k), groups in order.

        Inside a group, rows are added in order; ``labels`` (m,) covers ``borders[0]:borders[-1]``.
        """

    def move(
        self,
        rows: Rows,
        moved: Indices,
        before: Labels,
        after: Labels,
        sums: Floats,
        mass: Floats,
        *,
        n_threads: int = 1,
    ) -> None:
        """Take each of the rows ``moved`` (m,) from the sums and mass of cluster ``before`` to those of ``after``."""

    def move_centers(
        self,
        rows: Rows,
        sums: Floats,
        mass: Floats,
        centers: Array,
        new_centers: Array,
        sq_shifts: Floats,
        *,
        n_threads: int = 1,
    ) -> tuple[float, float]:
        """Write the means of the sums to new_centers (k, d), and how far they are from centers (k, d), squared and in
        data_unit**2, to sq_shifts (k,); return what the inertia about ``centers`` is made of. Every cluster has mass.

        That is ``sum_j (c_j - o).(m_j o - S_j)`` and ``sum_j m_j ||c_j - o||^2``, o = ``origin``, in units: by
        ``strided_sum`` over the features, then over j in order. Means are ``quotients``, rounded to X's dtype.
        """

    def iterate(
        self,
        rows: Rows,
        borders: Indices,
        centers: Array,
        labels: Labels,
        sums: Floats,
        mass: Floats,
        steps: Floats,
        sq_shift: float,
        *,
        n_threads: int = 1,
    ) -> int:
        """At most m of Lloyd's iterations over the rows ``borders[0]:borders[-1]``; return how many were made.

        Iteration i is ``nearest_and_sum`` with ``centers[i]`` and ``move_centers`` to ``centers[i + 1]``, of centers
        (m + 1, k, d). To ``steps[i]`` (m, 4) it writes the number of labels that changed, the sum of the squared moves
        over j in order, and the two numbers of ``move_centers``. It is the last if the squared moves are at most
        ``sq_shift``, if neither label nor center changed, or if a cluster has no mass: it then moves no center, and
        ``steps[i, 1]`` is nan. ``sums`` and ``mass`` are overwritten by those of the last.
        """

    def two_nearest(
        self,
        rows: Rows,
        chosen: Indices,
        centers: Array,
        labels: Labels,
        upper: npt.NDArray[np.float32],
        lower: npt.NDArray[np.float32],
        *,
        n_threads: int = 1,
    ) -> int:
        """Update labels, upper, lower (n,) at the rows ``chosen`` (increasing); return how many labels changed.

        ``lower`` comes as a bound for the label that the row has, if it has one; 0 says nothing. A row for which it
        proves that its center is the nearest may keep it.

        ``upper`` is at least the distance to the row's center and ``lower`` at most that to every other
        one (inf if k is 1); Euclidean, in ``data_unit``, rounded outward to float32.
        """

    def make_blocks(self, rows: Rows, labels: Labels, *, n_threads: int = 1) -> Blocks:
        """Blocks of all rows (1 <= d <= 4, data_unit 1), whose labels are (n,); may hold a copy of X."""

    def nearest_in_blocks(
        self,
        rows: Rows,
        blocks: Any,
        centers: Array,
        labels: Labels,
        moved: Indices | None = None,
        before: Labels | None = None,
        *,
        n_threads: int = 1,
    ) -> int:
        """``nearest`` for all rows; labels (n,) are those that ``blocks`` have. ``moved`` is in an order of its own."""

    def iterate_in_blocks(
        self,
        rows: Rows,
        blocks: Any,
        centers: Array,
        labels: Labels,
        moved: Indices,
        before: Labels,
        sums: Floats,
        mass: Floats,
        steps: Floats,
        rounding: Floats,
        sq_shift: float,
        most_moved: int,
        most_scored: float,
        *,
        n_threads: int = 1,
    ) -> int:
        """At most m of Lloyd's iterations over all rows, whose sums and mass follow them; return how many were made.

        Iteration i is ``nearest_in_blocks`` with ``centers[i]``, ``move`` and ``move_centers`` to ``centers[i + 1]``.
        ``steps`` (m, 4) and ``sq_shift`` are those of ``iterate``. It is the last also after more than ``most_scored``
        pairs were scored; and, then without moving a center, if no label changed, if more than ``most_moved`` did, or
        if sums that are not exact may have lost too much: ``sums`` and ``mass`` then have to be added up anew.

        ``rounding`` (3,) are the error of the sums so far, which grows; that of one move, as a share of the largest
        sum; and what is tolerated, as a share of the smallest.
        """

    def make_bounds(self, rows: Rows, centers: Array, *, by_group: bool = True, n_threads: int = 1) -> Bounds:
        """Bounds for k centers, of which nothing is known yet: at most half as many bytes as X and 12 a row.

        Groups are of centers (k, d) that are near each other now; where they go later, bounds hold.

        Without a ``copy_budget`` for a copy, 12 bytes a row. For arrays whose data_unit is 1. The first pass finds a
        bound of each group, or one for all of them, which is less work, and more for rows that move later.
        """

    def nearest_with_bounds(
        self,
        rows: Rows,
        bounds: Any,
        start: int,
        stop: int,
        centers: Array,
        sq_shifts: Floats,
        labels: Labels,
        moved: Indices | None = None,
        before: Labels | None = None,
        *,
        n_threads: int = 1,
    ) -> int:
        """``nearest`` for one slice of a pass over all rows, slices in order.

        labels (m,) are of the last pass; before the first one, any of 0 to k - 1. ``sq_shifts`` (k,)
        are the squared moves of the centers since the last pass, in data_unit**2.
        """

    def plan_prefix(self, rows: Rows, centers: Array, most_work: float = 1.0) -> PrefixPlan | None:
        """What a sample of the rows (data_unit 1) says of centers (k, d).

        None where more than ``most_work`` times the work of ``nearest`` would be left, and for a matrix in CSR.
        """

    def make_prefix(self, rows: Rows, p: int, *, n_threads: int = 1) -> Prefix:
        """Coordinates of all rows of an array (data_unit 1); p <= d is a multiple of PREFIX_STEP."""

    def nearest_by_prefix(
        self,
        rows: Rows,
        prefix: Any,
        first_p: int,
        start: int,
        stop: int,
        centers: Array,
        drift: Drift,
        labels: Labels,
        upper: npt.NDArray[np.float32],
        lower: npt.NDArray[np.float32],
        moved: Indices | None = None,
        before: Labels | None = None,
        *,
        n_threads: int = 1,
    ) -> int:
        """``nearest``, with ``upper`` and ``lower`` (m,) as in ``two_nearest``, which come as the last call left them.

        A row meets the centers that moved so far that its bounds do not rule them out.
        """

    def make_seeds(self, rows: Rows, row: int, sq_dists: Floats, *, n_threads: int = 1) -> Seeds:
        """Seeds of which ``row`` is the first. sq_dists (n,) is theirs from now on: they write to it."""

    def draw_rows(self, rows: Rows, seeds: Any, shares: Floats, drawn: Indices) -> None:
        """Write rows, drawn by weight times squared distance to the nearest seed, to drawn (m,).

        That of share s is the first one of positive weight with which the sum of the terms (``backends/seeds.py``)
        reaches s times their whole; 0 <= s < 1.
        """

    def candidate_gains(
        self, rows: Rows, seeds: Any, candidates: Indices, gains: Indices, *, n_threads: int = 1
    ) -> None:
        """Write by how much each of the rows ``candidates`` (m,) would lower the sum of terms to gains (m,)."""

    def add_seed(self, rows: Rows, seeds: Any, row: int, *, n_threads: int = 1) -> None:
        """``row`` is one more of the seeds: lowers the squared distances to those to it."""

    def sq_spread(self, rows: Rows, center: Array, *, n_threads: int = 1) -> float:
        """Sum of weighted squared distances to center (d,): the ``ordered_sum`` of its n terms."""

    def label_sq_dists(
        self, rows: Rows, start: int, stop: int, centers: Array, labels: Labels, sq_dists: Floats, *, n_threads: int = 1
    ) -> None:
        """Write the decider's value for each row and the center that labels (m,) names to sq_dists (m,)."""

    def inertia(
        self,
        rows: Rows,
        start: int,
        stop: int,
        centers: Array,
        labels: Labels,
        total: float = 0.0,
        *,
        n_threads: int = 1,
    ) -> float:
        """``total`` plus the weighted ``label_sq_dists``, added as by ``ordered_sum``; start is a multiple of 512."""

    def distances(self, rows: Rows, start: int, stop: int, centers: Array, out: Array, *, n_threads: int = 1) -> None:
        """Write Euclidean distances to out (m, k), of X's dtype, in X's own unit.

        From the norm identity, and directly where that would cancel: relative error at most 4 (d + 4) u.
        """

    def sum_distances(
        self,
        rows: Rows,
        start: int,
        stop: int,
        points: Array,
        starts: Indices,
        sums: Floats,
        *,
        n_threads: int = 1,
    ) -> None:
        """Add each row's Euclidean distances to the points of every cluster to sums (m, k), in data_unit.

        points (p, d), p > 0, an array of X's dtype, are sorted by cluster: those of cluster j are
        ``starts[j]:starts[j + 1]``, of starts (k + 1,) from 0 to p. From direct differences in float64, so
        equal rows are at distance 0, with a relative error of at most (d + p + 8) 2**-53 where no distance is below
        2**-500. Of a matrix in CSR by ``distances``, with the error that these have.
        """
