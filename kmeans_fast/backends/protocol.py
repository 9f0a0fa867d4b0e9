"""What every backend promises to the engine: the kernels, their shapes, dtypes and rules.

A module is a backend (PEP 544 lets a module implement a Protocol). Kernels share these rules:

- ``X`` and ``centers`` are C-contiguous and of one dtype, float32 or float64; centers are (k, d).
- X may be a SciPy matrix in CSR, its columns sorted and none twice. It is never made dense. Labels, sums
  and ``label_sq_dists`` have the bits that the same values in an array would give. The squared distances of seeding,
  and ``label_sq_dists`` of rows with less than one value in 256 columns, agree with these to a relative
  ``(8 m + d + 64) 2**-53`` for rows of m values (``identity_sq_dists`` in csr.py).
- Labels are int32; squared distances, sums, mass and potentials are float64.
- Outputs belong to the caller, come last, and cover the rows that the call names; inputs are never written.
- A label is certified: it is what the decider (``decider.py``) would say. Ties go to the lower index.
- The same bits for every ``n_threads``. No random numbers, no global state.

Units. So that neither 1e300 nor 1e-300 is special, sums and squared distances are in powers of two that
``Rows`` states: ``sums`` are sums of ``w * x / data_unit``, ``sq_dists`` are in ``data_unit**2``, and weights and
mass are in ``weight_unit``. All of them are 1.0 on ordinary data (``data_unit`` always is for float32).

Sums and mass are pairs: ``sums[0] + sums[1]`` (2, k, d) holds twice the digits of a float64, and ``sums[0]`` is the
rounded sum. Where ``Rows.sums_are_exact``, no digit is lost, and so neither order nor history can be seen.

Order. Rows are added up in groups (``group_borders``), groups in order; so no thread count can change a bit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""float32 or float64, as X is."""
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]

KERNELS = (
    "nearest",
    "nearest_and_sum",
    "sum_by_label",
    "move",
    "move_centers",
    "two_nearest",
    "make_blocks",
    "nearest_in_blocks",
    "candidate_potentials",
    "lower_sq_dists",
    "label_sq_dists",
    "inertia",
    "distances",
    "sum_distances",
)

GROUP_ALIGNMENT = 64
"""Groups begin on multiples of this many rows, so that a tile of a kernel never spans two groups."""

MAX_GROUPS = 64

ROWS_OF_GROUP = 512
"""Rows that a group has at least, if there are so many: with fewer, adding groups up costs as much as their rows."""

LANES = 8
"""Strided partial sums of ``strided_sum``."""

SUM_BLOCK = 512
"""Values that ``ordered_sum`` adds up before it goes on to the next block."""


