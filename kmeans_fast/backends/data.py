"""The data of a fit, and what backends learn of them once: the types that kernels are called with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""float32 or float64, as X is."""
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]

PREFIX_STEP = 16
"""Coordinates of a prefix come in as many; as KF_CHECK in kernels/c/kernels.h."""


class NotFiniteError(ValueError):
    """X holds NaN or infinity."""


def take_rows(X: Any, indices: Indices | slice) -> Array:
    """The rows ``indices`` of X (n, d), an array or a matrix in CSR, as an array (m, d)."""
    if isinstance(indices, slice) and not isinstance(X, np.ndarray):
        # SciPy takes slices of CSR in C++, which crashes where there is no memory.
        indices = np.arange(*indices.indices(X.shape[0]))
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
    slowness: int
    """What a multiply-add costs beside one in vectors: 16 where there are none, else 1."""
    data_unit: float
    """A power of two; 1.0 unless max|X| is beyond 2**-480 ... 2**480, and then it brings max|X| to 1, or to 2**480."""
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

    pass_cost: float
    """What the last pass over rows and all centers cost, by counts, beside one that scores all of them in X's dtype."""

    def release(self) -> None:
        """Free the working copies; kernels still work, only slower."""


class Blocks(Protocol):
    """The rows of up to four features in blocks that lie close together, the labels that they have, and what the last
    call of ``nearest_in_blocks`` found out of how long these hold."""

    n_scored: float
    """Pairs of a row and a center that the last call of ``nearest_in_blocks`` scored."""


class Bounds(Protocol):
    """What is known of the distances of all rows to their own centers, and to groups of other ones."""

    n_measured: float
    """Rows whose distance to their own center the last pass of ``nearest_with_bounds`` measured."""
    n_scored: float
    """Pairs of a row and a center that it scored."""


class PrefixPlan(NamedTuple):
    """How many coordinates along the principal axes tell rows and centers apart with the least work."""

    first_p: int
    """Coordinates that each row and center is scored by."""
    p: int
    """Coordinates that are kept, for the pairs that these leave open; both are multiples of PREFIX_STEP."""


class Prefix(Protocol):
    """The first p coordinates of all rows along their principal axes, and the norms of what they leave out.

    It counts, of the last call of ``nearest_by_prefix``, pairs of a row and a center: those scored by the first
    coordinates (``n_met``), that these left open (``n_found``), and that all of them did (``n_scored``).
    """

    p: int
    n_met: float
    n_found: float
    n_scored: float


@dataclass(frozen=True)
class Drift:
    """How far centers moved since the bounds of the rows were right."""

    order: Labels
    """(k,): the centers, those that moved farthest first."""
    shifts: npt.NDArray[np.float32] | None = None
    """(k,): Euclidean, in ``data_unit``, rounded up; None: there are no bounds."""


class Seeds(Protocol):
    """Rows that were picked as first centers, and what they leave to the others."""

    sq_dists: Floats
    """(n,): of each row to the nearest seed, in data_unit**2."""
