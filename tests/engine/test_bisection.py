"""The tree: which leaf is split, what a split gives, who descends where."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hostile import CASES
from tables import every_case

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine import bisection
from kmeans_fast.engine.bisection import Growth, Node, Split, Splitter, descend, next_to_split
from kmeans_fast.engine.seeding import seed

every_backend = pytest.mark.parametrize("name", BACKENDS)
NOISE = np.random.default_rng(0).standard_normal((300, 4))


def splitter_of(name: str, random_state: int = 0, **options: Any) -> Splitter:
    backend, rng = get_backend(name), np.random.RandomState(random_state)
    return Splitter(backend, lambda rows: seed("random", backend, rows, 2, rng), **options)


def grown(name: str, X: np.ndarray, k: int, weights: np.ndarray | None = None, **options: Any) -> Node:
    splitter = splitter_of(name, **options)
    return Growth(splitter.backend.prepare(X, weights), weights, splitter).grow(k)


def leaf(score: float, n_drawable: int = 2) -> Node:
    return Node(np.zeros(1), np.arange(n_drawable), score, n_drawable)


def right_leaves(X: np.ndarray, root: Node) -> np.ndarray:
    """Labels (n,) by descent in long double, row by row."""
    labels = np.empty(len(X), dtype=np.int32)
    for i, x in enumerate(X.astype(np.longdouble)):
        node = root
        while node.branches is not None:
            left, right = (((x - branch.center) ** 2).sum() for branch in node.branches)
            node = node.branches[int(right < left)]
        labels[i] = node.label
    return labels


# ---- which leaf -----------------------------------------------------------------------------------------------


def test_the_first_leaf_of_the_largest_score_is_split() -> None:
    assert next_to_split([leaf(1.0), leaf(3.0), leaf(3.0), leaf(2.0)]) == 1


def test_a_single_row_is_split_only_if_there_is_nothing_else() -> None:
    assert next_to_split([leaf(9.0, 1), leaf(0.0, 2), leaf(9.0, 0)]) == 1
    assert next_to_split([leaf(9.0, 0), leaf(1.0, 1), leaf(2.0, 1)]) == 2


@every_backend
def test_scores_are_inertias_or_counts(name: str) -> None:
    X = NOISE[:80]
    weights = np.random.default_rng(1).random(80) * 3
    for root, is_weighted in [(grown(name, X, 4), False), (grown(name, X, 4, weights), True)]:
        for node in root.iter_leaves():
            w = weights[node.indices] if is_weighted else 1.0
            unit = get_backend(name).prepare(X, weights if is_weighted else None).weight_unit
            inertia = (w * ((X[node.indices] - node.center) ** 2).sum(axis=1)).sum()
            assert node.score * unit == pytest.approx(inertia, rel=1e-12)
    counts = [node.score for node in grown(name, X, 4, by_inertia=False).iter_leaves()]
    assert sum(counts) == 80 and all(count == int(count) for count in counts)


# ---- the tree -------------------------------------------------------------------------------------------------


@every_backend
def test_leaves_are_a_partition_whose_labels_run_from_left_to_right(name: str) -> None:
    X = NOISE[:90]
    leaves = list(grown(name, X, 7).iter_leaves())
    assert [node.label for node in leaves] == list(range(7))
    assert sorted(np.concatenate([node.indices for node in leaves])) == list(range(90))
    for node in leaves:
        np.testing.assert_allclose(node.center, X[node.indices].mean(axis=0), atol=0.1)


def test_a_tree_of_one_leaf_has_the_weighted_mean() -> None:
    weights = np.random.default_rng(1).random(300)
    root = grown("compiled", NOISE, 1, weights)
    np.testing.assert_allclose(root.center, np.average(NOISE, axis=0, weights=weights), rtol=1e-12, atol=1e-15)
    assert root.branches is None and root.label == 0


@every_backend
def test_every_backend_grows_the_same_tree(name: str) -> None:
    ours, reference = (list(grown(n, NOISE[:120], 6).iter_leaves()) for n in (name, "identity"))
    for node, expected in zip(ours, reference, strict=True):
        np.testing.assert_array_equal(node.center, expected.center)
        np.testing.assert_array_equal(node.indices, expected.indices)
        assert node.score == expected.score


@pytest.mark.parametrize("copy_budget", [0.0, 1.0, 1.5, 4.0])
def test_copies_stay_in_the_budget_and_their_memory_is_used_again(copy_budget: float) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((5000, 8))
    X[:1000] += 1000 + 100 * np.eye(8)[rng.integers(0, 4, 1000)]
    rows = get_backend("compiled").prepare(X, copy_budget=copy_budget)
    seen: list[tuple[int, int, int, int]] = []

    class Watched(Splitter):
        def split(self, part: Any) -> Split:
            split = super().split(part)
            if part is not rows:
                memory = part.X.base
                seen.append((part.n, memory.nbytes, part.n_copied_bytes, memory.ctypes.data))
            return split

    plain = splitter_of("compiled")
    splitter = Watched(plain.backend, plain.first_centers)
    Growth(rows, None, splitter).grow(10, copy_budget)
    n_rows, n_bytes, n_copied, places = map(list, zip(*seen, strict=True))
    largest = n_rows.index(max(n_rows))
    assert largest > 1, "the first leaf was the largest"
    assert len(set(places[:largest])) == len(set(places[largest:])) == 1
    for i, (n, taken, copied) in enumerate(zip(n_rows, n_bytes, n_copied, strict=True)):
        assert taken == max(n_rows[: i + 1]) * 8 * X.itemsize >= n * 8 * X.itemsize
        assert copied == 0 or taken + copied <= copy_budget * X.nbytes
    assert any(n_copied) == (copy_budget >= 1.0)


@every_case
def test_rows_reach_the_leaf_that_their_branch_says_on_hostile_data(case: Any, dtype: str) -> None:
    X, _, weights = case.build(dtype, 200)
    root = grown("compiled", X, 5, weights)
    backend = get_backend("compiled")
    labels = descend(backend, backend.prepare(X), root)
    for node in root.iter_leaves():
        assert (labels[node.indices] == node.label).all()
    assert len(CASES) > 10, "the hostile cases were not found"


@every_backend
def test_descent_is_right_row_by_row(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisection, "PIECE_VALUES", 40)
    root = grown(name, NOISE[:100], 8)
    fresh = np.random.default_rng(5).standard_normal((150, 4)) * 3
    backend = get_backend(name)
    np.testing.assert_array_equal(descend(backend, backend.prepare(fresh), root), right_leaves(fresh, root))


def test_a_branch_that_no_row_reaches_is_no_trouble() -> None:
    root = grown("compiled", NOISE, 8)
    backend = get_backend("compiled")
    for X in (NOISE[:1], NOISE[:2] * 50):
        labels = descend(backend, backend.prepare(X), root)
        np.testing.assert_array_equal(labels, right_leaves(X, root))


def test_a_tree_deeper_than_python_recurses_is_read_and_pickled() -> None:
    root = node = Node(np.zeros(1), None, 0.0, 1)
    for i in range(3000):
        node.left, node.right = Node(np.zeros(1), None, 0.0, 1, i), Node(np.ones(1), None, 0.0, 1)
        node = node.right
    node.label = 3000
    for tree in (root, pickle.loads(pickle.dumps(root)), copy.deepcopy(root)):
        assert [leaf.label for leaf in tree.iter_leaves()] == list(range(3001))


# ---- a split --------------------------------------------------------------------------------------------------


def test_the_best_run_of_a_split_wins_and_a_barely_better_one_does_not() -> None:
    X = np.array([[0.0, 0.0], [0.0, 1.0], [4.0, 0.0], [4.0, 1.0]])
    starts = [X[[0, 1]], X[[0, 2]], X[[2, 0]]]

    def split(order: list[int]) -> np.ndarray:
        remaining = iter([starts[i] for i in order])
        splitter = Splitter(get_backend("identity"), lambda rows: next(remaining), n_init=len(order))
        return splitter.split(splitter.backend.prepare(X)).labels

    assert split([0]).tolist() == [0, 1, 0, 1]
    assert split([0, 1]).tolist() == split([1, 0]).tolist() == split([0, 1, 2]).tolist() == [0, 0, 1, 1]
    assert split([2, 1]).tolist() == [1, 1, 0, 0]


def test_the_tolerance_is_in_the_unit_of_the_data() -> None:
    X = np.random.default_rng(3).standard_normal((500, 2))
    counts = []
    for scale in (2.0**-3, 1.0, 2.0**500):
        said: list[str] = []
        splitter = splitter_of("compiled", tol=1e-3 * scale * scale, say=said.append)
        splitter.split(splitter.backend.prepare(X * scale))
        counts.append(sum(line.startswith("Iteration") for line in said))
        assert "center shift" in said[-2] and float(said[-2].split()[6]) <= 1e-3 * scale * scale
    assert len(set(counts)) == 1 and counts[0] > 2


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600])
def test_scores_of_extreme_data_neither_overflow_nor_vanish(scale: float) -> None:
    plain, scaled = (grown("compiled", NOISE * s, 6, tol=0.0) for s in (1.0, scale))
    for node, expected in zip(scaled.iter_leaves(), plain.iter_leaves(), strict=True):
        np.testing.assert_array_equal(node.indices, expected.indices)
        assert 0 < node.score < np.inf
