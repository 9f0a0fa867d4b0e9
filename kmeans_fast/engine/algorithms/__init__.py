"""The table of algorithms: who is nearest, with less work. Every row gives the same labels and centers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy.typing as npt

from ...backends.protocol import Array, Backend, Floats, Labels, Rows
from ..partials import Partials
from .lloyd import Lloyd


class Algorithm(Protocol):
    def step(self, centers: Array, shifts: Floats | None) -> Partials:
        """Labels, sums and mass for centers (k, d).

        ``shifts`` (k,) says how far each center moved since the last step, rounded up; None: forget all bounds.
        """


@dataclass(frozen=True)
class Entry:
    build: Callable[[Backend, Rows, Labels, int], Algorithm]
    """Takes (backend, rows, labels, n_threads); labels (n,) are the algorithm's to write."""
    kernels: tuple[str, ...]
    """The kernels that a backend must have to run it."""


ALGORITHMS: dict[str, Entry] = {
    "lloyd": Entry(Lloyd, ("nearest", "nearest_and_sum", "sum_by_label")),
}


def choose(n: int, d: int, k: int, dtype: npt.DTypeLike) -> str:
    """The name of the algorithm for n rows of d features and k centers; by size alone, never by a clock."""
    return "lloyd"
