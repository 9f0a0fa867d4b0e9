"""Every instruction set gives the bits of the NumPy reference, at every edge of its tiles, and keeps its promises."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from exact import LONG_IS_WIDE, sq_dists_long, undecided_labels
from hostile import Case
from problems import Problem, differences, read_only
from sklearn.datasets import load_digits
from tables import AMPLE, KERNELS, Row, every_backend, every_case, every_isa, prepared

from kmeans_fast.backends import get_backend
from kmeans_fast.backends.ordered_sums import group_borders

NS = (1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 129, 1000)
DS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100)
KS = (1, 2, 3, 4, 5, 11, 12, 13, 15, 16, 17, 63, 64, 65, 130)
WAYS = ((0.0, 1), (AMPLE, 3), (0.0, 3), (AMPLE, 1))
"""copy_budget and n_threads."""

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

needs_long = pytest.mark.skipif(not LONG_IS_WIDE, reason="longdouble is no wider than double here")


def weights_of(kind: str, n: int) -> np.ndarray | None:
    if kind == "none":
        return None
    rng = np.random.default_rng(n)
    weights = rng.random(n) + 0.01
    if kind == "zeros":
        weights[rng.random(n) < 0.4] = 0.0
        weights[n // 2] = 1.0
    return weights


def random_problem(n: int, d: int, k: int, dtype: str, weights: str) -> Problem:
    rng = np.random.default_rng([n, d, k])
    X, centers = rng.standard_normal((n, d)), rng.standard_normal((k, d))
    centers[: k // 3] = X[rng.integers(0, n, k // 3)]
    return Problem.of(X.astype(dtype), centers.astype(dtype), weights_of(weights, n))


def integer_problem(n: int, d: int, k: int, dtype: str, weights: str) -> Problem:
    """Small whole numbers: many exact ties."""
    rng = np.random.default_rng([n, d, k, 1])
    X, centers = rng.integers(-2, 3, (n, d)), rng.integers(-2, 3, (k, d))
    return Problem.of(X.astype(dtype), centers.astype(dtype), weights_of(weights, n))


PROBLEMS = {"random": random_problem, "integer": integer_problem}


def shapes(d: int) -> list[tuple[int, int, str]]:
    """(n, k, kind of weights) for every k; n and the weights take turns, so that all meet over the values of d."""
    turn = DS.index(d)
    kinds = ("none", "given", "zeros")
    return [(NS[(5 * i + 7 * turn) % len(NS)], k, kinds[(i + turn) % 3]) for i, k in enumerate(KS)]


@cache
def reference(make: str, n: int, d: int, k: int, dtype: str, weights: str) -> tuple[Problem, dict[str, Any]]:
    problem = PROBLEMS[make](n, d, k, dtype, weights)
    return problem, problem.run(get_backend("identity"))


def test_the_shapes_meet_every_edge() -> None:
    seen = [(n, d, k, w) for d in DS for n, k, w in shapes(d)]
    assert {n for n, *_ in seen} == set(NS)
    assert {(d, k) for _, d, k, _ in seen} == set(product(DS, KS))
    assert len({(n, k) for n, _, k, _ in seen}) > 100
    assert {(k, w) for *_, k, w in seen} == set(product(KS, ("none", "given", "zeros")))


# ---- bits -------------------------------------------------------------------------------------------------------


@every_isa
@every_dtype
@pytest.mark.parametrize("make", PROBLEMS)
@pytest.mark.parametrize("d", DS)
def test_every_kernel_has_the_bits_of_the_reference(make: str, d: int, dtype: str, row: Row) -> None:
    """Shapes take turns with the ways, two at a time: with a copy and without, with threads and without."""
    for turn, (n, k, weights) in enumerate(shapes(d), DS.index(d)):
        problem, expected = reference(make, n, d, k, dtype, weights)
        for copy_budget, n_threads in (WAYS[:2], WAYS[2:])[turn % 2]:
            wrong = differences(problem.run(row.open(), copy_budget, n_threads), expected)
            assert wrong == [], f"{n=} {k=} {weights=} {copy_budget=} {n_threads=}"


@every_isa
@every_dtype
@pytest.mark.parametrize("k", [10, 130])
def test_digits_have_the_bits_of_the_reference(k: int, dtype: str, row: Row) -> None:
    X = load_digits().data.astype(dtype)
    rng = np.random.default_rng(k)
    groups = rng.integers(0, k, len(X))
    groups[:k] = np.arange(k)
    centers = np.stack([X[groups == j].mean(axis=0) for j in range(k)]).astype(dtype)
    problem = Problem.of(X, centers, rng.random(len(X)))
    expected = problem.run(get_backend("identity"))
    for copy_budget, n_threads in WAYS:
        assert differences(problem.run(row.open(), copy_budget, n_threads), expected) == []


@cache
def hostile_reference(case: Case, dtype: str) -> tuple[Problem, dict[str, Any]]:
    problem = Problem.of(*case.build(dtype, n=300))
    return problem, problem.run(get_backend("identity"))


@every_isa
@every_case
def test_hostile_data_have_the_bits_of_the_reference(case: Case, dtype: str, row: Row) -> None:
    problem, expected = hostile_reference(case, dtype)
    for copy_budget, n_threads in WAYS:
        assert differences(problem.run(row.open(), copy_budget, n_threads), expected) == []


@cache
def large_reference(dtype: str) -> tuple[Problem, dict[str, Any]]:
    problem = random_problem(20_000, 90, 12, dtype, "given")
    return problem, problem.run(get_backend("identity"))


@every_isa
@every_dtype
def test_work_that_is_worth_many_threads_has_the_bits_of_the_reference(dtype: str, row: Row) -> None:
    problem, expected = large_reference(dtype)
    work_of_a_thread = re.search(r"WORK_OF_A_THREAD = (\d+)", (KERNELS / "_parallel.pxd").read_text())
    assert problem.X.size >= 6 * int(work_of_a_thread[1]), "too little work for seven threads"
    assert len(group_borders(len(problem.X), len(problem.centers))) - 1 >= 4, "too few groups to share"
    for copy_budget, n_threads in ((0.0, 2), (0.0, 7), (AMPLE, 3)):
        assert differences(problem.run(row.open(), copy_budget, n_threads), expected) == [], f"{n_threads=}"


# ---- no fused multiply-add where bits count ---------------------------------------------------------------------


def fused_sq_dist(x: np.ndarray, c: np.ndarray) -> float:
    """What the decider would give for 16 features if a lane's second product were fused into its sum."""
    difference = x.astype(np.float64) - c.astype(np.float64)
    p = [
        float(Fraction(float(first) * float(first)) + Fraction(float(second)) ** 2)
        for first, second in zip(difference[:8], difference[8:], strict=True)
    ]
    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))


