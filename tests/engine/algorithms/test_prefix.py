"""Few coordinates find who is nearest, as Lloyd does, with less work; and they are given up where they do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tables import Row, every_isa

from kmeans_fast import KMeans
from kmeans_fast.backends import get_backend
from kmeans_fast.backends.protocol import PrefixPlan
from kmeans_fast.engine.algorithms import choose, prefix
from kmeans_fast.engine.loop import finish, iterate
from kmeans_fast.engine.shard import Shard


def embedding_like(n: int, d: int) -> Any:
    rng = np.random.default_rng([n, d])
    topics = rng.standard_normal((40, d))[rng.integers(40, size=n)]
    X = (topics + 0.7 * rng.standard_normal((n, d))) / np.sqrt(np.arange(1, d + 1))
    X = X @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def data_of(kind: str, n: int, d: int) -> Any:
    rng = np.random.default_rng([n, d, 1])
    if kind == "embedding-like":
        return embedding_like(n, d)
    if kind == "noise":
        return rng.standard_normal((n, d))
    if kind == "blobs":
        return 4 * rng.standard_normal((9, d))[rng.integers(9, size=n)] + rng.standard_normal((n, d))
    if kind == "lattice":
        return rng.integers(-1, 2, (n, d)).astype(float)
    if kind == "duplicates":
        return np.repeat(rng.standard_normal((n // 10, d)), 10, axis=0)
    assert kind == "offset"
    return embedding_like(n, d) + 1e4


KINDS = ("embedding-like", "noise", "blobs", "lattice", "duplicates", "offset")


def shard_of(X: Any, k: int, algorithm: str, backend: Any, weights: Any = None, n_threads: int = 1) -> Shard:
    rows = backend.prepare(X, weights, copy_budget=1.5, n_threads=n_threads)
    return Shard(backend, rows, k, algorithm=algorithm, n_threads=n_threads)


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coordinates from the first step on, for any data, as many as no plan would take."""
    monkeypatch.setattr(prefix, "ROWS_OF_FEATURE", 0)
    monkeypatch.setattr(prefix, "PAYS", np.inf)
    monkeypatch.setattr(type(get_backend("compiled")), "plan_prefix", lambda *args: PrefixPlan(16, 32))


@every_isa
@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_iteration_is_lloyds_and_the_bounds_hold(kind: str, dtype: str, row: Row) -> None:
    X = data_of(kind, 1100, 37).astype(dtype)
    weights = np.random.default_rng(0).random(len(X)) if kind in ("noise", "offset") else None
    init = X[np.random.default_rng(5).choice(len(X), 29, replace=False)]
    mine, plain = (shard_of(X, 29, name, row.open(), weights) for name in ("prefix", "lloyd"))
    n_bounded = 0
    for found, expected in zip(iterate(mine, init.copy(), 25), iterate(plain, init.copy(), 25), strict=True):
        np.testing.assert_array_equal(mine.labels, plain.labels)
        np.testing.assert_array_equal(found.new_centers, expected.new_centers)
        assert found.totals.n_changed == expected.totals.n_changed
        algorithm: Any = mine.algorithm
        assert algorithm._of_rows is not None, "no coordinates were used"
        upper, lower = algorithm._of_rows
        centers = found.centers.astype(np.float64)
        dists = np.sqrt(((X[:, None, :] - centers) ** 2).sum(axis=-1))
        own = np.take_along_axis(dists, mine.labels[:, None], axis=1)[:, 0]
        np.put_along_axis(dists, mine.labels[:, None], np.inf, axis=1)
        assert (upper >= own).all() and (lower <= dists.min(axis=1)).all()
        n_bounded += int(np.count_nonzero(lower > 0))
        if found.is_settled:
            break
    assert n_bounded > len(X)
    for mine_too, plain_too in zip(finish(mine, found), finish(plain, expected), strict=True):
        np.testing.assert_array_equal(mine_too, plain_too)


