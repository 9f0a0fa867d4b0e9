"""The same draws as scikit-learn's, and what is never drawn."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import sklearn.cluster

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine import slices
from kmeans_fast.engine.seeding import SEEDINGS, equally_likely_rows, first_row, plus_plus, random_rows, seed

every_backend = pytest.mark.parametrize("name", BACKENDS)
every_seeding = pytest.mark.parametrize("seeding", SEEDINGS)


@every_backend
@pytest.mark.parametrize("random_state", range(10))
@pytest.mark.parametrize("weighted", [False, True])
def test_plus_plus_picks_the_rows_that_scikit_learn_picks(weighted: bool, random_state: int, name: str) -> None:
    rng = np.random.default_rng(random_state)
    X = rng.standard_normal((500, 6))
    weights = rng.random(500) if weighted else None
    _, expected = sklearn.cluster.kmeans_plusplus(X, 9, sample_weight=weights, random_state=random_state)
    backend = get_backend(name)
    chosen = plus_plus(backend, backend.prepare(X, weights), 9, np.random.RandomState(random_state))
    assert chosen.tolist() == expected.tolist() and chosen.dtype == np.int64


@pytest.mark.parametrize("random_state", range(5))
@pytest.mark.parametrize(("d", "spread"), [(2, 3.0), (16, 20.0), (16, 0.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_many_seeds_are_picked_as_scikit_learn_picks_them(
    weighted: bool, d: int, spread: float, random_state: int
) -> None:
    rng = np.random.default_rng(random_state)
    X = rng.standard_normal((2500, d)) + spread * rng.standard_normal((20, d))[rng.integers(0, 20, 2500)]
    weights = rng.random(2500) if weighted else None
    _, expected = sklearn.cluster.kmeans_plusplus(X, 120, sample_weight=weights, random_state=random_state)
    backend = get_backend()
    chosen = plus_plus(backend, backend.prepare(X, weights), 120, np.random.RandomState(random_state))
    assert chosen.tolist() == expected.tolist()


@every_backend
@pytest.mark.parametrize("random_state", range(5))
def test_a_far_row_does_not_blur_the_draws_after_it(random_state: int, name: str) -> None:
    X = np.random.default_rng(0).standard_normal((600, 3))
    X[100] = 1e6
    _, expected = sklearn.cluster.kmeans_plusplus(X, 12, random_state=random_state)
    backend = get_backend(name)
    chosen = plus_plus(backend, backend.prepare(X), 12, np.random.RandomState(random_state))
    assert chosen.tolist() == expected.tolist() and chosen[1] == 100


@pytest.mark.parametrize("n", [1, 2, 10, 1000])
def test_the_first_row_is_drawn_as_by_choice(n: int) -> None:
    backend = get_backend("identity")
    rows = backend.prepare(np.arange(float(n))[:, None])
    for random_state in range(20):
        ours, theirs = np.random.RandomState(random_state), np.random.RandomState(random_state)
        assert first_row(rows, ours) == theirs.choice(n, p=np.full(n, 1 / n))
        assert ours.random_sample() == theirs.random_sample()


@pytest.mark.parametrize("random_state", range(5))
def test_float32_rows_are_seeded_like_their_float64_values(random_state: int) -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 5)).astype(np.float32)
    _, expected = sklearn.cluster.kmeans_plusplus(X.astype(np.float64), 20, random_state=random_state)
    backend = get_backend()
    chosen = plus_plus(backend, backend.prepare(X), 20, np.random.RandomState(random_state))
    assert chosen.tolist() == expected.tolist()


@every_backend
def test_candidates_measured_a_few_at_a_time_are_picked_alike(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((700, 3))
    backend = get_backend(name)
    n_calls = []

    class Counting:
        make_seeds, draw_rows = staticmethod(backend.make_seeds), staticmethod(backend.draw_rows)
        add_seed = staticmethod(backend.add_seed)

        @staticmethod
        def candidate_gains(*args: Any, **options: Any) -> None:
            n_calls.append(len(args[2]))
            backend.candidate_gains(*args, **options)

    picked = []
    for work in (10**10, 2 * X.size * backend.prepare(X).slowness):
        monkeypatch.setattr(slices, "WORK", work)
        rng = np.random.RandomState(0)
        picked.append(plus_plus(Counting(), backend.prepare(X), 4, rng, n_local_trials=5).tolist())
    assert n_calls == [5] * 3 + [2, 2, 1] * 3
    assert picked[0] == picked[1]


@every_backend
def test_random_rows_are_distinct_and_drawn_as_by_choice(name: str) -> None:
    X, weights = np.arange(50.0)[:, None], np.random.default_rng(0).random(50)
    backend = get_backend(name)
    chosen = random_rows(backend, backend.prepare(X, weights), 20, np.random.RandomState(3))
    expected = np.random.RandomState(3).choice(50, size=20, replace=False, p=weights / weights.sum())
    assert chosen.tolist() == expected.tolist() and len(set(chosen.tolist())) == 20


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 2), (3, 2), (10, 9), (1000, 2), (1000, 50), (12345, 4), (300_000, 2)])
def test_equally_likely_rows_are_drawn_as_by_choice(n: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    n_passes, full = [], np.full
    for random_state in range(20):
        ours, theirs = np.random.RandomState(random_state), np.random.RandomState(random_state)
        with monkeypatch.context() as patch:
            patch.setattr(np, "full", lambda *args: n_passes.append(1) or full(*args))
            chosen = equally_likely_rows(n, k, ours)
        assert chosen.tolist() == theirs.choice(n, size=k, replace=False, p=np.full(n, 1 / n)).tolist()
        assert chosen.dtype == np.int64 and ours.random_sample() == theirs.random_sample()
    assert len(n_passes) == 0 or n < 100 * k * k, "the chances were summed for nothing"


def test_draws_near_the_border_of_two_rows_are_looked_up() -> None:
    n = 1000
    running = np.cumsum(np.full(n, 1 / n)) / np.cumsum(np.full(n, 1 / n))[-1]
    assert (running[:-1] != np.arange(1, n) / n).any(), "a quotient would do"

    class Drawn(np.random.RandomState):
        def random_sample(self, size: int) -> np.ndarray:  # type: ignore[override]
            return border

    for i in range(n - 1):
        for border in (running[i : i + 1], np.nextafter(running[i : i + 1], 0.0)):
            expected = int(np.searchsorted(running, border[0], side="right"))
            assert equally_likely_rows(n, 1, Drawn()).tolist() == [expected]


@every_backend
@every_seeding
def test_rows_of_weight_zero_are_never_seeds(seeding: str, name: str) -> None:
    X = np.repeat([[0.0], [1.0], [2.0]], 20, axis=0)
    weights = np.where(np.arange(60) % 4 == 2, 1.0, 0.0)
    backend = get_backend(name)
    rows = backend.prepare(X, weights)
    for random_state in range(20):
        chosen = SEEDINGS[seeding](backend, rows, 6, np.random.RandomState(random_state))
        assert (weights[chosen] > 0).all()


@every_backend
def test_more_seeds_than_distinct_rows_are_still_weighted_rows(name: str) -> None:
    backend = get_backend(name)
    rows = backend.prepare(np.ones((10, 2)), np.array([0.0] * 3 + [1.0] * 7))
    assert (plus_plus(backend, rows, 5, np.random.RandomState(0)) >= 3).all()


@every_seeding
def test_a_generator_is_as_good_as_a_random_state(seeding: str) -> None:
    backend = get_backend("identity")
    rows = backend.prepare(np.random.default_rng(0).standard_normal((100, 2)))
    first, again = (SEEDINGS[seeding](backend, rows, 5, np.random.default_rng(7)) for _ in range(2))
    assert first.tolist() == again.tolist()


@every_backend
@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600, 2.0**1000])
def test_scale_does_not_change_the_seeds(scale: float, name: str) -> None:
    X = np.random.default_rng(0).standard_normal((200, 3))
    backend = get_backend(name)
    plain, scaled = (plus_plus(backend, backend.prepare(data), 6, np.random.RandomState(1)) for data in (X, X * scale))
    assert plain.tolist() == scaled.tolist()


def test_given_centers_are_copied_and_a_callable_is_asked() -> None:
    backend = get_backend("identity")
    rows = backend.prepare(np.arange(8.0).reshape(4, 2))
    given = np.zeros((2, 2))
    copy = seed(given, backend, rows, 2, np.random.RandomState(0))
    assert copy is not given and not np.shares_memory(copy, given) and (copy == given).all()
    asked = seed(lambda X, k, random_state: X[:k] + 1, backend, rows, 2, np.random.RandomState(0))
    assert asked.tolist() == [[1, 2], [3, 4]]


def test_seeding_holds_few_vectors() -> None:
    X = np.random.default_rng(0).standard_normal((200_000, 16)).astype(np.float32)
    backend = get_backend()
    rows = backend.prepare(X)
    tracemalloc.start()
    plus_plus(backend, rows, 4, np.random.RandomState(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * 8 * len(X)