@every_isa
@every_dtype
def test_mirrored_ties_are_ties(dtype: str, row: Row) -> None:
    """Rows have equal halves, pairs of centers swapped halves: a lane adds the same two squares either way."""
    rng = np.random.default_rng(0)
    half = (rng.standard_normal((3000, 8)) * 2.0 ** rng.integers(-6, 6, (3000, 8))).astype(dtype)
    X = np.concatenate([half, half], axis=1)
    c = (rng.standard_normal((12, 16)) * 2.0 ** rng.integers(-6, 6, (12, 16))).astype(dtype)
    centers = np.stack([c, np.roll(c, 8, axis=1)], axis=1).reshape(24, 16)
    labels = np.zeros(3000, dtype=np.int32)
    backend = row.open()
    rows = backend.prepare(X)
    backend.nearest(rows, 0, 3000, centers, labels)
    assert (labels % 2 == 0).all(), f"{np.count_nonzero(labels % 2)} ties went to the higher index"
    assert undecided_labels(X, centers, labels) == 0
    one, other = np.zeros(3000), np.zeros(3000)
    backend.label_sq_dists(rows, 0, 3000, centers, labels, one)
    backend.label_sq_dists(rows, 0, 3000, centers, labels + np.int32(1), other)
    assert one.tobytes() == other.tobytes()
    pairs = zip(X[:300], labels[:300].tolist(), strict=True)
    broken = sum(fused_sq_dist(x, centers[j]) != fused_sq_dist(x, centers[j + 1]) for x, j in pairs)
    assert broken > 30, f"a fused multiply-add would break only {broken} of 300 ties"


@every_isa
@every_dtype
def test_weighted_sums_are_not_fused(dtype: str, row: Row) -> None:
    rng = np.random.default_rng(1)
    X, weights = rng.standard_normal((256, 5)).astype(dtype), rng.random(256)
    backend = row.open()
    rows = backend.prepare(X, weights)
    sums, mass = np.zeros((2, 1, 5)), np.zeros((2, 1))
    backend.sum_by_label(rows, np.array([0, 256], dtype=np.int64), np.zeros(256, dtype=np.int32), sums, mass)
    w, x = weights[:, None] / rows.weight_unit, X.astype(np.float64)
    plain = [sum(map(Fraction, column.tolist())) for column in (w * x).T]
    fused = [sum(Fraction(a) * Fraction(b) for a, b in zip(w[:, 0].tolist(), t.tolist(), strict=True)) for t in x.T]
    pairs = zip(*sums[:, 0].tolist(), plain, strict=True)
    errors = [abs(float((Fraction(high) + Fraction(low) - p) / p)) for high, low, p in pairs]
    assert max(errors) < 2.0**-100, "these pairs are not the sums of the rounded terms"
    assert min(abs(float((f - p) / p)) for f, p in zip(fused, plain, strict=True)) > 2.0**-90, "can't tell a fused sum"


# ---- inputs -----------------------------------------------------------------------------------------------------


