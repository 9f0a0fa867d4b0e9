"""Blocks drop centers, and are given up where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from tables import Row, every_isa

from kmeans_fast.backends import get_backend
from kmeans_fast.backends.compiled import Compiled
from kmeans_fast.backends.ordered_sums import group_borders
from kmeans_fast.engine.algorithms.boxes import Boxes
from kmeans_fast.engine.algorithms.lloyd import Lloyd
from kmeans_fast.engine.loop import finish, iterate
from kmeans_fast.engine.shard import Shard

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
KINDS = ("noise", "blobs", "lattice", "repeats", "far away", "tiny")


def data_of(kind: str, n: int, d: int) -> np.ndarray:
    rng = np.random.default_rng([n, d])
    noise = rng.standard_normal((n, d))
    if kind == "blobs":
        return noise + 8 * rng.standard_normal((12, d))[rng.integers(12, size=n)]
    if kind == "lattice":
        side = 60 // d**2 + 2
        return rng.integers(-side, side, (n, d)).astype(float)
    if kind == "repeats":
        return noise[rng.integers(n // 20, size=n)]
    return {"noise": noise, "far away": 100 + 0.01 * noise, "tiny": 1e-30 * noise}[kind]


def trace(algorithm: str, X: np.ndarray, weights: np.ndarray | None, init: np.ndarray, n_threads: int) -> list[bytes]:
    """Everything that can be seen of a run until no label changes."""
    backend = get_backend("compiled")
    rows = backend.prepare(X, weights, copy_budget=1.5, n_threads=n_threads)
    shard, seen = Shard(backend, rows, len(init), algorithm=algorithm, n_threads=n_threads), []
    for step in iterate(shard, init.copy(), 300):
        if algorithm == "boxes":
            shard.algorithm._is_worth_it = True
        seen += [shard.labels.copy(), step.new_centers, step.totals.mass.copy(), step.totals.n_changed, step.n_filled]
        if step.is_settled:
            break
    seen += finish(shard, step)
    return [np.asarray(value).tobytes() for value in seen]


def walk(centers: np.ndarray, X: np.ndarray, n_steps: int) -> list[np.ndarray]:
    """Centers that creep, one that jumps, some that come back, and other numbers of them."""
    rng = np.random.default_rng(len(X))
    size, seen = X.std(axis=0), [centers]
    for step in range(n_steps):
        centers = seen[-1].copy()
        if step % 7 == 3:
            centers[rng.integers(len(centers))] += (rng.standard_normal(X.shape[1]) * size).astype(X.dtype)
        elif step % 7 == 5:
            centers = seen[rng.integers(len(seen))]
        elif step % 11 == 9:
            centers = X[rng.choice(len(X), rng.integers(1, 80))]
        else:
            moves = rng.standard_normal(centers.shape) * size * 10.0 ** rng.uniform(-7, -1)
            centers += moves.astype(X.dtype) * (rng.random((len(centers), 1)) < 0.3)
        seen.append(centers)
    return seen


def stepped(X: np.ndarray, k: int, n_steps: int) -> Boxes:
    backend = get_backend("compiled")
    rows = backend.prepare(X, copy_budget=1.0)
    boxes = Boxes(backend, rows, np.full(len(X), -1, np.int32), 1)
    centers, shifts = X[:k].copy(), None
    for _ in range(n_steps):
        totals = boxes.step(centers, shifts)
        centers, shifts = totals.means(1.0, X.dtype), np.ones(k)
    return boxes


def test_most_centers_are_dropped_where_blocks_are_small() -> None:
    X = np.random.default_rng(0).standard_normal((50_000, 2)).astype(np.float32)
    boxes = stepped(X, 64, 3)
    assert boxes._blocks is not None and boxes._blocks.n_scored < 0.15 * 64 * len(X)


def test_blocks_that_drop_nothing_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((500, 4))
    assert stepped(X, 64, 3)._is_worth_it is False
    monkeypatch.setattr(Lloyd, "step", lambda self, centers, shifts: pytest.fail("blocks were given up"))
    stepped(np.random.default_rng(0).standard_normal((50_000, 2)), 64, 3)


def test_without_a_budget_there_is_no_copy_and_no_block() -> None:
    X = np.random.default_rng(0).standard_normal((5000, 2))
    backend = get_backend("compiled")
    sparse = backend.prepare(csr_array(X), copy_budget=9.0)
    for rows in (backend.prepare(X), backend.prepare(X, copy_budget=0.9), sparse):
        boxes = Boxes(backend, rows, np.full(len(X), -1, np.int32), 1)
        boxes.step(X[:16].copy(), None)
        assert boxes._blocks is None


@every_isa
def test_one_outlier_does_not_spoil_the_blocks(row: Row) -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 2))
    X[7] = 1e9
    backend = row.open()
    rows, labels = backend.prepare(X), np.full(len(X), -1, np.int32)
    blocks = backend.make_blocks(rows, labels)
    backend.nearest_in_blocks(rows, blocks, X[100:164].copy(), labels)
    assert blocks.n_scored < 0.2 * 64 * len(X)


@pytest.mark.parametrize("d", [5, 8])
def test_more_features_are_left_to_lloyd(d: int) -> None:
    assert stepped(np.random.default_rng(0).standard_normal((500, d)), 4, 2)._blocks is None
    backend = get_backend("compiled")
    with pytest.raises(ValueError, match="up to four"):
        backend.make_blocks(backend.prepare(np.ones((10, d))), np.zeros(10, np.int32))


@every_dtype
@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_runs_to_the_end_are_those_of_lloyd(kind: str, d: int, dtype: str) -> None:
    X = data_of(kind, 12_000, d).astype(dtype)
    init = np.unique(X, axis=0)[:: max(1, len(np.unique(X, axis=0)) // 24)]
    expected = trace("lloyd", X, None, init, 1)
    assert len(init) >= 24 and len(expected) > (30 if d > 1 else 12), "too few centers or iterations to tell"
    for n_threads in (1, 3):
        assert trace("boxes", X, None, init, n_threads) == expected


@pytest.mark.parametrize("d", [1, 2, 4])
def test_weights_zeros_and_empty_clusters_are_those_of_lloyd(d: int) -> None:
    X = data_of("repeats", 12_000, d)
    rng = np.random.default_rng(d)
    weights = rng.integers(0, 4, len(X)).astype(float)
    init = np.vstack([X[rng.choice(len(X), 20)], X[:3] + 1e3, X[:2]])
    for given in (weights, rng.random(len(X)), None):
        assert trace("boxes", X, given, init, 2) == trace("lloyd", X, given, init, 1)


def ahead(algorithm: str, X: np.ndarray, weights: np.ndarray | None, init: np.ndarray, n_threads: int) -> list[Any]:
    """What can be seen of a run until no label changes whose iterations are made several at once, if they can be."""
    backend = get_backend("compiled")
    rows = backend.prepare(X, weights, copy_budget=1.5, n_threads=n_threads)
    shard, seen = Shard(backend, rows, len(init), algorithm=algorithm, n_threads=n_threads), []
    for step in iterate(shard, init.copy(), 300, enough=lambda: 0.0 if algorithm == "boxes" else None):
        seen += [step.new_centers, step.n_changed, step.n_filled, step.sq_shift, step.moments]
        if step.is_settled:
            break
    return [*seen, *finish(shard, step)]


def count_ahead(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many iterations each call of the kernel made."""
    made, kernel = [], Compiled.iterate_in_blocks

    def counted(*arguments: Any, **settings: Any) -> int:
        made.append(kernel(*arguments, **settings))
        return made[-1]

    monkeypatch.setattr(Compiled, "iterate_in_blocks", staticmethod(counted))
    return made


