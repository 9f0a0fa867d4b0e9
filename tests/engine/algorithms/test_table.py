"""Every algorithm gives what Lloyd's gives, label for label and bit for bit, in every iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hostile import CASES
from sklearn.datasets import load_digits, make_blobs
from tables import Row, every_backend, every_case, every_isa

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.algorithms import ALGORITHMS, choose
from kmeans_fast.engine.loop import finish, iterate
from kmeans_fast.engine.shard import Shard

OTHERS = [name for name in ALGORITHMS if name != "lloyd"]
every_other = pytest.mark.parametrize("algorithm", OTHERS)


def trace(algorithm: str, backend: Any, X: Any, weights: Any, init: Any, n_iter: int, n_threads: int = 1) -> list[Any]:
    rows = backend.prepare(X, weights, copy_budget=1.5, n_threads=n_threads)
    shard = Shard(backend, rows, len(init), algorithm=algorithm, n_threads=n_threads)
    seen: list[Any] = []
    for step in iterate(shard, init.copy(), n_iter):
        seen += [shard.labels.copy(), step.new_centers, step.totals.mass.copy(), step.totals.n_changed, step.n_filled]
        if step.is_settled:
            break
    seen += finish(shard, step)
    return [np.asarray(value).tobytes() for value in seen]


def data_of(kind: str, n: int, d: int) -> tuple[Any, int]:
    rng = np.random.default_rng([n, d])
    if kind == "noise":
        return rng.standard_normal((n, d)), 12
    if kind == "blobs":
        return make_blobs(n, d, centers=9, random_state=0)[0], 9
    if kind == "lattice":
        return rng.integers(-3, 4, (n, d)).astype(float), 10
    if kind == "duplicates":
        return np.repeat(rng.standard_normal((max(n // 10, 30), d)), 10, axis=0), 20
    return load_digits().data[:n, :d], 10


@every_isa
@every_other
@pytest.mark.parametrize("kind", ["noise", "blobs", "lattice", "duplicates", "digits"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_iterations_are_those_of_lloyd(kind: str, algorithm: str, dtype: str, row: Row) -> None:
    for d in (1, 2, 3, 4, 7):
        X, k = data_of(kind, 3000, d)
        X = X.astype(dtype)
        init = X[np.random.default_rng(d).choice(len(X), k, replace=False)]
        expected = trace("lloyd", row.open(), X, None, init, 30)
        assert len(expected) > 20 or kind != "noise", "too few iterations to tell"
        for n_threads in (1, 3):
            assert trace(algorithm, row.open(), X, None, init, 30, n_threads) == expected, f"{d=} {n_threads=}"


@every_isa
@every_other
@every_case
def test_hostile_data_have_the_iterations_of_lloyd(case: Any, dtype: str, algorithm: str, row: Row) -> None:
    X, centers, weights = case.build(dtype, n=300)
    expected = trace("lloyd", row.open(), X, weights, centers, 6)
    assert trace(algorithm, row.open(), X, weights, centers, 6) == expected


@every_backend
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_backend_has_the_kernels_of_every_algorithm(algorithm: str, row: Row) -> None:
    X = np.random.default_rng(0).standard_normal((row.rows(600), 2))
    assert trace(algorithm, row.open(), X, None, X[:5], 5) == trace("lloyd", get_backend("identity"), X, None, X[:5], 5)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_table_names_the_kernels(name: str) -> None:
    able = [b for b in BACKENDS if all(callable(getattr(get_backend(b), k, None)) for k in ALGORITHMS[name].kernels)]
    assert able == list(BACKENDS)


@pytest.mark.parametrize("shape", [(1, 1, 1), (10**6, 2, 64), (1000, 768, 1000)])
def test_the_choice_is_a_row_of_the_table(shape: tuple[int, int, int]) -> None:
    assert choose(*shape, np.float32) in ALGORITHMS


def test_few_features_are_for_boxes() -> None:
    assert choose(10**6, 2, 64, np.float32) == "boxes" and choose(10**6, 16, 64, np.float32) == "groups"
    assert choose(20_000, 2, 64, np.float32) == "boxes" and choose(20_000, 4, 800, np.float32) == "lloyd"
    assert CASES, "the hostile cases are gone"
