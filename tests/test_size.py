"""More values, and more rows, than 32 bits can count: files that are nearly all holes, of which only ends hold numbers.

``pytest -m big tests/test_size.py tests/test_numerics_table.py`` runs these, and 36 million rows in memory.
"""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from exact import undecided_labels

from kmeans_fast import KMeans
from kmeans_fast.backends import get_backend
from kmeans_fast.engine.algorithms import ALGORITHMS, choose

pytestmark = pytest.mark.big

LIMIT = 2**31


@contextmanager
def holes(path: Path, shape: tuple[int, int]) -> Iterator[np.memmap]:
    """float32 zeros that take no room on the disk."""
    X = np.memmap(path, dtype=np.float32, mode="w+", shape=shape)
    assert path.stat().st_blocks * 512 < 2**20, "this file system has no sparse files"
    yield X
    del X
    os.remove(path)


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "boxes"])
def test_a_fit_of_more_than_2_to_the_31_values_copies_none(algorithm: str, tmp_path: Path) -> None:
    n, d = 2**22 + 5, 520
    rng = np.random.default_rng(0)
    with holes(tmp_path / "X", (n, d)) as X:
        assert X.size > LIMIT
        marked = np.unique(np.concatenate([np.arange(0, n, 2**16), np.arange(n - 300, n)]))
        X[marked] = np.where(marked % 2, 50, -50)[:, None] + rng.standard_normal((len(marked), d))
        init = np.stack([np.zeros(d), X[marked[1]], X[marked[-2]]]).astype(np.float32)
        assert (init[1] < 0).all() != (init[2] < 0).all(), "the marked rows are all of one kind"
        tracemalloc.start()
        model = KMeans(3, init=init, max_iter=2, tol=0, algorithm=algorithm).fit(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < X.nbytes / 20, f"{peak / 1e9:.1f} GB were allocated"
        np.testing.assert_array_equal(np.bincount(model.labels_), counts_of(model.labels_[marked], n))
        assert undecided_labels(np.asarray(X[marked]), model.cluster_centers_, model.labels_[marked]) == 0
        for j in (1, 2):
            rows = X[marked[model.labels_[marked] == j]].astype(np.float64)
            np.testing.assert_allclose(model.cluster_centers_[j], rows.mean(axis=0), rtol=1e-6)
        assert (model.cluster_centers_[0] == 0).all()
        differences = X[marked].astype(np.float64) - model.cluster_centers_[model.labels_[marked]]
        assert model.inertia_ == pytest.approx(np.square(differences).sum(), rel=1e-9)
        np.testing.assert_array_equal(model.predict(X[n - 300 :]), model.labels_[n - 300 :])


def counts_of(labels: np.ndarray, n: int) -> np.ndarray:
    """How many of n rows have each of three labels, if those that are not marked are all of cluster 0."""
    counts = np.bincount(labels, minlength=3)
    counts[0] += n - len(labels)
    return counts


def test_kernels_reach_rows_beyond_2_to_the_31(tmp_path: Path) -> None:
    """Far rows give the bits that the same rows give alone; blocks, whose order has 32 bits, are refused."""
    n, first, stop = LIMIT + 1000, LIMIT - 300, LIMIT + 700
    rng = np.random.default_rng(0)
    backend, centers = get_backend("compiled"), np.float32([[-1.0], [0.25], [1.0], [3.0]])
    with holes(tmp_path / "X", (n, 1)) as X:
        X[first:stop] = rng.standard_normal((stop - first, 1)) + 1
        far, near = backend.prepare(X), backend.prepare(np.array(X[first:stop]))
        assert far.n == n and choose(n, 1, 8, np.float32) == "boxes"
        found = []
        for rows, start in ((far, first), (near, 0)):
            m = stop - first
            end, borders = start + m, np.array([start, start + 512, start + m])
            labels, sq_dists = np.full(m, -1, np.int32), np.empty(m)
            n_changed = backend.nearest(rows, start, end, centers, labels, n_threads=2)
            backend.label_sq_dists(rows, start, end, centers, labels, sq_dists)
            sums, mass, dists = np.zeros((2, 4, 1)), np.zeros((2, 4)), np.empty((m, 4), np.float32)
            again = np.full(m, -1, np.int32)
            backend.nearest_and_sum(rows, borders, centers, again, sums, mass, n_threads=2)
            backend.distances(rows, start, end, centers, dists)
            # Pages that nobody writes cost nothing.
            all_labels, bounds = np.zeros(rows.n, np.int32), np.zeros((2, rows.n), np.float32)
            chosen = np.arange(start, end, 3)
            backend.two_nearest(rows, chosen, centers, all_labels, *bounds, n_threads=2)
            moved = chosen[labels[chosen - start] == 1]
            to = np.full(len(moved), 2, np.int32)
            sums_before = sums.copy()
            backend.move(rows, moved, np.ones(len(moved), np.int32), to, sums, mass)
            parts = [labels, again, sq_dists, sums_before, sums, mass, all_labels[chosen]]
            found.append(([part.tobytes() for part in parts], n_changed, dists, bounds[:, chosen]))
        assert found[0][:2] == found[1][:2]
        for ours, theirs in zip(found[0][2:], found[1][2:], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        assert undecided_labels(near.X, centers, labels) == 0 and np.unique(labels).size == 4
        with pytest.raises(ValueError, match="blocks"):
            backend.make_blocks(far, all_labels)
