"""The gap statistic: its definition, the reference boxes, its sample and the rule of one standard error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import make_blobs

from kmeans_fast import KMeans
from kmeans_fast.selection import choose_k, gap_statistic, inertia_score
from kmeans_fast.selection.gap import sides_of_box, within_one_standard_error

BLOBS, NAMES = make_blobs(300, 2, centers=[[0, 0], [12, 0], [0, 12]], random_state=0)


def test_gap_and_error_are_those_of_the_paper() -> None:
    gap = gap_statistic(BLOBS, NAMES, n_references=4, box="features", random_state=5)
    rng, sides, logs = np.random.RandomState(5), np.ptp(BLOBS, axis=0), []
    for _ in range(4):
        reference = rng.random((300, 2)) * sides
        logs.append(np.log(inertia_score(reference, KMeans(3, random_state=rng).fit(reference))))
    assert gap.value == pytest.approx(np.mean(logs) - np.log(inertia_score(BLOBS, NAMES)), rel=1e-12)
    assert gap.standard_error == pytest.approx(np.std(logs) * np.sqrt(1 + 1 / 4), rel=1e-12)


def test_the_box_of_principal_components_turns_with_the_data() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (4000, 2)) * [10, 1]
    turned = X @ np.array([[0.6, 0.8], [-0.8, 0.6]])
    np.testing.assert_allclose(np.sort(sides_of_box(turned, 1.0, "pca")), [2, 20], rtol=0.05)
    assert sides_of_box(turned, 1.0, "features").min() > 9
    np.testing.assert_allclose(sides_of_box(turned * 2.0**600, 2.0**600, "pca"), sides_of_box(turned, 1.0, "pca"))


def test_the_first_k_within_one_standard_error_of_the_next() -> None:
    errors = np.array([0.0, 0.1, 0.1, 0.1])
    assert within_one_standard_error(np.array([1.0, 2.0, 2.05, 3.0]), errors) == 1
    assert within_one_standard_error(np.array([1.0, 2.0, 1.5, 1.6]), errors) == 1
    assert within_one_standard_error(np.array([1.0, 1.05, 9.0, 9.0]), errors) == 0
    assert within_one_standard_error(np.array([1.0, 2.0, 3.0, 4.0]), errors) is None


@pytest.mark.parametrize("box", ["pca", "features"])
def test_three_clusters_are_found_and_one_is_not_split(box: str) -> None:
    assert choose_k(BLOBS, range(1, 7), "gap", reference_box=box, random_state=0).best_k == 3
    uniform = np.random.default_rng(0).random((300, 2))
    assert choose_k(uniform, range(1, 7), "gap", reference_box=box, random_state=0).best_k == 1


def test_of_many_rows_a_sample_is_looked_at() -> None:
    X, names = make_blobs(3000, 2, centers=[[0, 0], [12, 0], [0, 12]], random_state=0)
    few = gap_statistic(X, names, max_rows=400, random_state=0)
    all_rows = gap_statistic(X, names, random_state=0)
    assert few != all_rows
    assert few.value == pytest.approx(all_rows.value, abs=0.4)
    assert gap_statistic(X, names, max_rows=400, random_state=0) == few


@pytest.mark.parametrize(
    ("options", "words"),
    [({"n_references": 1}, "n_references=1"), ({"max_rows": 2.5}, "max_rows=2.5"), ({"box": "round"}, "box='round'")],
)
def test_wrong_references_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        gap_statistic(BLOBS, NAMES, **options)


def test_sparse_rows_have_no_uniform_reference() -> None:
    for call in (lambda X: gap_statistic(X, NAMES), lambda X: choose_k(X, range(1, 4), "gap")):
        with pytest.raises(ValueError, match="never sparse"):
            call(sp.csr_array(BLOBS))
