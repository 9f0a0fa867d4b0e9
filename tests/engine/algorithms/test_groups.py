"""Bounds per group hold, spare work, and are given up where they do not; every choice gives Lloyd's iterations."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from tables import Row, every_backend, every_case, every_isa

from kmeans_fast.backends import get_backend
from kmeans_fast.engine.algorithms import ALGORITHMS, choose, groups
from kmeans_fast.engine.algorithms.groups import Groups
from kmeans_fast.engine.algorithms.hamerly import Hamerly
from kmeans_fast.engine.algorithms.lloyd import Lloyd
from kmeans_fast.engine.loop import finish, iterate
from kmeans_fast.engine.moving_sums import FEW, MovingSums
from kmeans_fast.engine.shard import Shard

from .test_hamerly import blobs, shard_of
from .test_table import data_of, trace

GROUP_EDGES = (1, 2, 7, 8, 9, 16, 17, 33)
"""Centers around the ends of vectors and groups."""


@pytest.fixture(params=["by_group", "one_for_all"])
def always(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds from the second step on, whether or not they pay; after either first pass."""
    monkeypatch.setattr(groups, "MANY_MEASURED", -1.0 if request.param == "by_group" else 2.0)
    monkeypatch.setattr(Groups, "_is_promising", lambda self, *seen: self.totals.share_moved < 2)
    monkeypatch.setattr(Groups, "_judge", lambda self, *seen: None)


def noise(n: int, d: int, dtype: str = "float32") -> Any:
    return np.random.default_rng([n, d]).standard_normal((n, d)).astype(dtype)


@every_isa
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("d", "k"), [(3, 5), (19, 40), (35, 17), (130, 20)])
@pytest.mark.usefixtures("always")
def test_the_bounds_hold_in_every_iteration(d: int, k: int, dtype: str, row: Row) -> None:
    X = noise(1500, d, dtype)
    mine, plain = (shard_of(X, k, name, row.open()) for name in ("groups", "lloyd"))
    n_bounded = 0
    for found, expected in zip(iterate(mine, X[:k].copy(), 25), iterate(plain, X[:k].copy(), 25), strict=True):
        np.testing.assert_array_equal(mine.labels, plain.labels)
        np.testing.assert_array_equal(found.new_centers, expected.new_centers)
        algorithm: Any = mine.algorithm
        if algorithm._bounds is not None:
            n_bounded += 1
            n_groups = algorithm._bounds.n_groups
            upper, lower = np.empty(len(X), np.float32), np.empty((len(X), n_groups), np.float32)
            algorithm._bounds.tell(mine.labels, upper, lower)
            dists = np.sqrt(((X[:, None, :] - found.centers.astype(np.float64)) ** 2).sum(axis=-1))
            assert (upper >= np.take_along_axis(dists, mine.labels[:, None], axis=1)[:, 0]).all()
            np.put_along_axis(dists, mine.labels[:, None], np.inf, axis=1)
            width, by_group = algorithm._bounds.width, dists[:, algorithm._bounds.order]
            nearest = np.stack([by_group[:, g * width : (g + 1) * width].min(axis=1) for g in range(n_groups)], axis=1)
            assert (lower <= nearest).all()
            assert (lower > nearest / 4).mean() > 0.5, "bounds that say nothing"
        if found.is_settled:
            break
    assert n_bounded > 5


