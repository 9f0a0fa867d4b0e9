"""Batches: draws, moves, reassignment and stop rules, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.minibatch import (
    Draws,
    Learner,
    StopRule,
    first_centers,
    inertia_of_sample,
    iterate,
    learn_until,
    moved,
    random_integers,
)
from kmeans_fast.engine.partials import Partials
from kmeans_fast.engine.seeding import SEEDINGS, probabilities

every_backend = pytest.mark.parametrize("name", BACKENDS)
IDENTITY = get_backend("identity")
SOURCES = {"legacy": np.random.RandomState, "generator": np.random.default_rng}
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def learner_of(name: str, centers: Any, *, counts: Any = None, ratio: float = 0.0, **options: Any) -> Learner:
    centers = np.array(centers, dtype=options.pop("dtype", float))
    counts = np.zeros(len(centers)) if counts is None else np.array(counts, dtype=float)
    options = {"random_state": np.random.RandomState(0), "batch_size": 4, "reassignment_ratio": ratio, **options}
    return Learner(get_backend(name), centers, counts, **options)


def rows_of(name: str, X: Any, weights: Any = None) -> Any:
    return get_backend(name).prepare(np.array(X, dtype=float), None if weights is None else np.array(weights, float))


# ---- draws ----------------------------------------------------------------------------------------------------


def kinds_of_weights(n: int) -> dict[str, Any]:
    rng = np.random.default_rng(n)
    sparse = np.where(rng.random(n) < 0.2, rng.random(n), 0.0)
    sparse[n // 2] = 1.0
    last = np.zeros(n)
    last[-1] = 3.0
    spread = 10.0 ** rng.uniform(-12, 12, n)
    return {"none": None, "random": rng.random(n) + 1e-3, "sparse": sparse, "last": last, "spread": spread}


@every_source
@pytest.mark.parametrize("kind", kinds_of_weights(2))
@pytest.mark.parametrize("n", [1, 2, 3, 7, 1000, 99_991])
def test_draws_are_those_of_choice_bit_by_bit(n: int, kind: str, source: Any) -> None:
    rows = IDENTITY.prepare(np.zeros((n, 1)), kinds_of_weights(n)[kind])
    draw, ours, theirs = Draws(rows), source(5), source(5)
    for size in (1, 64, 4000):
        expected = theirs.choice(n, size, p=probabilities(rows), replace=True)
        assert draw(ours, size).tolist() == expected.tolist()
    assert ours.random() == theirs.random(), "the streams have parted"


@every_source
def test_even_draws_are_right_on_the_borders_of_rows(source: Any) -> None:
    n = 100_003
    draw = Draws(IDENTITY.prepare(np.zeros((n, 1))))
    borders = np.concatenate([[0.0], draw.running[:-1]])
    for uniform in (borders, np.nextafter(borders[1:], 0), np.nextafter(borders, 1), np.arange(n) / n):
        expected = draw.running.searchsorted(uniform, side="right")
        assert draw._guessed(uniform).tolist() == expected.tolist()
    assert ((np.arange(n) / n * n).astype(int) != draw.running.searchsorted(np.arange(n) / n, side="right")).any()


@every_source
def test_rows_of_weight_zero_are_never_drawn(source: Any) -> None:
    weights = np.where(np.arange(5000) % 7 == 3, np.random.default_rng(0).random(5000), 0.0)
    draw = Draws(IDENTITY.prepare(np.zeros((5000, 1)), weights))
    assert all((weights[draw(source(seed), 1000)] > 0).all() for seed in range(20))


@every_source
def test_integers_are_below_n(source: Any) -> None:
    drawn = random_integers(source(0), 5, 1000)
    assert drawn.dtype == np.int64 and np.unique(drawn).tolist() == [0, 1, 2, 3, 4]
    assert (random_integers(source(0), 5, 1000) == drawn).all()


# ---- first centers ----------------------------------------------------------------------------------------------


@every_source
@pytest.mark.parametrize("init", SEEDINGS)
@pytest.mark.parametrize("n_weighted", [4, 40])
def test_rows_of_weight_zero_are_never_seeds(n_weighted: int, init: str, source: Any) -> None:
    weights = np.zeros(2000)
    weights[np.random.default_rng(1).permutation(2000)[:n_weighted]] = 1.0
    rows = rows_of("identity", np.arange(2000.0)[:, None], weights)
    for seed in range(30):
        centers = first_centers(init, IDENTITY, rows, 4, source(seed), init_size=20)
        assert (weights[centers[:, 0].astype(int)] > 0).all()


def test_all_rows_are_seeded_from_without_a_draw_if_init_size_allows() -> None:
    X, seen = np.arange(8.0)[:, None], []
    rows, random_state = rows_of("identity", X), np.random.RandomState(0)

    def init(X: np.ndarray, k: int, random_state: Any) -> np.ndarray:
        seen.append(X)
        return X[:k]

    first_centers(init, IDENTITY, rows, 2, random_state, init_size=8)
    assert seen[0] is rows.X and random_state.random() == np.random.RandomState(0).random()
    first_centers(init, IDENTITY, rows, 2, np.random.RandomState(0), init_size=5)
    assert seen[1][:, 0].tolist() == np.random.RandomState(0).randint(0, 8, 5).tolist()


@every_backend
@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 4.0]])
def test_the_inertia_of_a_sample_counts_each_row_with_its_weight(weights: Any, name: str) -> None:
    rows = rows_of(name, [[0.0], [1.0], [5.0], [9.0]], weights)
    chosen = np.array([0, 1, 1, 3, 2])
    sq_dists, share = np.array([0.0, 1, 1, 16, 0]), np.ones(5) if weights is None else np.array(weights)[chosen]
    inertia = inertia_of_sample(get_backend(name), rows, chosen, np.array([[0.0], [5.0]]))
    assert inertia * rows.weight_unit == (sq_dists * share).sum()


# ---- a step -----------------------------------------------------------------------------------------------------


@every_backend
def test_a_center_is_the_mean_of_all_that_it_was_given(name: str) -> None:
    learner = learner_of(name, [[0.0, 0.0], [8.0, 8.0], [99.0, 7.5]])
    first, second = [[1.0, 1.0], [3.0, 1.0]], [[2.0, 4.0], [9.0, 9.0], [7.0, 5.0], [2.0, 2.0]]
    step = learner.learn(rows_of(name, first))
    assert step.new_centers.tolist() == [[2.0, 1.0], [8.0, 8.0], [99.0, 7.5]]
    assert step.inertia == 12.0 and learner.counts.tolist() == [2, 0, 0]
    step = learner.learn(rows_of(name, second))
    assert step.new_centers.tolist() == [[2.0, 2.0], [8.0, 7.0], [99.0, 7.5]]
    assert learner.counts.tolist() == [4, 2, 0] and learner.centers is step.new_centers


@every_backend
def test_weights_count_as_repeats_whatever_their_unit(name: str) -> None:
    X, weights = np.array([[1.0], [3.0], [7.0], [11.0]]), np.array([3, 1, 0, 2])
    repeated, weighted, scaled = (learner_of(name, [[0.0], [10.0]]) for _ in range(3))
    factor = 2.0**-700
    for _ in range(3):
        repeated.learn(rows_of(name, np.repeat(X, weights, axis=0)))
        weighted.learn(rows_of(name, X, weights))
        scaled.learn(rows_of(name, X, weights * factor))
        assert (repeated.centers == weighted.centers).all() and (repeated.centers == scaled.centers).all()
        assert (repeated.counts == weighted.counts).all() and (repeated.counts * factor == scaled.counts).all()


@every_backend
def test_neither_centers_nor_counts_that_were_there_are_written_to(name: str) -> None:
    learner = learner_of(name, [[0.0], [10.0], [20.0]], counts=[5, 5, 0], ratio=0.5)
    centers, counts = learner.centers, learner.counts
    centers.flags.writeable = counts.flags.writeable = False
    step = learner.learn(rows_of(name, [[1.0], [9.0], [2.0], [30.0]]))
    assert step.centers is centers and not np.shares_memory(step.new_centers, centers)


def test_all_batches_have_the_units_of_the_rows() -> None:
    X = np.full((50, 1), 2.0**-600)
    X[0] = 2.0**600
    rows = IDENTITY.prepare(X)
    learner = learner_of("identity", [[0.0]], batch_size=2)
    units = [rows.data_unit, *(IDENTITY.take(rows, np.array([i, 1])).data_unit for i in range(3))]
    assert len(set(units)) == 1 and units[0] > 2.0**100
    assert len([step for step in iterate(learner, rows, 7)]) == 7


def partials(sums: np.ndarray, mass: np.ndarray) -> Partials:
    return Partials(np.stack([sums, np.zeros_like(sums)]), np.stack([mass, np.zeros_like(mass)]))


@pytest.mark.parametrize(
    ("dtype", "unit"), [(np.float32, 1.0), (np.float64, 1.0), (np.float64, 2.0**-900), (np.float64, 2.0**900)]
)
def test_moves_are_means_rounded_once(dtype: type, unit: float) -> None:
    rng = np.random.default_rng(0)
    centers, counts = rng.standard_normal((70, 900)).astype(dtype), rng.integers(1, 99, 70).astype(float)
    totals = partials(rng.standard_normal((70, 900)) * 9, rng.integers(0, 9, 70).astype(float))
    counts[5] = 0
    assert not totals.mass.all() and totals.mass[5] > 0
    found = moved(centers * dtype(unit), counts, totals, unit) / dtype(unit)
    total = np.maximum(counts + totals.mass, 1)[:, None].astype(np.longdouble)
    exact = (centers.astype(np.longdouble) * counts[:, None] + totals.sums) / total
    exact[totals.mass == 0] = centers[totals.mass == 0]
    assert found.dtype == dtype and (found[totals.mass == 0] == centers[totals.mass == 0]).all()
    np.testing.assert_allclose(found.astype(np.longdouble), exact, rtol=np.finfo(dtype).eps, atol=2.0**-48)


def test_huge_centers_and_counts_give_finite_means() -> None:
    totals = partials(np.array([[6.0], [6.0]]), np.array([2.0, 2.0]))
    found = moved(np.array([[1e300], [1e300]]), np.array([2.0, 2e30]), totals, 1.0)
    np.testing.assert_allclose(found, [[5e299], [1e300]])
    learner = learner_of("identity", [[4.0]])
    for weight in (1e308, 1e308, 1e308, 1e-300):
        learner.learn(rows_of("identity", [[8.0], [8.0]], [weight, weight]))
        assert np.isfinite(learner.counts).all() and 4 <= learner.centers[0, 0] <= 8


# ---- reassignment -------------------------------------------------------------------------------------------------


def test_poor_centers_go_to_drawn_rows_and_count_as_the_least_of_the_others() -> None:
    X = np.array([[0.0], [1.0], [50.0], [51.0], [50.5], [49.0]])
    learner = learner_of("identity", [[0.0], [50.0], [900.0]], counts=[30, 40, 0], ratio=0.01, batch_size=6)
    said: list[str] = []
    learner.say = said.append
    step = learner.learn(rows_of("identity", X))
    expected = np.random.RandomState(0).choice(6, replace=False, size=1)
    assert step.n_reassigned == 1 and said == ["[MiniBatchKMeans] Reassigning 1 cluster centers."]
    assert step.new_centers[2].tolist() == X[expected[0]].tolist()
    assert learner.counts.tolist() == [32, 44, 32]


@pytest.mark.parametrize("ratio", [0.5, 1.0, 7.0])
def test_at_most_half_of_the_batch_and_never_the_heaviest(ratio: float) -> None:
    k = 20
    learner = learner_of("identity", np.arange(k)[:, None] * 10.0, counts=np.arange(k) + 1, ratio=ratio, batch_size=200)
    step = learner.learn(rows_of("identity", np.full((8, 1), 190.0)))
    assert step.n_reassigned == 4 and (step.new_centers[4:, 0] == np.arange(4, k) * 10).all()
    learner = learner_of("identity", [[0.0], [10.0]], counts=[5, 5], ratio=ratio, batch_size=200)
    assert learner.learn(rows_of("identity", np.full((8, 1), 10.0))).n_reassigned <= 1
    assert learner.counts.tolist()[1] == 13


def test_only_rows_of_positive_weight_are_drawn() -> None:
    X, weights = np.arange(40.0)[:, None], np.where(np.arange(40) % 10 == 0, 1.0, 0.0)
    for seed in range(20):
        learner = learner_of("identity", [[0.0], [500.0], [600.0], [700.0]], ratio=0.1,
                             random_state=np.random.RandomState(seed))  # fmt: skip
        plain = learner_of("identity", [[0.0], [500.0], [600.0], [700.0]], ratio=0.1,
                           random_state=np.random.RandomState(seed))  # fmt: skip
        step = learner.learn(rows_of("identity", X, weights))
        assert step.n_reassigned == 2 and set(step.new_centers[1:3, 0]) <= {0.0, 10.0, 20.0, 30.0}
        assert (plain.learn(rows_of("identity", X[weights > 0])).new_centers == step.new_centers).all()


def test_reassignment_is_due_with_an_empty_count_and_each_ten_rows_a_center() -> None:
    learner = learner_of("identity", [[0.0], [1.0]], counts=[1, 0], batch_size=4)
    assert learner._is_reassignment_due() and learner.n_since_reassigned == 0
    learner.counts = np.array([1.0, 1.0])
    assert [learner._is_reassignment_due() for _ in range(10)] == [False] * 4 + [True] + [False] * 4 + [True]


# ---- stops --------------------------------------------------------------------------------------------------------


def reasons(rule: StopRule, inertias: list[float], moves: float = 1.0) -> list[str]:
    return [rule.reason_to_stop(inertia, moves) for inertia in inertias]


def test_the_first_step_never_stops() -> None:
    rule = StopRule(100, 10, threshold=9.0, max_no_improvement=0)
    assert rule.reason_to_stop(5.0, 0.0) == "" and rule.smoothed is None
    assert rule.reason_to_stop(5.0, 0.0) == "small centers change" and rule.smoothed == 5.0


def test_no_improvement_is_counted_on_the_smoothed_inertia() -> None:
    rule = StopRule(99, 10, threshold=0.0, max_no_improvement=2)
    assert reasons(rule, [9.0, 5.0, 4.0, 4.9, 4.7]) == ["", "", "", "", ""]
    assert rule.smoothed == pytest.approx(((5 * 0.8 + 4 * 0.2) * 0.8 + 4.9 * 0.2) * 0.8 + 4.7 * 0.2)
    assert reasons(rule, [6.0, 6.0]) == ["", "lack of improvement in inertia"]


def test_none_and_zero_never_stop() -> None:
    rule = StopRule(99, 10, threshold=0.0, max_no_improvement=None)
    assert set(reasons(rule, [1.0] * 50, moves=0.0)) == {""}


def test_a_batch_larger_than_the_data_replaces_the_mean() -> None:
    rule = StopRule(10, 10, threshold=0.0, max_no_improvement=None)
    reasons(rule, [1.0, 2.0, 7.0])
    assert rule.smoothed == 7.0


@every_backend
def test_a_run_tells_what_happened(name: str) -> None:
    rows = rows_of(name, np.random.default_rng(0).standard_normal((60, 2)))
    said: list[str] = []
    learner = learner_of(name, rows.X[:3], batch_size=20, say=said.append)
    run = learn_until(StopRule(60, 20, threshold=0.0, max_no_improvement=2), learner, rows, 40)
    assert run.converged and 1 < run.n_steps < 40 and {len(v) for v in run.history.values()} == {run.n_steps}
    assert said[0] == f"Minibatch step 1/40: mean batch inertia: {run.history['inertia'][0]}"
    assert said[-1] == f"Converged (lack of improvement in inertia) at step {run.n_steps}/40"
    assert said[-2].endswith(f", ewa inertia: {run.smoothed}")
    single = learn_until(StopRule(60, 20, threshold=0.0, max_no_improvement=2), learner, rows, 1)
    assert (single.n_steps, single.converged, single.smoothed) == (1, False, single.history["inertia"][0])