@every_isa
@every_dtype
@pytest.mark.parametrize("kernel", ["label_sq_dists", "sum_by_label", "candidate_gains"])
def test_labels_and_distances_that_are_only_read_may_be_read_only(kernel: str, dtype: str, row: Row) -> None:
    problem = random_problem(100, 5, 4, dtype, "given")
    backend = row.open()
    rows, borders = backend.prepare(problem.X, problem.weights), group_borders(100, 4)
    labels, candidates = np.zeros(100, np.int32), np.arange(4)
    seeds = backend.make_seeds(rows, 0, np.empty(100))
    calls = {
        "label_sq_dists": lambda: backend.label_sq_dists(rows, 0, 100, problem.centers, labels, np.empty(100)),
        "sum_by_label": lambda: backend.sum_by_label(
            rows, borders, labels, np.zeros((2, 4, 5)), np.zeros((2, 4))
        ),
        "candidate_gains": lambda: backend.candidate_gains(rows, seeds, candidates, np.empty(4, np.int64)),
    }
    read_only(labels), read_only(candidates)
    calls[kernel]()
    assert not labels.any() and (candidates == np.arange(4)).all()


# ---- distances and bounds ---------------------------------------------------------------------------------------


@needs_long
@every_isa
@every_dtype
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("d", DS)
def test_distances_are_as_precise_as_promised(d: int, offset: float, dtype: str, row: Row) -> None:
    unit = float(np.finfo(dtype).eps) / 2
    for n, k, _ in shapes(d):
        rng = np.random.default_rng([n, d, k, 2])
        X = (offset + rng.standard_normal((n, d))).astype(dtype)
        centers = (offset + rng.standard_normal((k, d))).astype(dtype)
        centers[::2] = X[rng.integers(0, n, len(centers[::2]))]
        centers[1::4] = centers[:-1:4] + np.finfo(dtype).eps * (1 + offset)
        true = np.sqrt(sq_dists_long(X, centers))
        for copy_budget, n_threads in WAYS:
            backend, start, stop = row.open(), n // 7, n - n // 5
            out = np.full((stop - start, k), np.nan, dtype=dtype)
            rows = prepared(backend, read_only(X.copy()), None, copy_budget)
            backend.distances(rows, start, stop, read_only(centers.copy()), out, n_threads=n_threads)
            error = np.abs(out - true[start:stop])
            where = f"{n=} {k=} {copy_budget=} {n_threads=}"
            assert (error <= 4 * (d + 4) * unit * true[start:stop]).all(), where
            same = (X[start:stop, None, :] == centers).all(axis=2)
            assert (out[same] == 0).all(), where


@needs_long
@every_backend
@every_case
def test_bounds_enclose_the_true_distances_of_hostile_data(case: Case, dtype: str, row: Row) -> None:
    X, centers, _ = case.build(dtype, n=row.rows(200, broadcast=100, loop=60))
    assert_bounds_enclose(row, X, centers)


@needs_long
@every_isa
@every_dtype
@pytest.mark.parametrize("d", DS)
def test_bounds_enclose_the_true_distances_at_every_edge(d: int, dtype: str, row: Row) -> None:
    for n, k, weights in shapes(d):
        problem, _ = reference("random", n, d, k, dtype, weights)
        assert_bounds_enclose(row, problem.X, problem.centers)


@needs_long
@every_isa
@every_dtype
@pytest.mark.parametrize(("d", "k"), [(8, 5), (16, 16), (33, 65), (100, 17)])
def test_bounds_are_tight_on_ordinary_data(d: int, k: int, dtype: str, row: Row) -> None:
    rng = np.random.default_rng([d, k])
    X, centers = rng.standard_normal((1000, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    upper, lower, nearest, second = assert_bounds_enclose(row, X, centers)
    assert (upper <= nearest * (1 + 1e-4)).all()
    assert (lower >= second * (1 - 1e-4)).all()


def assert_bounds_enclose(row: Row, X: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns upper, lower, the true distances to the nearest, and to the best of the others, in ``data_unit``."""
    backend, n = row.open(), len(X)
    true = np.sqrt(sq_dists_long(X, centers))
    for copy_budget, n_threads in WAYS:
        labels, upper, lower = np.zeros(n, dtype=np.int32), np.zeros(n, np.float32), np.zeros(n, np.float32)
        rows = prepared(backend, X, None, copy_budget)
        backend.two_nearest(rows, np.arange(n, dtype=np.int64), centers, labels, upper, lower, n_threads=n_threads)
        in_unit = true / np.longdouble(rows.data_unit)
        own = np.take_along_axis(in_unit, labels[:, None], axis=1)[:, 0]
        np.put_along_axis(in_unit, labels[:, None], np.inf, axis=1)
        others = in_unit.min(axis=1)
        where = f"{X.shape=} k={len(centers)} {copy_budget=} {n_threads=}"
        assert (upper >= own).all(), where
        assert (lower <= others).all() and (lower >= 0).all(), where
    return upper, lower, own, others


# ---- the door ---------------------------------------------------------------------------------------------------


@every_isa
def test_the_named_instruction_set_is_the_one_in_use(row: Row) -> None:
    backend = row.open()
    assert (backend.name, backend.isa) == ("compiled", row.isa)


def test_an_instruction_set_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'sse9'"):
        get_backend("compiled", isa="sse9")