@every_isa
@pytest.mark.parametrize("kind", ["noise", "blobs", "lattice", "duplicates", "digits"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("always")
def test_iterations_with_bounds_are_those_of_lloyd(kind: str, dtype: str, row: Row) -> None:
    for d in (1, 4, 7, 16, 29):
        X, k = data_of(kind, 2000, d)
        X = X.astype(dtype)
        init = X[np.random.default_rng(d).choice(len(X), k, replace=False)]
        expected = trace("lloyd", row.open(), X, None, init, 20)
        for n_threads in (1, 3):
            assert trace("groups", row.open(), X, None, init, 20, n_threads) == expected, f"{d=} {n_threads=}"


@every_isa
@every_case
@pytest.mark.usefixtures("always")
def test_hostile_data_have_the_iterations_of_lloyd(case: Any, dtype: str, row: Row) -> None:
    X, centers, weights = case.build(dtype, n=300)
    if row.open().prepare(X).data_unit != 1.0:
        with pytest.raises(ValueError, match="data_unit"):
            row.open().make_bounds(row.open().prepare(X), centers)
        return
    expected = trace("lloyd", row.open(), X, weights, centers, 8)
    assert trace("groups", row.open(), X, weights, centers, 8) == expected


@every_isa
@pytest.mark.parametrize("k", GROUP_EDGES)
@pytest.mark.usefixtures("always")
def test_any_number_of_centers_fills_groups(k: int, row: Row) -> None:
    X = np.concatenate([noise(600, 12), noise(70, 12) * 20])
    expected = trace("lloyd", row.open(), X, None, X[:k], 12)
    assert trace("groups", row.open(), X, None, X[:k], 12) == expected


@every_isa
@pytest.mark.parametrize("seed", range(4))
def test_every_choice_in_random_order_gives_the_iterations_of_lloyd(
    seed: int, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, chosen = np.random.default_rng(seed), []

    def choice(self: Groups, *seen: Any) -> bool:
        chosen.append(bool(rng.random() < 0.5) and self.totals.share_moved < 2)
        return chosen[-1]

    def judge(self: Groups, *seen: Any) -> None:
        if rng.random() < 0.3:
            self._bounds = None

    monkeypatch.setattr(groups, "MANY_MEASURED", seed % 2 * 2.0 - 0.5)
    monkeypatch.setattr(Groups, "_is_promising", choice)
    monkeypatch.setattr(Groups, "_judge", judge)
    X = noise(3000, 11)
    expected = trace("lloyd", row.open(), X, None, X[:24], 40)
    assert trace("groups", row.open(), X, None, X[:24], 40) == expected
    assert 2 < sum(chosen) < len(chosen), "one of the choices was not made"


@pytest.mark.parametrize("n_iter", [4, 9])
@pytest.mark.usefixtures("always")
def test_the_last_labels_come_from_the_bounds_too(n_iter: int, monkeypatch: pytest.MonkeyPatch) -> None:
    X = blobs(20_000, 32, 64)
    expected, shard = (shard_of(X, 64, name, get_backend("compiled")) for name in ("lloyd", "groups"))
    finish(expected, list(iterate(expected, X[:64].copy(), n_iter))[-1])
    last = list(iterate(shard, X[:64].copy(), n_iter))[-1]
    assert not last.is_settled
    monkeypatch.setattr(Lloyd, "assign", lambda self, centers: pytest.fail("every row met every center"))
    finish(shard, last)
    np.testing.assert_array_equal(shard.labels, expected.labels)


def test_few_rows_are_looked_at_where_clusters_lie_apart() -> None:
    X, measured, scored = blobs(20_000, 32, 256), [], []
    shard = shard_of(X, 256, "groups", get_backend("compiled"))
    for step in iterate(shard, X[:256].copy(), 100):
        algorithm: Any = shard.algorithm
        if algorithm._bounds is not None:
            measured.append(algorithm._bounds.n_measured / len(X))
            scored.append(algorithm._bounds.n_scored / len(X) / 256)
        if step.is_settled:
            break
    assert len(scored) > 5 and measured[0] == scored[0] == 1.0
    assert np.median(measured[1:]) < 0.5 and np.median(scored[1:]) < 0.06


def test_bounds_that_do_not_pay_are_given_up_and_awaited_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(groups.COSTS, 8, groups.Costs(75, 0, 0, 0))
    monkeypatch.setattr(groups, "FEW_MOVED", 0.9)
    X = noise(3000, 8, "float64")
    shard, has_bounds, expected = shard_of(X, 32, "groups", get_backend("compiled")), [], []
    for _ in iterate(shard, X[:32].copy(), 30):
        algorithm: Any = shard.algorithm
        has_bounds.append(algorithm._bounds is not None)
        expected.append(algorithm._aging)
        monkeypatch.setitem(groups.COSTS, 8, groups.Costs(75, 100_000 if has_bounds[-1] else 0, 0, 0))
    first = has_bounds.index(True)
    assert first == 2
    assert has_bounds[first : first + groups.LOSSES + 1] == [True] * groups.LOSSES + [False]
    assert expected[first + groups.LOSSES] >= 2 * expected[0] and expected == sorted(expected)


def test_bounds_are_not_made_where_a_sample_says_that_they_would_not_pay() -> None:
    X = blobs(20_000, 32, 64)
    for name, expected in (("compiled", True), ("identity", False)):  # the reference passes nothing over
        shard, has_bounds = shard_of(X, 64, "groups", get_backend(name)), []
        algorithm: Any = shard.algorithm
        for step in iterate(shard, X[:64].copy(), 40):
            has_bounds.append(algorithm._bounds is not None)
            if step.is_settled:
                break
        assert any(has_bounds) is expected


def test_bounds_are_not_made_for_the_last_steps_of_a_run() -> None:
    X = blobs(20_000, 32, 64)

    def used(max_iter: int) -> list[str]:
        shard = shard_of(X, 64, "groups", get_backend("compiled"))
        return [step.algorithm for step in iterate(shard, X[:64].copy(), max_iter)]

    begin = used(40).index("groups")
    assert used(begin + 1) == ["lloyd"] * (begin + 1)


def test_the_bounds_of_a_sample_are_asked_when_they_are_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """On noise, bounds that are new leave little to be scored, and more as they age."""
    X = noise(20_000, 32)
    asked = []
    for n_passes in (2, groups.PASSES_ASKED):
        monkeypatch.setattr(groups, "PASSES_ASKED", n_passes)
        shard = shard_of(X, 64, "groups", get_backend("compiled"))
        steps = list(iterate(shard, X[:64].copy(), 12))
        algorithm: Any = shard.algorithm
        moves = steps[-1].new_centers.astype(float) - steps[-1].centers
        asked.append(algorithm._ask_sample(steps[-1].new_centers, (moves**2).sum(axis=1), np.inf)[1])
    assert asked[1] > 2 * asked[0]


def test_a_sample_whose_bounds_do_not_pay_at_once_is_asked_no_further() -> None:
    shard = shard_of(noise(3000, 32), 64, "groups", get_backend("compiled"))
    algorithm: Any = shard.algorithm
    n_passes = 0

    class Counting:
        """The backend of the shard, and how many passes have bounds."""

        def __getattr__(self, name: str) -> Any:
            nonlocal n_passes
            n_passes += name == "nearest_with_bounds"
            return getattr(shard.backend, name)

    algorithm.backend = Counting()
    centers, sq_shifts = shard.rows.X[:64].copy(), np.full(64, 0.01)
    few = algorithm._ask_sample(centers, sq_shifts, np.inf)
    assert n_passes == groups.PASSES_ASKED and all(0.0 < share < 1.0 for share in few)
    cost, n_passes = algorithm._cost(64, *few), 0
    assert algorithm._ask_sample(centers, sq_shifts, 2 * cost) == few and n_passes == groups.PASSES_ASKED
    n_passes = 0
    assert algorithm._ask_sample(centers, sq_shifts, 0.1 * cost) == (1.0, 1.0) and n_passes == groups.LEAST_ASKED == 3


def test_bounds_must_promise_more_than_lloyd_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that would only just pay are not made: a sample does not tell so well."""
    monkeypatch.setattr(groups, "FEW_MOVED", 1.0)
    monkeypatch.setattr(groups, "RISK", 1e6)
    X = noise(3000, 32)
    for share_of_lloyd, has_bounds in ((0.95, False), (0.8, True)):
        shard = shard_of(X, 64, "groups", get_backend("compiled"))
        algorithm: Any = shard.algorithm
        monkeypatch.setattr(Groups, "_ask_sample", lambda *seen: (0.1, 0.1))
        monkeypatch.setattr(Groups, "_cost_of_lloyd", lambda self, k: 1000.0)
        monkeypatch.setattr(Groups, "_cost_of_first", lambda self, k, measured: 1.0)
        monkeypatch.setattr(Groups, "_cost", lambda self, k, *shares, of=1000.0 * share_of_lloyd: of)
        list(iterate(shard, X[:64].copy(), 3))
        assert (algorithm._bounds is not None) is has_bounds


def test_a_sample_that_says_no_is_asked_again_when_the_run_is_a_quarter_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def no(self: Groups, *seen: Any) -> tuple[float, float]:
        asked.append(self._n_passes)
        return 1.0, 1.0

    monkeypatch.setattr(Groups, "_ask_sample", no)
    monkeypatch.setattr(groups, "FEW_MOVED", 1.0)
    X = noise(3000, 64)
    shard = shard_of(X, 64, "groups", get_backend("compiled"))
    list(iterate(shard, X[:64].copy(), 60))
    assert len(asked) > 5
    assert all(later == int(groups.PATIENCE * earlier) + 1 for earlier, later in itertools.pairwise(asked))


@every_isa
@every_case
def test_samples_of_hostile_data_can_be_asked(case: Any, dtype: str, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []
    ask = Groups._ask_sample

    def note(self: Groups, *seen: Any) -> tuple[float, float]:
        asked.append(ask(self, *seen))
        return asked[-1]

    monkeypatch.setattr(Groups, "_ask_sample", note)
    monkeypatch.setattr(Groups, "_cost", lambda self, *shares: 0.0)
    monkeypatch.setattr(Groups, "_cost_of_dense", lambda self, k: 1.0)
    monkeypatch.setattr(groups, "FEW_MOVED", 1.0)
    X, centers, weights = case.build(dtype, n=300)
    expected = trace("lloyd", row.open(), X, weights, centers, 8)
    assert trace("groups", row.open(), X, weights, centers, 8) == expected
    assert all(0.0 <= share <= 1.0 for shares in asked for share in shares)
    if len(expected) > 3 and row.open().prepare(X).data_unit == 1.0:
        assert asked


@pytest.mark.usefixtures("always")
def test_totals_are_followed_only_after_few_rows_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    follow, shares = MovingSums.follow, []

    def only_near(self: MovingSums, n_changed: int) -> Any:
        assert self.are_near
        return follow(self, n_changed)

    monkeypatch.setattr(MovingSums, "follow", only_near)
    X = noise(3000, 12)
    shard = shard_of(X, 24, "groups", get_backend("compiled"))
    for step in iterate(shard, X[:24].copy(), 12):
        shares.append((shard.algorithm.used, step.n_changed / len(X)))
    assert any(used == "groups" and share > FEW for used, share in shares), "no pass that moved many"


def test_a_sample_in_another_unit_makes_no_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "FEW_MOVED", 1.0)
    monkeypatch.setattr(groups, "RISK", 100)
    X, backend = noise(64 * 40, 64, "float64"), get_backend("compiled")
    X[::40] *= 1e-200  # those of the sample
    shard = Shard(backend, backend.prepare(X, copy_budget=1.5), 64, algorithm="groups")
    algorithm: Any = shard.algorithm
    said = []
    ask = Groups._ask_sample
    monkeypatch.setattr(Groups, "_ask_sample", lambda self, *seen: said.append(ask(self, *seen)) or said[-1])
    list(iterate(shard, X[1:65].copy(), 20))
    assert said and set(said) == {(1.0, 1.0)} and algorithm._bounds is None


@every_isa
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", [1, 9, 64, 100])
def test_groups_are_of_centers_that_lie_near_each_other(k: int, dtype: str, row: Row) -> None:
    X = noise(400, 64, dtype)
    X[::2] += 100
    bounds: Any = row.open().make_bounds(row.open().prepare(X, copy_budget=1.5), X[:k])
    assert sorted(bounds.order) == list(range(k)) and bounds.n_groups == -(-k // bounds.width)
    is_far = X[bounds.order, 0] > 50
    heaps_of_groups = [set(is_far[first : first + bounds.width]) for first in range(0, k, bounds.width)]
    assert sum(len(heaps) == 2 for heaps in heaps_of_groups) <= 1, "of two heaps, at most one group has centers of both"


@every_isa
@pytest.mark.parametrize("scale", [0.0, 3e38])
def test_centers_that_can_not_be_told_apart_have_an_order_too(scale: float, row: Row) -> None:
    X = noise(400, 24)
    centers = np.sign(X[:70]) * np.float32(scale)
    bounds: Any = row.open().make_bounds(row.open().prepare(X, copy_budget=1.5), centers)
    assert sorted(bounds.order) == list(range(70))


def test_memory_is_a_share_of_the_data() -> None:
    X, backend = noise(4000, 24), get_backend("compiled")
    for k in (5, 40, 900):
        bounds = backend.make_bounds(backend.prepare(X, copy_budget=1.5), X[:k])
        assert bounds.n_bytes <= X.nbytes / 2 + 12 * len(X) + 20 * k + 64
    assert backend.make_bounds(backend.prepare(X, copy_budget=1.5), X[:900]).n_groups > 8
    sparing = backend.make_bounds(backend.prepare(X), X[:900])
    assert sparing.n_groups == 1 and sparing.n_bytes <= 12 * len(X) + 20 * 900


@every_isa
def test_without_a_budget_one_bound_a_row_does(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Groups, "_is_promising", lambda self, *seen: self.totals.share_moved < 2)
    X = noise(2000, 9)
    seen = []
    for name in ("lloyd", "groups"):
        shard = Shard(row.open(), row.open().prepare(X), 40, algorithm=name)
        for _ in iterate(shard, X[:40].copy(), 15):
            pass
        seen.append(shard.labels)
    np.testing.assert_array_equal(*seen)


@every_backend
def test_slices_of_a_pass_come_in_order(row: Row) -> None:
    X = noise(300, 4)
    backend = row.open()
    rows, labels, sq_shifts = backend.prepare(X), np.zeros(300, np.int32), np.zeros(3)
    expected = np.zeros(300, np.int32)
    backend.nearest(rows, 0, 300, X[:3], expected)
    bounds = backend.make_bounds(rows, X[:3])
    for start, stop in [(0, 100), (100, 300)] * 2:
        backend.nearest_with_bounds(rows, bounds, start, stop, X[:3], sq_shifts, labels[start:stop])
    np.testing.assert_array_equal(labels, expected)


def test_what_does_not_fit_is_refused() -> None:
    X, backend = noise(300, 4), get_backend("compiled")
    rows, labels = backend.prepare(X), np.zeros(300, np.int32)
    bounds = backend.make_bounds(rows, X[:3])
    for start, k, n_shifts in ((100, 3, 3), (0, 4, 4), (0, 3, 2)):
        with pytest.raises(ValueError, match=f"next for row 0, were given 300 rows from {start} on, {k} centers"):
            backend.nearest_with_bounds(rows, bounds, start, 300, X[:k], np.zeros(n_shifts), labels[start:])
    with pytest.raises(ValueError, match="row 0 of the slice has the label -1 before the pass"):
        backend.nearest_with_bounds(rows, bounds, 0, 300, X[:3], np.zeros(3), labels - 1)
    with pytest.raises(ValueError, match="do not fit rows of 4 features"):
        backend.make_bounds(rows, X[:0])
    with pytest.raises(ValueError, match="bounds of 300 rows"):
        bounds.tell(labels[1:], np.zeros(300, np.float32), np.zeros((300, 1), np.float32))


def test_sparse_rows_have_one_bound() -> None:
    X, backend = csr_array(noise(300, 4)), get_backend("compiled")
    for rows, kind in ((backend.prepare(X), Hamerly), (backend.prepare(X.toarray()), Groups)):
        assert type(ALGORITHMS["groups"].build(backend, rows, np.zeros(300, np.int32), 1)) is kind
    assert choose(100_000, 128, 256, np.float32, is_sparse=True) == "hamerly"
    assert choose(100_000, 16, 64, np.float32, is_sparse=True) == "lloyd"


def test_all_but_the_smallest_problems_are_for_groups() -> None:
    assert choose(100_000, 16, 64, np.float32) == choose(327_346, 9, 30, np.float32) == "groups"
    assert choose(1000, 10, 5, np.float32) == choose(1000, 128, 900, np.float32) == "lloyd"
