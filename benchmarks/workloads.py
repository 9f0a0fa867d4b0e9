"""The workloads that are compared with other packages, each with the ratio that is wanted.

Made data: ``datasets.noise`` (standard normal), ``blobs`` (64 normal clusters of unit spread, their centers spread by 4
in each feature), ``embedding_like`` (unit rows around 200 topics, variances that fall like 1/t) and ``lattice``
(integers: many ties), with seed 0; random workloads have their numbers for seeds. First centers: different rows, drawn
by ``datasets.distinct_rows`` with seed 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from . import datasets
from .datasets import Array
from .packages import DEFAULT, FIT, SEEDING

TO_CONVERGENCE = 300
"""max_iter of the fits that end when no label changes."""

QUICK_STEP = 20
"""With --quick, one row in so many takes part, and a quarter of the centers."""
QUICK_ROWS = 1000

RANDOM_SEED = 20240607
RANDOM_WORK = 2e10
"""Most multiply-adds of one pass of a random workload."""
RANDOM_ELEMENTS = 5e7
"""Most elements of its X: every package holds a copy."""
RANDOM_ITERATIONS = 5
ROWS_PER_CENTER = 4


@dataclass(frozen=True)
class Workload:
    data: str
    k: int
    wanted: float
    shape: tuple[int, int] | None = None
    """(n, d) of data that is made; None for real data."""
    kind: str = FIT
    max_iter: int = TO_CONVERGENCE
    dtype: str = "float32"
    is_per_iteration: bool = False
    """Whether the ratio that is wanted is one of times per iteration."""
    seed: int = 0
    side: int = 0
    """Integers a feature of a lattice has."""
    step: int = 1
    """One row in so many of real data."""
    group: str = ""

    @property
    def name(self) -> str:
        size = "" if self.shape is None else f"-{self.shape[0]}x{self.shape[1]}"
        dtype = "" if self.dtype == "float32" else f"-{self.dtype}"
        return f"{self.group}{self.data}{size}-k{self.k}{dtype}-{self.job}"

    @property
    def job(self) -> str:
        if self.kind != FIT:
            return self.kind
        return "to-convergence" if self.max_iter == TO_CONVERGENCE else f"{self.max_iter}-iterations"

    def quick(self) -> Workload:
        """The same with fewer rows and centers, to see that it runs."""
        if self.shape is None:
            k = max(2, self.k // 10)
            return replace(self, step=1 if self.data == "digits" else QUICK_STEP, k=k)
        n, d = self.shape
        n = max(min(n, QUICK_ROWS), n // QUICK_STEP)
        return replace(self, shape=(n, d), k=max(2, min(self.k // 4, n // 10)))

    def load(self, data_file: Path | None) -> Array:
        """X (n, d); raises Skipped where a file or a package is missing."""
        if self.data == "file":
            X = datasets.from_file(data_file)
        elif self.shape is None:
            X = datasets.REAL[self.data]()
        else:
            options: dict[str, Any] = {"side": self.side} if self.side else {}
            X = datasets.GENERATORS[self.data](*self.shape, seed=self.seed, **options)
        return np.ascontiguousarray(X[:: self.step], dtype=self.dtype)


ten_iterations = partial(Workload, max_iter=10)
default = partial(Workload, kind=DEFAULT)
seeding = partial(Workload, kind=SEEDING)

WORKLOADS: tuple[Workload, ...] = (
    # Few features.
    ten_iterations("blobs", 64, 15, (200_000, 2)),
    Workload("blobs", 100, 40, (100_000, 2)),
    Workload("china-pixels", 64, 40, is_per_iteration=True),
    Workload("MplsStops", 50, 30),
    Workload("flights-9", 30, 6),
    ten_iterations("noise", 16, 5, (100_000, 16)),
    Workload("blobs", 64, 8, (100_000, 16)),
    # Whole default fits.
    default("blobs", 10, 4, (10_000, 50)),
    default("blobs", 5, 3, (1000, 10)),
    default("digits", 10, 3),
    # More of everything.
    Workload("noise", 256, 4, (50_000, 64)),
    Workload("blobs", 256, 6, (100_000, 128)),
    ten_iterations("noise", 256, 1.8, (100_000, 128)),
    Workload("embedding-like", 256, 1.5, (50_000, 768)),
    Workload("file", 500, 2),
    ten_iterations("noise", 1000, 1.05, (50_000, 768)),
    # float64.
    Workload("noise", 50, 5, (100_000, 20), dtype="float64"),
    ten_iterations("noise", 256, 1.4, (100_000, 128), dtype="float64"),
    # Greedy k-means++ with the same draws.
    seeding("blobs", 1000, 10, (100_000, 16)),
    seeding("blobs", 1000, 20, (200_000, 2)),
    seeding("noise", 1000, 6, (50_000, 64)),
    seeding("embedding-like", 1000, 3.5, (20_000, 768)),
)


def random_workloads(count: int, seed: int = RANDOM_SEED) -> Iterator[Workload]:
    """Workloads of random shape, the same ones every time: the first ``count`` of an endless row.

    n from 1e3 to 3e5, d from 1 to 1024 and k from 2 to 4000, each even in its logarithm, within RANDOM_WORK,
    RANDOM_ELEMENTS and ROWS_PER_CENTER; what exceeds them is drawn again.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        while True:
            n, d, k = (round(float(np.exp(rng.uniform(*np.log(ends))))) for ends in ((1e3, 3e5), (1, 1024), (2, 4000)))
            if n * d * k <= RANDOM_WORK and n * d <= RANDOM_ELEMENTS and n >= ROWS_PER_CENTER * k:
                break
        data = ("noise", "blobs", "lattice")[rng.integers(3)]
        # So many points of the lattice that k different ones are sure to be among the rows.
        side = max(4, int(np.ceil((16 * k) ** (1 / d)))) if data == "lattice" else 0
        group = f"random-{number:02d}-"
        yield Workload(data, k, 1.0, (n, d), FIT, RANDOM_ITERATIONS, seed=number, side=side, group=group)
