"""Rows and their labels: what every criterion is a function of, with what they share computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .._threads import resolve_n_threads
from .._validation import check_X
from ..backends import get_backend
from ..backends.ordered_sums import group_borders, quotients
from ..backends.protocol import Array, Backend, Floats, Indices, Labels, Rows
from ..engine.shard import label_sq_dists
from ..engine.slices import group_runs, work_of_pair


@dataclass
class Partition:
    """Rows, and for each one of k clusters, none of which is empty."""

    backend: Backend
    rows: Rows
    labels: Labels
    k: int
    n_threads: int

    @staticmethod
    def of(backend: Backend, rows: Rows, labels: Any, n_threads: int) -> Partition:
        """With labels (n,) of any kind, renamed to 0 ... k - 1 in their order."""
        codes, k = renamed(labels)
        return Partition(backend, rows, codes, k, n_threads)

    @cached_property
    def sizes(self) -> Indices:
        """Rows of each cluster (k,)."""
        return np.bincount(self.labels, minlength=self.k)

    @cached_property
    def is_alone(self) -> npt.NDArray[np.bool_]:
        """Whether each row (n,) is the only one of its cluster."""
        alone = self.sizes == 1
        return alone[self.labels] if alone.any() else np.zeros(len(self.labels), dtype=bool)

    @cached_property
    def means(self) -> Floats:
        """Means of the clusters (k, d), in data_unit."""
        sums, mass = np.zeros((2, self.k, self.rows.d)), np.zeros((2, self.k))
        for run in group_runs(group_borders(self.rows.n, self.k), work_of_pair(self.rows)):
            some = self.labels[run[0] : run[-1]]
            self.backend.sum_by_label(self.rows, run, some, sums, mass, n_threads=self.n_threads)
        return quotients(sums, mass, 1.0, np.float64)

    @cached_property
    def centers(self) -> Array:
        """The means as the kernels take them: of X's dtype, in its own unit."""
        dtype: np.dtype[Any] = self.rows.X.dtype
        return np.ascontiguousarray(self.means * self.rows.data_unit, dtype=dtype)

    @cached_property
    def sq_dists(self) -> Floats:
        """Squared distance (n,) of each row to its own mean, in data_unit**2."""
        return label_sq_dists(self.backend, self.rows, self.centers, self.labels, self.n_threads)

    @cached_property
    def dispersion(self) -> float:
        """Sum of the squared distances of the rows to their own means, in data_unit**2."""
        return float(self.sq_dists.sum())

    def taken(self, chosen: Indices) -> Partition:
        """The partition of the rows ``chosen`` alone; clusters that lost all rows are gone."""
        rows = self.backend.take(self.rows, np.asarray(chosen, dtype=np.int64))
        return Partition.of(self.backend, rows, self.labels[chosen], self.n_threads)


def partition(X: Any, labels: Any, *, n_threads: int | None = None, backend: str | Backend = "auto") -> Partition:
    """The partition that a criterion is called with: labels are those of the rows, or a fitted estimator."""
    X = check_X(X)
    found = labels_of(labels, X)
    chosen, threads = backend_and_threads(n_threads, backend)
    return Partition.of(chosen, chosen.prepare(X, n_threads=threads), found, threads)


def backend_and_threads(n_threads: int | None, backend: str | Backend) -> tuple[Backend, int]:
    chosen = get_backend(backend) if isinstance(backend, str) else backend
    return chosen, resolve_n_threads(n_threads, chosen)


def labels_of(labels: Any, X: Array) -> Any:
    """Labels (n,) from an array of them, or from an estimator that was fitted on X."""
    n = X.shape[0]
    if isinstance(labels, type):
        raise TypeError(f"labels is the class {labels.__name__}; pass a fitted estimator of it, or an array of labels.")
    name = "labels"
    if hasattr(labels, "fit"):
        name = f"{type(labels).__name__}.labels_"
        if hasattr(labels, "labels_"):
            labels = labels.labels_
        elif hasattr(labels, "cluster_centers_") and hasattr(labels, "predict"):
            labels = labels.predict(X)
        else:
            raise ValueError(
                f"this {type(labels).__name__} has no labels_: it is not fitted, or clusters no rows. "
                "Call its fit first, or pass an array of labels."
            )
    found = np.asarray(labels)
    if found.shape != (n,):
        raise ValueError(
            f"{name} has shape {found.shape}, expected ({n},): one label for each row of X. "
            "Pass the rows that were labelled, or the labels that predict(X) gives."
        )
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise ValueError(f"{name} holds NaN or infinity; give each row a label.")
    return found


def renamed(labels: Any) -> tuple[Labels, int]:
    """Labels as int32 from 0 to k - 1, in the order of their names, and k."""
    labels = np.asarray(labels)
    if labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() <= max(len(labels), 1024):
        is_used = np.bincount(labels) > 0
        k = int(np.count_nonzero(is_used))
        if k == len(is_used):
            return labels.astype(np.int32), k
        return (np.cumsum(is_used) - 1).astype(np.int32)[labels], k
    names, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int32), len(names)


def check_cluster_count(part: Partition, criterion: str) -> None:
    """Refuse what no silhouette or ratio is defined for."""
    n = part.rows.n
    if not 2 <= part.k <= n - 1:
        raise ValueError(
            f"Number of labels is {part.k}, and the {criterion} needs 2 to n_samples - 1 ({n - 1}). "
            "Use labels of at least two clusters, and of fewer clusters than rows."
        )
