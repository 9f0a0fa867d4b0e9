"""A tree of clusters: the worst leaf is split in two, again and again; a row descends to the nearer branch.

Source: Steinbach, Karypis and Kumar, A comparison of document clustering techniques, 2000.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.ordered_sums import group_borders, ordered_sum
from ..backends.protocol import Array, Backend, Floats, Indices, Labels, Rows
from .algorithms.lloyd import assign
from .loop import Iteration, iterate, settle
from .partials import Partials
from .shard import Shard, in_data_units

BETTER = 1 - 1e-6
"""A later run of a split wins if its inertia is below this share of the best."""

PIECE_VALUES = 1 << 20
"""Values of X that ``descend`` copies at a time."""


@dataclass(eq=False)
class Node:
    """A cluster: a leaf of the tree, or split in two."""

    center: Array
    """(d,)"""
    indices: Indices | None
    """Rows of a leaf, increasing, while the tree grows."""
    score: float
    """The larger, the sooner the leaf is split."""
    n_drawable: int
    """Rows of positive weight."""
    label: int = -1
    """Of a leaf: its place from left to right in the grown tree."""
    left: Node | None = None
    right: Node | None = None

    @property
    def branches(self) -> tuple[Node, Node] | None:
        """None for a leaf."""
        return None if self.left is None or self.right is None else (self.left, self.right)

    def iter_leaves(self) -> Iterator[Node]:
        """Leaves from left to right."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node.branches is None:
                yield node
            else:
                waiting.extend(reversed(node.branches))

    def __reduce__(self) -> tuple[Callable[..., Node], tuple[list[tuple[Any, ...]]]]:
        """As a flat list, for a tree may be deeper than pickle can recurse."""
        entries, waiting = [], [self]
        while waiting:
            node = waiting.pop()
            is_leaf = node.branches is None
            entries.append((is_leaf, node.center, node.indices, node.score, node.n_drawable, node.label))
            waiting.extend(reversed(node.branches or ()))
        return from_entries, (entries,)


def from_entries(entries: list[tuple[Any, ...]]) -> Node:
    """The tree whose nodes, each before its branches, the entries describe."""
    finished: list[Node] = []
    for is_leaf, *values in reversed(entries):
        node = Node(*values)
        if not is_leaf:
            node.left, node.right = finished.pop(), finished.pop()
        finished.append(node)
    return finished.pop()


@dataclass
class Split:
    """Two centers, and who joined which."""

    centers: Array
    """(2, d)"""
    labels: Labels
    inertias: tuple[float, float]
    """Of both sides, in units of the rows; nan where nobody asked."""


@dataclass
class Splitter:
    """How rows are split in two: what all splits of a tree share."""

    backend: Backend
    first_centers: Callable[[Rows], Array]
    """Gives the centers (2, d) from which a run begins, by new draws in each call."""
    n_init: int = 1
    max_iter: int = 300
    tol: float = 1e-4
    """A run ends when the summed squared moves of the centers, in the data's own unit, are at most this."""
    by_inertia: bool = True
    """Whether the leaf of largest inertia is split next, or that of most rows."""
    algorithm: str = "lloyd"
    n_threads: int = 1
    keeps_rows: bool = False
    """Whether ``first_centers`` may keep the X of the rows that it is given."""
    say: Callable[[str], None] | None = None

    def split(self, rows: Rows) -> Split:
        """The best of n_init runs."""
        best = self._run(rows)
        for _ in range(self.n_init - 1):
            other = self._run(rows)
            if sum(other.inertias) < sum(best.inertias) * BETTER:
                best = other
        if self.say:
            self.say(f"New centroids from bisection: {best.centers}")
        return best

    def _run(self, rows: Rows) -> Split:
        shard = Shard(self.backend, rows, 2, algorithm=self.algorithm, n_threads=self.n_threads)
        threshold = self.tol / rows.data_unit / rows.data_unit
        enough = None if self.say else threshold
        for step in iterate(shard, self.first_centers(rows), self.max_iter, enough=lambda: enough):
            is_near = step.is_within(threshold)
            if self.say:
                self._tell(self.say, shard, step, is_near)
            if step.is_settled or is_near:
                break
        centers = settle(shard, step)
        inertias = (math.nan, math.nan)
        if self.by_inertia or self.n_init > 1:
            inertias = side_inertias(shard, centers)
        return Split(centers, shard.labels, inertias)

    def _tell(self, say: Callable[[str], None], shard: Shard, step: Iteration, is_near: bool) -> None:
        before = step.n_iter - 1
        say(f"Iteration {before}, inertia {in_data_units(shard.inertia(step.centers), shard.rows)}.")
        if step.is_settled:
            say(f"Converged at iteration {before}: strict convergence.")
        elif is_near:
            moved = step.sq_shift * shard.data_unit * shard.data_unit
            say(f"Converged at iteration {before}: center shift {moved} within tolerance {self.tol}.")


def side_inertias(shard: Shard, centers: Array) -> tuple[float, float]:
    """Inertia of the rows of label 0, and of label 1; in units."""
    terms = shard.sq_dists(centers)
    if shard.rows.weights is not None:
        terms *= shard.rows.weights
    left, right = (ordered_sum(terms.compress(is_here)) for is_here in masks(shard.labels))
    return left, right


