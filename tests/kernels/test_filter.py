"""The filter: how far its scores are from the true ones, and that what it leaves open is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exact import LONG_IS_WIDE, undecided_labels
from scipy.sparse import csr_array
from tables import AMPLE, ISAS, KERNELS, Row, parameter

from kmeans_fast.backends.conditioning import condition
from kmeans_fast.backends.decider import decide_rows
from kmeans_fast.kernels._filter import filter_scores

N, D, K = 25_000, 90, 49
SOURCES = {isa: (KERNELS / "c" / f"isa_{isa}.c").read_text() for isa in ISAS}
OF_BF16 = [isa for isa in ISAS if "#define NARROW_IS_BF16 1" in SOURCES[isa]]
OF_WHOLE = [isa for isa in ISAS if "#define NARROW_IS_WHOLE 1" in SOURCES[isa]]
COARSE = OF_BF16 + OF_WHOLE
"""Their filter is one for both dtypes; that of the others, if they have vectors, is of float32 for float64."""
OF_FLOAT = [isa for isa in ISAS if isa not in COARSE and "#define VEC_BYTES 0" not in SOURCES[isa]]
FILTERS = [(isa, dtype) for isa in COARSE for dtype in ("float32", "float64")] + [(isa, "float64") for isa in OF_FLOAT]
NONE = [(isa, dtype) for isa in ISAS for dtype in ("float32", "float64") if (isa, dtype) not in FILTERS]


def parameters(filters: list[tuple[str, str]]) -> list[Any]:
    cells = [(parameter(Row("compiled", isa)), dtype) for isa, dtype in filters]
    return [pytest.param(*cell.values, dtype, id=f"{cell.id}-{dtype}", marks=cell.marks) for cell, dtype in cells]


every_filter = pytest.mark.parametrize(("row", "dtype"), parameters(FILTERS))

Data = tuple[np.ndarray, np.ndarray]


def around_zero(X: np.ndarray) -> np.ndarray:
    """Most rows are zeros, and so is the origin."""
    X[: 3 * len(X) // 5] = 0
    return X


def ordinary(rng: np.random.Generator) -> Data:
    return rng.standard_normal((N, D)), rng.standard_normal((K, D))


def far_from_the_origin(rng: np.random.Generator) -> Data:
    X, centers = ordinary(rng)
    return X + 1e4 * (np.arange(N) % 2)[:, None], centers + 1e4 * (np.arange(K) % 2)[:, None]


def of_many_scales(rng: np.random.Generator) -> Data:
    X, centers = ordinary(rng)
    return X * np.exp(20 * rng.standard_normal((N, 1)) - 40), centers * np.exp(15 * rng.standard_normal(D) - 60)


def nearly_nothing(rng: np.random.Generator) -> Data:
    """One large value sets the scale; products of the others vanish."""
    X, centers = ordinary(rng)
    X, centers = around_zero(X * 1e-25), centers * 1e-20
    X[0] = 1
    return X, centers


def as_long_as_what_may_vanish(rng: np.random.Generator) -> Data:
    """One large value sets the scale; rows are hardly longer than what their norms allow for squares that vanish."""
    X = around_zero(2.0**-60 * rng.uniform(0.8, 1.3, (N, D)))
    X[0, 0] = 1
    across = (-1.0) ** np.arange(D)
    return X, 2.0**-49 * np.stack([across, np.ones(D), *[2 * across] * (K - 2)])


def one_center_at_the_origin(rng: np.random.Generator) -> Data:
    X, centers = ordinary(rng)
    centers[0] = 0
    return around_zero(X), centers


def rounded_one_way(rng: np.random.Generator) -> Data:
    """Values just below the middle of two of bfloat16: what they lose points to where the centers are, or away."""
    signs = np.where(rng.random(D) < 0.5, -1.0, 1.0)
    X = signs * (1 + 2.0**-8 * (1 - 2.0 ** -rng.integers(7, 12, (N, D))))
    X[::2] *= -1
    return around_zero(X), np.tile(signs * (1 + 2.0**-8 * (1 - 2.0**-7)), (K, 1))


def rounded_one_way_to_whole(rng: np.random.Generator) -> Data:
    """The same of whole numbers of a unit, which the one feature with the largest values sets."""
    signs = np.where(rng.random(D) < 0.5, -1.0, 1.0)
    X = signs * (0.5 - rng.uniform(0.002, 0.01, (N, D)))
    X[:, 0] = 32_700 * signs[0]
    X[::2] *= -1
    return around_zero(X), np.tile(100.0 * signs, (K, 1))


def one_long_center(rng: np.random.Generator) -> Data:
    X, centers = ordinary(rng)
    centers[K // 2] *= 1e3
    return X, centers


KINDS = (
    ordinary,
    far_from_the_origin,
    of_many_scales,
    nearly_nothing,
    as_long_as_what_may_vanish,
    one_center_at_the_origin,
    rounded_one_way,
    rounded_one_way_to_whole,
    one_long_center,
)


def scores_of(row: Row, X: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any]:
    rows = row.open().prepare(X)
    names, scores = np.empty((len(X), 2), np.int32), np.empty((len(X), 6), np.float32)
    filter_scores(rows, centers, names, scores)
    return names, scores, rows


def true_scores(X: np.ndarray, centers: np.ndarray, names: np.ndarray) -> np.ndarray:
    """``||c||**2 / 2 - x @ c`` in longdouble, of rows and centers as the filter shifts and scales them."""
    found = condition(X)
    wide = X.astype(np.longdouble) * found.scale - found.origin.astype(np.longdouble) * found.scale
    c = centers.astype(np.longdouble) * found.scale - found.origin.astype(np.longdouble) * found.scale
    return np.column_stack(
        [0.5 * (c * c).sum(axis=1)[name] - np.einsum("ij,ij->i", wide, c[name]) for name in names.T]
    )


@pytest.mark.skipif(not LONG_IS_WIDE, reason="longdouble is no wider than double here")
@every_filter
def test_a_million_scores_lie_within_their_bounds(row: Row, dtype: str) -> None:
    shares = []
    for kind in KINDS:
        X, centers = (a.astype(dtype) for a in kind(np.random.default_rng(1)))
        names, scores, _ = scores_of(row, X, centers)
        found, by_values, by_sums = scores[:, :2].astype(np.longdouble), scores[:, 3:5], scores[:, 5:]
        beyond = true_scores(X, centers, names) - found
        assert (beyond >= -by_sums).all(), kind.__name__
        assert (beyond <= by_values + by_sums).all(), kind.__name__
        if row.isa in COARSE:
            share = beyond / by_values
            shares += [float(np.nanmin(share)), float(np.nanmax(share))]
        else:
            assert not by_values.any(), "what rounding costs is counted with the sums"
            shares += [0.0, float(np.nanmax(np.abs(beyond) / by_sums))]
    least = 0.95 if row.isa in COARSE else 0.02
    assert min(shares) < 0.05 and max(shares) > least, "no data here would show a bound that is too narrow"


@every_filter
@pytest.mark.parametrize("kind", KINDS)
def test_no_label_is_wrong(kind: Callable[[np.random.Generator], Data], row: Row, dtype: str) -> None:
    """Also where the nearest center is none of those that the filter names."""
    X, centers = (a.astype(dtype) for a in kind(np.random.default_rng(2)))
    X = np.concatenate([X[:1200], X[-800:]])
    rows = row.open().prepare(X, copy_budget=AMPLE)
    for _ in range(4):
        labels = np.full(len(X), -1, dtype=np.int32)
        row.open().nearest(rows, 0, len(X), centers, labels)
        assert undecided_labels(X, centers, labels) == 0
    assert rows.n_copied_bytes > 0


@every_filter
@pytest.mark.parametrize("copies", [1, 2, 3])
def test_centers_nearer_to_each_other_than_the_bound(row: Row, dtype: str, copies: int) -> None:
    """Each center has twins at a distance far below what the filter can tell, and one that is equal."""
    rng = np.random.default_rng(copies)
    X = rng.standard_normal((3000, 70)).astype(dtype)
    few = rng.standard_normal((60, 70))
    twins = [few * (1 + (1e-5 if row.isa in COARSE else 1e-9) * turn) for turn in range(copies)]
    centers = np.concatenate([*twins, twins[0]]).astype(dtype)
    _, scores, _ = scores_of(row, X, centers)
    is_open = ~(scores[:, 1] - scores[:, 0] > scores[:, 3] + scores[:, 5])
    assert is_open.mean() > 0.9
    rows = row.open().prepare(X, copy_budget=AMPLE)
    for _ in range(3):
        labels = np.full(len(X), -1, dtype=np.int32)
        row.open().nearest(rows, 0, len(X), centers, labels)
        assert undecided_labels(X, centers, labels) == 0
        assert labels.max() < copies * 60, "of equal centers, the one of lower index"
    assert rows.pass_cost < 1 if copies == 1 else rows.pass_cost == 1


@every_filter
@pytest.mark.parametrize(("n", "k"), [(64, 48), (65, 60), (1000, 49), (1537, 130), (700, 230)])
@pytest.mark.parametrize("d", [64, 65, 131])
def test_most_rows_pass_and_all_are_right(row: Row, dtype: str, n: int, k: int, d: int) -> None:
    """With and without the working copy, for whole tiles and for the ends of slices."""
    rng = np.random.default_rng([n, k, d])
    X, centers = rng.standard_normal((n, d)).astype(dtype), rng.standard_normal((k, d)).astype(dtype)
    backend, nearest = row.open(), decide_rows(X, centers, condition(X).data_unit)
    for copy_budget in (0.0, AMPLE):
        rows = backend.prepare(X, copy_budget=copy_budget)
        for start in (0, 0, 0, 5):
            labels = np.full(n - start, -1, dtype=np.int32)
            backend.nearest(rows, start, n, centers, labels, n_threads=2)
            is_worth_it = rows.n_copied_bytes > 0 or row.isa not in OF_WHOLE or k >= 230
            assert rows.pass_cost < 0.95 or n - start < 64 or not is_worth_it
            np.testing.assert_array_equal(labels, nearest[start:])
        assert (rows.n_copied_bytes > 0) == (copy_budget > 0)
        rows.release()
        assert rows.n_copied_bytes == 0


@every_filter
def test_what_the_filter_can_not_look_at_is_refused(row: Row, dtype: str) -> None:
    X = np.ones((10, 4), dtype)
    names, scores = np.empty((10, 2), np.int32), np.empty((10, 6), np.float32)
    backend = row.open()
    with pytest.raises(ValueError, match="CSR"):
        filter_scores(backend.prepare(csr_array(X)), X[:2], names, scores)
    with pytest.raises(ValueError, match="6 columns"):
        filter_scores(backend.prepare(X), X[:2], names, scores[:, :5].copy())


@pytest.mark.parametrize(("row", "dtype"), parameters(NONE))
def test_an_instruction_set_without_the_filter_is_refused(row: Row, dtype: str) -> None:
    X = np.ones((10, 4), dtype)
    names, scores = np.empty((10, 2), np.int32), np.empty((10, 6), np.float32)
    with pytest.raises(ValueError, match=f"no filter for items of {X.itemsize} bytes on {row.isa}"):
        filter_scores(row.open().prepare(X), X[:2], names, scores)
