"""The table of algorithms: who is nearest, with less work. Every row gives the same labels and centers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy.typing as npt

from ...backends.protocol import Array, Backend, Floats, Labels, Rows
from ..moving_sums import MovingSums
from ..partials import Partials
from ..slices import LITTLE_WORK
from . import groups, prefix
from .boxes import LEAST_ROWS, MOST_FEATURES, Boxes
from .hamerly import LEAST_WORK, Hamerly
from .lloyd import Lloyd
from .prefix import LEAST_CENTERS, LEAST_FEATURES


class Algorithm(Protocol):
    used: str
    """Name of the row of the table whose way the last step went: where another one does not pay, "lloyd"."""
    n_left: float
    """Steps that the run may still take, with the next one: where they are few, bounds may not pay."""

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        """Labels, sums and mass for centers (k, d).

        ``sq_shifts`` (k,) are the squared moves of the centers since the last step; None: forget all bounds.
        """

    def steps_at_once(self, k: int) -> int:
        """How many iterations ``run_ahead`` may make next: one, unless they are little work."""

    def run_ahead(self, centers: Array, most: int, sq_shift: float) -> tuple[Array, list[list[float]], Partials]:
        """Up to ``most`` iterations, until the squared moves are at most ``sq_shift`` or a cluster is empty.

        Returns the centers, the first ones among them; what the kernel says of each iteration, of which the last may
        have moved no center (``iterate``); and the totals of the last.
        """

    def assign(self, centers: Array) -> None:
        """Labels alone, for centers (k, d) that no step will follow."""

    @property
    def totals(self) -> MovingSums:
        """Sums and mass of the labels as they are."""


@dataclass(frozen=True)
class Entry:
    build: Callable[[Backend, Rows, Labels, int], Algorithm]
    """Takes (backend, rows, labels, n_threads); labels (n,) are the algorithm's to write."""
    kernels: tuple[str, ...]
    """The kernels that a backend must have to run it."""


ALGORITHMS: dict[str, Entry] = {
    "lloyd": Entry(Lloyd, ("nearest", "nearest_and_sum", "sum_by_label", "move")),
    "hamerly": Entry(Hamerly, ("nearest", "nearest_and_sum", "sum_by_label", "move", "two_nearest")),
    "groups": Entry(
        groups.build,
        ("nearest", "nearest_and_sum", "sum_by_label", "move", "two_nearest", "make_bounds", "nearest_with_bounds"),
    ),
    "boxes": Entry(
        Boxes,
        (
            "iterate_in_blocks",
            "make_blocks",
            "move",
            "nearest",
            "nearest_and_sum",
            "nearest_in_blocks",
            "sum_by_label",
        ),
    ),
    "prefix": Entry(
        prefix.build,
        (
            "nearest",
            "nearest_and_sum",
            "sum_by_label",
            "move",
            "two_nearest",
            "make_bounds",
            "nearest_with_bounds",
            "plan_prefix",
            "make_prefix",
            "nearest_by_prefix",
        ),
    ),
}


def choose(n: int, d: int, k: int, dtype: npt.DTypeLike, *, is_sparse: bool = False) -> str:
    """The name of the algorithm for n rows of d features (of a matrix in CSR: of d stored values) and k centers.

    By size alone, never by a clock.
    """
    if is_sparse:
        return "hamerly" if k * d >= LEAST_WORK and n >= 4 * k else "lloyd"
    if d <= MOST_FEATURES:
        return "boxes" if n >= LEAST_ROWS[d] and k >= 8 and n >= 16 * k else "lloyd"
    if n < 4 * k or n * k * d <= LITTLE_WORK:
        return "lloyd"
    if k * d >= LEAST_WORK and d >= LEAST_FEATURES and k >= LEAST_CENTERS:
        return "prefix"
    return "groups" if k * d >= groups.LEAST_WORK else "lloyd"