@pytest.mark.usefixtures("always")
def test_rows_meet_fewer_centers_as_these_come_to_rest() -> None:
    X = embedding_like(3000, 100).astype(np.float32)
    mine, plain = (shard_of(X, 40, name, get_backend("compiled")) for name in ("prefix", "lloyd"))
    met = []
    for step, _ in zip(iterate(mine, X[:40].copy(), 60), iterate(plain, X[:40].copy(), 60), strict=True):
        np.testing.assert_array_equal(mine.labels, plain.labels)
        algorithm: Any = mine.algorithm
        met.append(algorithm._coordinates.n_met)
        if step.is_settled:
            break
    assert met[0] >= 40 * len(X) and min(met) < met[0] / 3


@pytest.mark.usefixtures("always")
def test_threads_change_no_label_bound_or_count() -> None:
    X = embedding_like(3000, 100).astype(np.float32)
    seen = []
    for n_threads in (1, 2, 3):
        shard = shard_of(X, 40, "prefix", get_backend("compiled"), n_threads=n_threads)
        trace: list[Any] = []
        for step in iterate(shard, X[:40].copy(), 8):
            algorithm: Any = shard.algorithm
            counts = (algorithm._coordinates.n_met, algorithm._coordinates.n_found, algorithm._coordinates.n_scored)
            trace += [shard.labels.tobytes(), step.new_centers.tobytes(), counts]
            trace += [bounds.tobytes() for bounds in algorithm._of_rows]
        seen.append(trace)
    assert seen[0] == seen[1] == seen[2]


def test_coordinates_are_used_where_they_rule_out_most_centers() -> None:
    X = embedding_like(8000, 256).astype(np.float32)
    shard = shard_of(X, 300, "prefix", get_backend("compiled"))
    for step in iterate(shard, X[:300].copy(), 4):
        assert step.n_filled == 0
    algorithm: Any = shard.algorithm
    counts = algorithm._coordinates
    assert counts is not None and counts.p <= 256 // 3
    assert counts.n_found < 0.1 * counts.n_met, "most centers are left"


def test_passes_by_coordinates_are_counted() -> None:
    X = embedding_like(20_000, 128)
    shard = shard_of(X, 128, "prefix", get_backend("compiled"))
    used = [step.algorithm for step in iterate(shard, X[:128].copy(), 8)]
    algorithm: Any = shard.algorithm
    assert "prefix" in used and algorithm._n_passes == algorithm._n_plain == len(used)


def test_isotropic_rows_get_no_coordinates() -> None:
    X = np.random.default_rng(0).standard_normal((8000, 256), dtype=np.float32)
    shard = shard_of(X, 300, "prefix", get_backend("compiled"))
    for _ in iterate(shard, X[:300].copy(), 5):
        algorithm: Any = shard.algorithm
        assert algorithm._coordinates is None


def test_coordinates_that_spare_nothing_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix, "PAYS", 0.0)
    X = embedding_like(8000, 256).astype(np.float32)
    shard, plain = (shard_of(X, 300, name, get_backend("compiled")) for name in ("prefix", "lloyd"))
    used = []
    for _ in zip(iterate(shard, X[:300].copy(), 6), iterate(plain, X[:300].copy(), 6), strict=True):
        algorithm: Any = shard.algorithm
        used.append(algorithm._coordinates is not None)
        np.testing.assert_array_equal(shard.labels, plain.labels)
    assert used[:3] == [False, True, True] and not any(used[3:])


@pytest.mark.parametrize("options", [{"copy_budget": 0}, {"backend": "identity"}, {}])
def test_named_it_works_with_any_budget_and_backend(options: dict[str, Any]) -> None:
    X = embedding_like(2500, 96).astype(np.float32)
    common = {"n_clusters": 64, "init": X[:64], "n_init": 1, "tol": 0, "max_iter": 7, "random_state": 0}
    mine, plain = KMeans(algorithm="prefix", **common, **options).fit(X), KMeans(algorithm="lloyd", **common).fit(X)
    np.testing.assert_array_equal(mine.labels_, plain.labels_)
    np.testing.assert_array_equal(mine.cluster_centers_, plain.cluster_centers_)
    assert mine.inertia_ == plain.inertia_ and mine.n_iter_ == plain.n_iter_


def test_many_features_and_centers_are_for_coordinates() -> None:
    assert choose(30_000, 384, 500, np.float32) == "prefix"
    assert choose(30_000, 384, 30, np.float32) == "groups"
    assert choose(30_000, 64, 500, np.float32) == "groups"
