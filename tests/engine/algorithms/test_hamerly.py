"""Bounds hold, spare work, and are given up where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tables import Row, every_isa

from kmeans_fast.backends import get_backend
from kmeans_fast.engine.algorithms import choose, hamerly
from kmeans_fast.engine.algorithms.hamerly import Hamerly, shifts_up, survivors
from kmeans_fast.engine.loop import iterate, squared_shifts
from kmeans_fast.engine.shard import Shard


def shard_of(X: Any, k: int, algorithm: str, backend: Any) -> Shard:
    return Shard(backend, backend.prepare(X, copy_budget=1.5), k, algorithm=algorithm)


def blobs(n: int, d: int, k: int) -> Any:
    rng = np.random.default_rng([n, d, k])
    return (3 * rng.standard_normal((k, d))[rng.integers(k, size=n)] + rng.standard_normal((n, d))).astype(np.float32)


@every_isa
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("always", [False, True])
def test_every_iteration_is_lloyds_and_the_bounds_hold(
    always: bool, dtype: str, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    if always:
        monkeypatch.setattr(hamerly, "PAYS", 2.0)
        monkeypatch.setattr(hamerly, "FEW_MOVED", 1.0)
    X = np.random.default_rng(3).standard_normal((2000, 19)).astype(dtype)
    mine, plain = (shard_of(X, 23, name, row.open()) for name in ("hamerly", "lloyd"))
    n_bounded = 0
    for found, expected in zip(iterate(mine, X[:23].copy(), 60), iterate(plain, X[:23].copy(), 60), strict=True):
        np.testing.assert_array_equal(mine.labels, plain.labels)
        np.testing.assert_array_equal(found.new_centers, expected.new_centers)
        assert found.totals.n_changed == expected.totals.n_changed
        algorithm: Any = mine.algorithm
        if algorithm._upper is not None:
            n_bounded += 1
            centers = found.centers.astype(np.float64)
            dists = np.sqrt(((X[:, None, :] - centers) ** 2).sum(axis=-1))
            own = np.take_along_axis(dists, mine.labels[:, None], axis=1)[:, 0]
            np.put_along_axis(dists, mine.labels[:, None], np.inf, axis=1)
            assert (algorithm._upper >= own).all() and (algorithm._lower <= dists.min(axis=1)).all()
        if found.is_settled:
            break
    assert n_bounded > 5


def test_few_rows_are_looked_at_where_clusters_lie_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    X, follow = blobs(20_000, 32, 256), Hamerly._follow
    looked_at: list[int] = []

    def counted(self: Hamerly, centers: Any, chosen: Any, *bounds: Any) -> Any:
        looked_at.append(len(chosen))
        return follow(self, centers, chosen, *bounds)

    monkeypatch.setattr(Hamerly, "_follow", counted)
    shard = shard_of(X, 256, "hamerly", get_backend("compiled"))
    for step in iterate(shard, X[:256].copy(), 100):
        if step.is_settled:
            break
    assert looked_at[0] == len(X) and len(looked_at) > 5
    assert np.median(looked_at[1:]) < len(X) / 4


def test_bounds_that_spare_nothing_are_given_up_for_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamerly, "PAYS", -1.0)
    monkeypatch.setattr(hamerly, "FEW_MOVED", 1.0)
    X = np.random.default_rng(0).standard_normal((3000, 8))
    shard, has_bounds = shard_of(X, 12, "hamerly", get_backend("compiled")), []
    for _ in iterate(shard, X[:12].copy(), 16):
        algorithm: Any = shard.algorithm
        has_bounds.append(algorithm._upper is not None)
    assert has_bounds[:16] == [False, True, True] + [False] * 2 + [True] * 2 + [False] * 4 + [True] * 2 + [False] * 3


def test_a_row_survives_unless_its_bounds_are_apart() -> None:
    labels = np.array([0, 0, 1, 1], dtype=np.int32)
    upper, lower = np.array([[1, 1, 1, 1], [4, 2.9, 1.6, 1.4]], dtype=np.float32)
    # Center 0 moves by 1.5, center 1 by 0.4: rows of 0 have the drift 1.5 + 0.4, rows of 1 have 0.4 + 1.5.
    assert survivors(labels, upper, lower, np.array([1.5, 0.4])).tolist() == [1, 2, 3]
    assert (upper >= [2.5, 2.5, 1.4, 1.4]).all() and (lower <= np.float32([3.6, 2.5, 0.1, -0.1])).all()


def test_one_center_leaves_no_survivors() -> None:
    upper, lower = np.ones(3, dtype=np.float32), np.full(3, np.inf, dtype=np.float32)
    assert survivors(np.zeros(3, dtype=np.int32), upper, lower, np.array([2.0])).tolist() == []


def test_shifts_are_never_too_small() -> None:
    rng = np.random.default_rng(2)
    old = rng.standard_normal((500, 7)).astype(np.float32)
    new = old + rng.standard_normal((500, 7)).astype(np.float32) / 64
    exact = np.sqrt(((new.astype(np.longdouble) - old) ** 2).sum(axis=1))
    shifts = shifts_up(squared_shifts(new, old, 1.0), 7)
    assert (shifts >= exact).all() and (shifts <= exact * (1 + 1e-14)).all()


def test_many_products_of_a_sparse_row_are_for_bounds() -> None:
    assert choose(100_000, 128, 256, np.float32, is_sparse=True) == "hamerly"
    assert choose(1000, 128, 900, np.float32, is_sparse=True) == "lloyd"


def test_moves_that_float32_cannot_hold_rule_nothing_out() -> None:
    upper, lower = np.array([1.0, 2.0], np.float32), np.array([5.0, np.inf], np.float32)
    with np.errstate(all="raise"):
        left = survivors(np.array([0, 1], np.int32), upper, lower, np.array([1e100, 1e120]))
    assert left.tolist() == [0, 1]