def masks(labels: Labels) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Where labels (n,) are 0, and where 1."""
    is_right = labels.astype(bool)
    return ~is_right, is_right


class Growth:
    """A tree that grows over prepared rows and the caller's weights (n,) of them."""

    def __init__(self, rows: Rows, weights: Floats | None, splitter: Splitter) -> None:
        self.rows = rows
        self.weights = weights
        self.splitter = splitter
        everything = np.arange(rows.n)
        center = mean(splitter.backend, rows, splitter.n_threads)
        self.root = Node(center, everything, 0.0, self._n_drawable(everything))
        # The rows of the leaf that was split last, in memory for most_rows of them.
        self._part: Rows | None = None
        self._most_rows = 0

    def grow(self, k: int, copy_budget: float = 0.0) -> Node:
        """The root of the tree with k leaves, of which one after the other is split.

        A split holds a copy of the rows of its leaf; with the backend's working copies it takes at most
        ``copy_budget`` times the bytes of X, or as much as the copy of a leaf alone.
        """
        leaves = [self.root]
        while len(leaves) < k:
            place = next_to_split(leaves)
            leaf = leaves[place]
            leaves[place : place + 1] = self._split(leaf, copy_budget)
        self._release()
        for label, leaf in enumerate(leaves):
            leaf.label = label
        return self.root

    def _split(self, leaf: Node, copy_budget: float) -> tuple[Node, Node]:
        part = self._rows_of(leaf, copy_budget)
        return self._branches(leaf, part, self.splitter.split(part))

    def _rows_of(self, leaf: Node, copy_budget: float) -> Rows:
        assert leaf.indices is not None
        if leaf is self.root:
            return self.rows
        # Memory that is too small, or that someone else may still read, is of no use.
        n_rows = leaf.indices.shape[0]
        if self._part is None or self._most_rows < n_rows or self.splitter.keeps_rows:
            self._release()
            self._most_rows = n_rows
        self._part = self.splitter.backend.part_of(
            self.rows,
            leaf.indices,
            self._weights_at(leaf.indices),
            copy_budget=copy_budget,
            n_threads=self.splitter.n_threads,
            spent=self._part,
        )
        return self._part

    def _release(self) -> None:
        """Free what splits took beside X."""
        self.rows.release()
        if self._part is not None:
            self._part.release()
        self._part = None

    def _branches(self, leaf: Node, part: Rows, split: Split) -> tuple[Node, Node]:
        """The branches of a leaf, which it loses its rows to."""
        assert leaf.indices is not None
        # Units are powers of two: scores of all splits are compared in those of the root, where none overflows.
        unit = part.data_unit / self.rows.data_unit
        unit *= unit * part.weight_unit / self.rows.weight_unit
        sides = []
        for side, is_here in enumerate(masks(split.labels)):
            indices = leaf.indices.compress(is_here)
            score = split.inertias[side] * unit if self.splitter.by_inertia else float(indices.shape[0])
            sides.append(Node(split.centers[side], indices, score, self._n_drawable(indices)))
        leaf.left, leaf.right = sides
        leaf.indices = None
        return leaf.left, leaf.right

    def _weights_at(self, indices: Indices) -> Floats | None:
        return None if self.weights is None else self.weights[indices]

    def _n_drawable(self, indices: Indices) -> int:
        weights = self._weights_at(indices)
        return indices.shape[0] if weights is None else int(np.count_nonzero(weights))


def next_to_split(leaves: list[Node]) -> int:
    """Place of the first leaf of the largest score; one of fewer than two rows that count only if there is no other."""
    places = [i for i, leaf in enumerate(leaves) if leaf.n_drawable > 1]
    places = places or [i for i, leaf in enumerate(leaves) if leaf.n_drawable > 0]
    return max(places, key=lambda i: leaves[i].score)


def mean(backend: Backend, rows: Rows, n_threads: int) -> Array:
    """Weighted mean (d,) of the rows, in X's dtype."""
    totals, labels = Partials.zeros(1, rows.d), np.zeros(rows.n, dtype=np.int32)
    borders = group_borders(rows.n, 1)
    backend.sum_by_label(rows, borders, labels, totals.sum_pairs, totals.mass_pairs, n_threads=n_threads)
    return totals.means(rows.data_unit, rows.X.dtype)[0]


def descend(backend: Backend, rows: Rows, root: Node, n_threads: int = 1) -> Labels:
    """Label (n,) of the leaf that each of the rows reaches; rows are copied in pieces of fixed size only."""
    labels = np.empty(rows.n, dtype=np.int32)
    if root.branches is None:
        labels[:] = root.label
        return labels
    sides = np.zeros(rows.n, dtype=np.int32)
    assign(backend, rows, branch_centers(root.branches, rows), sides, n_threads)
    waiting = [(node, np.flatnonzero(sides == side)) for side, node in enumerate(root.branches)]
    while waiting:
        node, indices = waiting.pop()
        if node.branches is None:
            labels[indices] = node.label
            continue
        centers, sides = branch_centers(node.branches, rows), np.zeros(indices.shape[0], dtype=np.int32)
        step = max(1, PIECE_VALUES // rows.d)
        for first in range(0, indices.shape[0], step):
            piece = slice(first, first + step)
            part = backend.take(rows, indices[piece])
            assign(backend, part, centers, sides[piece], n_threads)
        waiting += [(branch, indices[sides == side]) for side, branch in enumerate(node.branches)]
    return labels


def branch_centers(branches: tuple[Node, Node], rows: Rows) -> Array:
    """Centers (2, d) of the two branches, in the dtype of the rows."""
    return np.stack([branch.center for branch in branches]).astype(rows.X.dtype, copy=False)
