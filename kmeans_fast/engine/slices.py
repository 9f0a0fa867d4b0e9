"""Work cut into pieces of well below a second, so that an interrupt is seen between two kernel calls.

Work is counted in multiply-adds of vectors; without any, one takes ``rows.slowness`` times as long. No slice depends on
the number of threads, for what a pass costs is counted by slices, and algorithms are chosen by that.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..backends.ordered_sums import GROUP_ALIGNMENT
from ..backends.protocol import Indices, Rows

WORK = 2_000_000_000
"""Of one kernel call: on one core about 0.04 s in the widest vectors, 0.25 s in narrow ones."""

ROWS_AT_LEAST = 4096
"""Rows of one kernel call: with fewer, threads wait for each other, and centers are packed too often for them."""

MOST_WORK = 10_000_000_000
"""Of one kernel call of so many rows: beyond it there are fewer rows."""

LITTLE_WORK = 30_000_000
"""Multiply-adds of an iteration, of any width: beside so few, to spare the interpreter is worth more than bounds."""

MOST_STEPS = 16
"""Iterations of one kernel call: beyond, they save little."""

CACHE_VALUES = 1 << 15
"""float64 values that stay in a core's cache: temporaries of this size cost no page faults."""


def cache_slices(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows whose temporaries of ``width`` values a row stay in the cache.

    >>> [(part.start, part.stop) for part in cache_slices(100, 1 << 9)]
    [(0, 64), (64, 100)]
    """
    step = max(1, CACHE_VALUES // max(1, width))
    for first in range(0, n, step):
        yield slice(first, min(first + step, n))


def work_of_row(rows: Rows, k: int) -> int:
    """Of a row that meets k centers."""
    return k * rows.values_per_row * rows.slowness


def work_of_pair(rows: Rows) -> int:
    """Of a row that meets one center, feature by feature, whether it is stored so or not."""
    return rows.d * rows.slowness


def work_of_call(work_per_row: int) -> int:
    """Of one kernel call: WORK, or more where that is few rows.

    >>> work_of_call(100) == WORK, work_of_call(1_000_000) // 1_000_000, work_of_call(10**8) == MOST_WORK
    (True, 4096, True)
    """
    return max(WORK, min(ROWS_AT_LEAST * work_per_row, MOST_WORK))


def steps_at_once(work: int) -> int:
    """Iterations of ``work`` multiply-adds each that one kernel call may make.

    >>> steps_at_once(10**6), steps_at_once(10**9)
    (16, 1)
    """
    return max(1, min(MOST_STEPS, WORK // max(1, work))) if work <= LITTLE_WORK else 1


def row_slices(
    start: int, stop: int, work_per_row: int, work: int | None = None, *, alignment: int = GROUP_ALIGNMENT
) -> Iterator[tuple[int, int]]:
    """start:stop in pieces of at most ``work`` (``work_of_call``), but of at least ``alignment`` rows.

    >>> list(row_slices(0, 200, 10, work=1280))
    [(0, 128), (128, 200)]
    """
    work = work or work_of_call(work_per_row)
    step = max(1, work // max(1, work_per_row) // alignment) * alignment
    for first in range(start, stop, step):
        yield first, min(first + step, stop)


def group_runs(borders: Indices, work_per_row: int, work: int | None = None) -> Iterator[Indices]:
    """Borders of runs of consecutive groups, each of at most ``work`` (``work_of_call``), but of at least one group.

    >>> import numpy as np
    >>> [run.tolist() for run in group_runs(np.array([0, 64, 128, 192]), 10, work=1280)]
    [[0, 64, 128], [128, 192]]
    """
    work = work or work_of_call(work_per_row)
    if int(borders[-1] - borders[0]) * work_per_row <= work:
        yield borders
        return
    first, n_groups = 0, len(borders) - 1
    while first < n_groups:
        last = first + 1
        while last < n_groups and int(borders[last + 1] - borders[first]) * work_per_row <= work:
            last += 1
        yield borders[first : last + 1]
        first = last