@lru_cache(maxsize=64)
def group_borders(n: int, k: int) -> Indices:
    """Borders of the groups in which the rows of an (n, d) array are summed for k centers.

    At most 64 groups, and few enough that each has about 512 rows and four rows a center; group g holds the rows
    ``borders[g]:borders[g + 1]``. It depends on n and k alone.

    >>> group_borders(2000, 250).tolist()
    [0, 1024, 2000]
    """
    n_tiles = -(-n // GROUP_ALIGNMENT)
    n_groups = max(1, min(MAX_GROUPS, n // max(4 * k, ROWS_OF_GROUP)))
    borders = np.arange(n_groups + 1, dtype=np.int64) * n_tiles // n_groups * GROUP_ALIGNMENT
    np.minimum(borders, n, out=borders)
    borders.flags.writeable = False
    return borders


def strided_sum(terms: Floats) -> Floats:
    """Sum over the last axis: eight strided partial sums, each added in order, then joined in one fixed order."""
    *lead, length = terms.shape
    n_whole = length // LANES
    # A reduction over an axis that is not the last adds in order (no pairwise summation).
    p = np.add.reduce(terms[..., : n_whole * LANES].reshape(*lead, n_whole, LANES), axis=-2)
    p[..., : length - n_whole * LANES] += terms[..., n_whole * LANES :]
    return ((p[..., 0] + p[..., 4]) + (p[..., 2] + p[..., 6])) + ((p[..., 1] + p[..., 5]) + (p[..., 3] + p[..., 7]))


def ordered_sum(terms: Floats, total: float = 0.0) -> float:
    """``total`` plus terms (n,): the ``strided_sum`` of each block of 512, blocks in order."""
    n_whole = len(terms) // SUM_BLOCK * SUM_BLOCK
    blocks = strided_sum(terms[:n_whole].reshape(-1, SUM_BLOCK)).tolist()
    if n_whole < len(terms):
        blocks.append(float(strided_sum(terms[n_whole:])))
    for block in blocks:
        total += block
    return total


def add_pairs(pairs: Floats, terms: Floats) -> None:
    """Add terms (m, ...) to pairs (2, ...), and make pairs[0] the rounded sum."""
    high, low = pairs[0].copy(), pairs[1].copy()
    for term in terms:
        total = high + term
        rest = total - high
        low += (high - (total - rest)) + (term - rest)
        high = total
    pairs[0] = high + low
    pairs[1] = low - (pairs[0] - high)


SPLITTER = 2.0**27 + 1
"""Cuts a float64 into two halves of 26 digits (Dekker, A floating-point technique, 1971)."""


def quotients(sums: Floats, mass: Floats, data_unit: float, dtype: npt.DTypeLike) -> Floats:
    """Means (k, d) of pairs of sums (2, k, d) and mass (2, k), in X's own unit, not yet rounded; nan without mass.

    For float64 the rest of the division is added, so that rows that are all alike have just this mean.
    """
    m = np.where(mass[0] == 0, np.nan, mass[0])[:, None]
    means: Floats = sums[0] / m
    if np.dtype(dtype) == np.float64:
        product = m * means
        mass_high, means_high = upper_half(m), upper_half(means)
        mass_low, means_low = m - mass_high, means - means_high
        error = (mass_high * means_high - product) + mass_high * means_low + mass_low * means_high
        error += mass_low * means_low
        rest = ((sums[0] - product) - error) + sums[1]
        means += (rest - mass[1, :, None] * means) / m
    if data_unit != 1.0:
        means *= data_unit
    return means


def upper_half(values: Floats) -> Floats:
    """The leading 26 digits of values."""
    scaled = SPLITTER * values
    halves: Floats = scaled - (scaled - values)
    return halves


class NotFiniteError(ValueError):
    """X holds NaN or infinity."""


def take_rows(X: Any, indices: Indices | slice) -> Array:
    """The rows ``indices`` of X (n, d), an array or a matrix in CSR, as an array (m, d)."""
    taken = X[indices]
    rows: Array = taken if isinstance(taken, np.ndarray) else taken.toarray()
    return rows


class Rows(Protocol):
    """The data, and everything that a backend derives from them once."""

    X: Any
    """(n, d), as given: an array, or a matrix in CSR."""
    weights: Floats | None
    """(n,) in units of ``weight_unit``, the largest in [0.5, 1); None means that all are one."""
    n: int
    d: int
    may_copy: bool
    """Whether the budget allows a copy of X; never for a matrix in CSR."""
    is_sparse: bool
    """Whether X is a matrix in CSR."""
    values_per_row: int
    """Stored values of a row: d, or the mean number in a matrix in CSR; at least 1."""
    data_unit: float
    """A power of two; 1.0 unless max|X| is beyond 2**-480 ... 2**480."""
    weight_unit: float
    """A power of two; the caller's weights were ``weights * weight_unit``."""
    origin: Array
    """(d,) of X's dtype: a robust middle of the data."""
    sq_spread: float
    """Sum of ``||x - origin||**2``, in data_unit**2; nan where it isn't known (weights, or a unit)."""
    largest: float
    """No less than any ``|w * x| / data_unit``."""
    sums_are_exact: bool
    """Whether pairs hold every digit of any sum of rows."""

    def release(self) -> None:
        """Free the working copies; kernels still work, only slower."""


class Blocks(Protocol):
    """The rows of up to four features in blocks that lie close together, and the labels that they have."""

    n_scored: float
    """Pairs of a row and a center that the last call of ``nearest_in_blocks`` scored."""


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

    def candidate_potentials(
        self, rows: Rows, sq_dists: Floats | None, candidates: Array, potentials: Floats, *, n_threads: int = 1
    ) -> None:
        """Write ``sum_i w_i min(sq_dists_i, ||x_i - candidate||^2)`` for each candidate (m, d) to potentials (m,).

        Each is the ``ordered_sum`` of its n terms. No ``sq_dists`` are as many inf.
        """

    def lower_sq_dists(self, rows: Rows, center: Array, sq_dists: Floats, *, n_threads: int = 1) -> None:
        """Lower sq_dists (n,) to the squared distances to center (d,) where those are less."""

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