@every_dtype
@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_iterations_made_at_once_are_those_of_lloyd(
    kind: str, d: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kmeans_fast.engine.algorithms.boxes.PAYS", 1.0)
    X = data_of(kind, 12_000, d).astype(dtype)
    init = np.unique(X, axis=0)[:: max(1, len(np.unique(X, axis=0)) // 24)]
    expected, made = ahead("lloyd", X, None, init, 1), count_ahead(monkeypatch)
    for n_threads in (1, 3):
        found = ahead("boxes", X, None, init, n_threads)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert max(made) > 4 or len(expected) < 60, "none were made at once"


@pytest.mark.parametrize("d", [1, 2, 4])
def test_weights_and_clusters_that_get_empty_are_those_of_lloyd_too(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmeans_fast.engine.algorithms.boxes.PAYS", 1.0)
    X, rng = data_of("repeats", 12_000, d), np.random.default_rng(d)
    init, made = np.vstack([X[rng.choice(len(X), 20)], X[:3] + 1e3, X[:2]]), count_ahead(monkeypatch)
    for weights in (rng.integers(0, 4, len(X)).astype(float), rng.random(len(X)), None):
        found, expected = ahead("boxes", X, weights, init, 2), ahead("lloyd", X, weights, init, 1)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert max(made) > 4, "none were made at once"


def test_sums_that_may_have_lost_too_much_are_added_up_anew_in_a_run_ahead_too(monkeypatch: pytest.MonkeyPatch) -> None:
    X, rng = data_of("noise", 20_000, 2), np.random.default_rng(0)
    weights, init = rng.random(len(X)), X[:24].copy()
    expected, made = ahead("lloyd", X, weights, init, 1), count_ahead(monkeypatch)
    monkeypatch.setattr("kmeans_fast.engine.moving_sums.TOLERANCE", 0.0)
    found = ahead("boxes", X, weights, init, 1)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert len(made) > 20 and max(made) == 1, "no iteration was made with sums that count as lost"


def test_who_stops_between_them_or_begins_again_gets_the_right_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last labels are those of the centers that the caller stopped at, and the next run begins with these."""
    X, made = data_of("noise", 20_000, 2), count_ahead(monkeypatch)
    backend, seen = get_backend("compiled"), {}
    for algorithm in ("lloyd", "boxes"):
        shard = Shard(backend, backend.prepare(X, copy_budget=1.5), 24, algorithm=algorithm)
        centers, results = X[:24].copy(), []
        for n_iter in (40, 25, 33):
            for step in iterate(shard, centers, 60, enough=lambda: 0.0):
                if step.n_iter == n_iter:
                    break
            centers, *rest = finish(shard, step)
            results += [centers, *rest]
            centers = centers + 0.1
        seen[algorithm] = results
    assert len(made) > 3 and max(made) > 4
    assert all(np.array_equal(a, b) for a, b in zip(seen["lloyd"], seen["boxes"], strict=True))


@pytest.mark.parametrize("what", ["most_moved", "most_scored", "rounding", "sq_shift"])
def test_a_run_ahead_ends_where_it_is_told_to(what: str) -> None:
    X = data_of("noise", 20_000, 2)
    backend = get_backend("compiled")
    rows = backend.prepare(X, np.random.default_rng(0).random(len(X)))
    labels, k = np.full(len(X), -1, np.int32), 24
    blocks = backend.make_blocks(rows, labels)
    backend.nearest_in_blocks(rows, blocks, X[:k].copy(), labels)
    sums, mass, path, steps = np.zeros((2, k, 2)), np.zeros((2, k)), np.empty((9, k, 2)), np.empty((8, 4))
    backend.sum_by_label(rows, group_borders(len(X), k), labels, sums, mass)
    path[0] = X[:k]
    backend.move_centers(rows, sums, mass, X[:k].copy(), path[0], np.empty(k))
    rounding = np.array([0.0, 2.0**-103, 2.0**-60])
    limits = {"sq_shift": -1.0, "most_moved": len(X), "most_scored": np.inf}
    if what == "rounding":
        rounding[0] = 1.0
    else:
        limits[what] = {"sq_shift": 1e9, "most_moved": 5, "most_scored": 0.0}[what]
    moved, before = np.empty(len(X), np.int64), np.empty(len(X), np.int32)
    assert not rows.sums_are_exact
    n_made = backend.iterate_in_blocks(
        rows, blocks, path, labels, moved, before, sums, mass, steps, rounding, *limits.values()
    )
    assert n_made == 1 and np.isnan(steps[0, 1]) == (what in ("most_moved", "rounding"))
    expected = np.empty(len(X), np.int32)
    backend.nearest(rows, 0, len(X), path[0], expected)
    assert (labels == expected).all()


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", KINDS)
def test_labels_follow_centers_wherever_they_go(kind: str, dtype: str, row: Row) -> None:
    for d in (1, 2, 3, 4):
        X = data_of(kind, 5000, d).astype(dtype)
        backend = row.open()
        rows, labels = backend.prepare(X), np.full(len(X), -1, np.int32)
        blocks, n_scored = backend.make_blocks(rows, labels), []
        for centers in walk(X[::250].copy(), X, 40):
            before, expected = labels.copy(), np.full(len(X), -1, np.int32)
            moved, old = np.empty(len(X), np.int64), np.empty(len(X), np.int32)
            n_changed = backend.nearest_in_blocks(rows, blocks, centers, labels, moved, old, n_threads=2)
            backend.nearest(rows, 0, len(X), centers, expected)
            assert (labels == expected).all(), f"{d=}"
            assert np.array_equal(np.sort(moved[:n_changed]), np.flatnonzero(labels != before))
            assert np.array_equal(old[:n_changed], before[moved[:n_changed]])
            n_scored.append(blocks.n_scored / len(X) / len(centers))
        assert min(n_scored[1:]) < 0.5 * n_scored[0], "labels that hold were looked for again"


@every_isa
@every_dtype
@pytest.mark.parametrize("kind", ["repeats", "one point", "zeros of both signs"])
def test_rows_that_are_alike_are_scored_once_and_all_of_them_labelled(kind: str, dtype: str, row: Row) -> None:
    """Whatever labels they had; of more than fit one table (65536 rows of nearly the same key), each by itself."""
    n, rng = 70_000 if kind == "one point" else 12_000, np.random.default_rng(0)
    points = rng.standard_normal((n // 20, 3))
    if kind == "zeros of both signs":
        points[:, 1:] *= 0.0
        points[:, 0] = np.round(points[:, 0], 2)
    X = points[rng.integers(len(points), size=n)].astype(dtype)
    if kind == "one point":
        X[500:] = X[0]
    backend = row.open()
    rows, labels = backend.prepare(X), rng.integers(-1, 8, n).astype(np.int32)
    before, expected = labels.copy(), np.empty(n, np.int32)
    blocks = backend.make_blocks(rows, labels, n_threads=1 if kind == "one point" else 3)
    centers, moved, old = np.unique(X[:500], axis=0)[:8].copy(), np.empty(n, np.int64), np.empty(n, np.int32)
    n_changed = backend.nearest_in_blocks(rows, blocks, centers, labels, moved, old, n_threads=2)
    backend.nearest(rows, 0, n, centers, expected)
    assert (labels == expected).all()
    assert np.array_equal(np.sort(moved[:n_changed]), np.flatnonzero(labels != before))
    assert np.array_equal(old[:n_changed], before[moved[:n_changed]])
    assert kind == "one point" or blocks.n_scored < len(points) * 8


@every_isa
def test_rows_are_left_alone_while_nobody_comes_near(row: Row) -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 2)).astype(np.float32)
    backend = row.open()
    rows, labels, centers = backend.prepare(X), np.full(len(X), -1, np.int32), X[:64].copy()
    blocks = backend.make_blocks(rows, labels)
    backend.nearest_in_blocks(rows, blocks, centers, labels)
    n_scored = blocks.n_scored
    backend.nearest_in_blocks(rows, blocks, centers, labels)
    assert blocks.n_scored == 0 < n_scored, "centers that stay"
    centers[7] += np.float32(1e-6)
    backend.nearest_in_blocks(rows, blocks, centers, labels)
    assert blocks.n_scored < 0.1 * n_scored, "one center that hardly moves"
