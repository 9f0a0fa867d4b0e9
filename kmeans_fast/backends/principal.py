"""Principal axes of the rows, from a sample, and how many of them tell rows and centers apart.

Whatever the axes are, the kernel that uses them is right; only its work depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .protocol import PREFIX_STEP, Array, Floats, PrefixPlan

SAMPLE = 2048
"""Rows, or two a feature if that is less: their axes are nearly those of all rows."""

PROBES = 256
"""Rows that are scored to see how many centers few coordinates leave open."""

PAIRED = 128
"""Rows whose products with each other tell how evenly they are spread."""

MOST = 1 / 3
"""Share of the features; if as many axes carry the spread evenly, there is nothing to be gained."""

LARGEST = 1e6
"""Units that a value counts at most: outliers that no sample shows can't overflow."""

BLOCK = 64
"""Rows and columns of a product for which OpenBLAS starts no threads."""

FOUND = 2000.0
"""Multiply-adds in the time that a pair costs which the first coordinates leave open."""

SCORED = 1500.0
"""The same for a pair that all coordinates leave open, beside SCORED_FEATURE a feature."""

SCORED_FEATURE = 6.0

OWN_FEATURE = 20.0
"""The same for a feature of a row: its distance to its own center."""

ITERATIONS = 10
"""Steps that the coordinates of the rows must at least serve, once they are made."""


@dataclass(frozen=True)
class Principal:
    X: Array
    origin: Array
    unit: float
    """Of all values that are computed here: no square overflows."""

    @classmethod
    def of(cls, X: Array, origin: Array) -> Principal:
        some = X[:: -(-len(X) // PAIRED)].astype(np.float64) - origin
        return cls(X, origin, float(np.abs(some).max()) or 1.0)

    def rows(self, n: int) -> Array:
        """(at most n, d) float32: rows in even steps, less ``origin``, in units."""
        return self.moved(self.X[:: -(-len(self.X) // n)])

    def moved(self, vectors: Array) -> Array:
        with np.errstate(over="ignore"):
            moved: Array = (vectors.astype(np.float64) - self.origin) / self.unit
        return moved.clip(-LARGEST, LARGEST).astype(np.float32)

    @cached_property
    def sample(self) -> Array:
        return self.rows(min(SAMPLE, 2 * self.X.shape[1]))

    @cached_property
    def spread_axes(self) -> float:
        """Axes among which the spread could be even: ``tr(C)^2 / tr(C^2)``, of the covariance C."""
        some = self.rows(PAIRED)
        some -= some.mean(axis=0)  # where the origin lies is no spread
        products = product(some, some.T)
        own = np.einsum("ii->i", products).copy()
        np.fill_diagonal(products, 0.0)
        of_pairs = float(np.einsum("ij,ij->", products, products)) / max(1, len(some) * (len(some) - 1))
        return float(own.mean()) ** 2 / of_pairs if of_pairs > 0.0 else 1.0

    @cached_property
    def axes(self) -> Floats:
        """(d, d): orthonormal columns, by falling spread; those of the features where LAPACK finds none."""
        with np.errstate(all="ignore"):  # BLAS on arm64 sets flags that mean nothing: NumPy's issue 28687
            covariance = (self.sample.T @ self.sample).astype(np.float64)
        try:
            axes: Floats = np.linalg.eigh(covariance)[1][:, ::-1]
        except np.linalg.LinAlgError:
            axes = np.eye(len(covariance))
        return axes

    def first_axes(self, p: int, dtype: npt.DTypeLike) -> tuple[Floats, float]:
        """The first p axes (d, p), rounded to dtype, and no less than ``||axes.T @ axes - I||``."""
        axes = np.ascontiguousarray(self.axes[:, :p].astype(dtype), dtype=np.float64)
        defect = float(np.sqrt(np.square(product(axes.T, axes) - np.eye(p)).sum()))
        return axes, defect * (1 + 2.0**-20) + (len(axes) + p) * p * 2.0**-52

    def plan(self, centers: Array, most_work: float) -> PrefixPlan | None:
        """As ``plan_prefix`` in protocol.py."""
        k, d = centers.shape
        widths = [PREFIX_STEP * m for m in (1, 2, 3, 4, 6, 8, 10, 12, 16) if PREFIX_STEP * m <= MOST * d]
        if not widths or self.spread_axes > MOST * d:
            return None
        found = self.n_found(centers, widths)
        per_row = OWN_FEATURE * d
        best, plan = most_work * k * d, None
        for last, p in enumerate(widths):
            for width, n_found in zip(widths[: last + 1], found, strict=False):
                work = k * width + FOUND * n_found + (SCORED + SCORED_FEATURE * d) * found[last]
                work += per_row + d * p / ITERATIONS
                if work < best:
                    best, plan = work, PrefixPlan(width, p)
        return plan

    def n_found(self, centers: Array, widths: list[int]) -> list[float]:
        """Centers (k, d) beside the nearest that the first coordinates leave open to a row, for each of the widths."""
        rows, moved = self.rows(PROBES), self.moved(centers)
        axes = self.axes[:, : widths[-1]].astype(np.float32)
        left_rows, left_centers = (np.einsum("ij,ij->i", values, values) for values in (rows, moved))
        scores = 0.5 * left_centers - product(rows, moved.T)
        limits = scores.min(axis=1, keepdims=True) + np.float32(1e-4) * left_centers.max()
        rows, moved, scores[:] = product(rows, axes), product(moved, axes), 0.5 * left_centers
        found, first = [], 0
        for stop in widths:
            some, others = rows[:, first:stop], moved[:, first:stop]
            scores -= product(some, others.T)
            left_rows = left_rows - np.einsum("ij,ij->i", some, some)
            left_centers = left_centers - np.einsum("ij,ij->i", others, others)
            rest = np.sqrt(np.maximum(left_rows, 0.0))[:, None] * np.sqrt(np.maximum(left_centers, 0.0))
            found.append(float(np.count_nonzero(scores - rest < limits)) / len(rows) - 1.0)
            first = stop
        return found


def product(a: Array, b: Array) -> Array:
    """``a @ b`` in blocks for which BLAS starts no threads: those would stay awake for 20 ms, in the way of ours."""
    out: Array = np.zeros((len(a), b.shape[1]), dtype=a.dtype)
    with np.errstate(all="ignore"):
        for i in range(0, len(a), BLOCK):
            for j in range(0, b.shape[1], BLOCK):
                some = out[i : i + BLOCK, j : j + BLOCK]
                for t in range(0, len(b), BLOCK):
                    some += a[i : i + BLOCK, t : t + BLOCK] @ b[t : t + BLOCK, j : j + BLOCK]
    return out


@dataclass
class NumpyPrefix:
    p: int
    n_met: float = 0.0
    n_found: float = 0.0
    n_scored: float = 0.0
