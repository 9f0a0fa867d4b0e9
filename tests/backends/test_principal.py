"""The axes are orthonormal as stated; rows that few coordinates describe get a plan, and others get none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmeans_fast import KMeans
from kmeans_fast.backends import identity
from kmeans_fast.backends.principal import Principal
from kmeans_fast.backends.protocol import PREFIX_STEP


def decaying(n: int, d: int) -> Any:
    rng = np.random.default_rng([n, d])
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return ((rng.standard_normal((n, d)) / np.arange(1, d + 1)) @ rotation).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [16, 64])
def test_the_axes_are_as_orthonormal_as_is_said(p: int, dtype: str) -> None:
    X = decaying(3000, 64)
    axes, defect = Principal.of(X, X[0]).first_axes(p, dtype)
    assert axes.shape == (64, p) and (axes == axes.astype(dtype)).all()
    exact = axes.astype(np.longdouble)
    assert np.linalg.norm((exact.T @ exact - np.eye(p)).astype(np.float64), 2) <= defect < 1e-5


def test_the_first_axes_hold_most_of_the_spread() -> None:
    X = decaying(3000, 64)
    axes, _ = Principal.of(X, np.zeros(64, np.float32)).first_axes(16, np.float32)
    assert ((X @ axes) ** 2).sum() > 0.95 * (X.astype(float) ** 2).sum()


def test_even_spread_counts_as_many_axes_and_a_decaying_one_as_few() -> None:
    even = np.random.default_rng(0).standard_normal((4000, 128)).astype(np.float32)
    zero = np.zeros(128, dtype=np.float32)
    assert 100 < Principal.of(even, zero).spread_axes < 160
    assert Principal.of(even, zero + 0.5).spread_axes > 100, "where the origin lies counts as an axis"
    assert Principal.of(decaying(4000, 128), zero).spread_axes < 4


def test_a_plan_is_made_where_few_centers_are_left() -> None:
    X, even = decaying(5000, 128), np.random.default_rng(0).standard_normal((5000, 128)).astype(np.float32)
    plan = identity.plan_prefix(identity.prepare(X), X[:300])
    assert plan is not None and plan.first_p <= plan.p <= 128 // 3
    assert plan.first_p % PREFIX_STEP == plan.p % PREFIX_STEP == 0
    assert identity.plan_prefix(identity.prepare(even), even[:300]) is None


@pytest.mark.parametrize("d", [1, 16, 47])
def test_few_features_have_no_plan(d: int) -> None:
    X = decaying(500, d)
    assert identity.plan_prefix(identity.prepare(X), X[:20]) is None


def test_one_row_and_equal_rows_do_no_harm() -> None:
    for X in (np.ones((1, 64), np.float32), np.ones((50, 64), np.float32)):
        identity.plan_prefix(identity.prepare(X), X[:1])
        assert Principal.of(X, X[0]).first_axes(64, np.float32)[1] < 1e-5


def test_the_count_falls_as_coordinates_are_added() -> None:
    X = decaying(5000, 128)
    found = Principal.of(X, X[0]).n_found(X[:200], [16, 32, 64, 128])
    assert found == sorted(found, reverse=True) and found[0] < 100 and found[-1] < 1


def test_where_no_axes_are_found_the_fit_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(matrix: Any) -> Any:
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    monkeypatch.setattr(np.linalg, "eigh", fails)
    X = decaying(4000, 128)
    fitted = [KMeans(64, init=X[:64], max_iter=5, algorithm=name).fit(X) for name in ("prefix", "lloyd")]
    np.testing.assert_array_equal(fitted[0].labels_, fitted[1].labels_)
    np.testing.assert_array_equal(Principal.of(X, X[0]).axes, np.eye(128))
