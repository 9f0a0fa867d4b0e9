"""choose_k: known numbers of clusters, one fit a k, samples that are told of, and wrong input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import make_blobs

import kmeans_fast
from kmeans_fast import BisectingKMeans, KMeans, MiniBatchKMeans
from kmeans_fast.selection import CRITERIA, choose as module, choose_k, silhouette_score

CENTERS = np.array([[0, 0, 0], [16, 0, 0], [1, 17, 0], [0, 1, 18], [17, 17, 16]])
BLOBS = make_blobs(500, 3, centers=CENTERS, random_state=0)[0]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_finds_the_clusters_that_are_there(criterion: str) -> None:
    first = CRITERIA[criterion].least_k
    assert choose_k(BLOBS, range(first, 10), criterion, random_state=0).best_k == 5


def test_the_fit_for_each_k_is_that_of_the_estimator() -> None:
    found = choose_k(BLOBS, [3, 4, 5], ["silhouette", "elbow"], random_state=7)
    for i, k in enumerate(found.ks):
        model = KMeans(int(k), random_state=7).fit(BLOBS)
        np.testing.assert_array_equal(found.models[k].labels_, model.labels_)
        assert found.values[i] == silhouette_score(BLOBS, model)
        assert found.scores["elbow"].values[i] == pytest.approx(model.inertia_, rel=1e-12)


def test_one_fit_serves_all_criteria_but_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []

    class Counted(KMeans):
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
            fits.append(self.n_clusters)
            return super().fit(X)

    names = [name for name in CRITERIA if name != "gap"]
    choose_k(BLOBS, range(2, 6), names, estimator=Counted(), random_state=0)
    assert fits == [2, 3, 4, 5]
    choose_k(BLOBS, range(2, 6), "gap", estimator=Counted(), n_references=3, random_state=0)
    assert len(fits) == 4 + 4 * (1 + 3)


def test_scores_are_the_same_for_every_number_of_threads_and_every_call() -> None:
    found = [choose_k(BLOBS, range(1, 6), "all", random_state=0, n_threads=threads) for threads in (1, 2, 2)]
    for name in CRITERIA:
        for other in found[1:]:
            np.testing.assert_array_equal(found[0].scores[name].values, other.scores[name].values)


def test_a_generator_is_drawn_from() -> None:
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state["state"]["state"]
    choose_k(BLOBS, [2, 5], random_state=rng)
    assert rng.bit_generator.state["state"]["state"] != before


@pytest.mark.parametrize(
    "estimator",
    [KMeans(n_init=3), MiniBatchKMeans(batch_size=100, compute_labels=False), BisectingKMeans(),
     AgglomerativeClustering()],
)  # fmt: skip
def test_other_estimators_can_be_tried(estimator: Any) -> None:
    before = estimator.get_params()
    names = ["gap", "silhouette", "bic"]
    found = choose_k(BLOBS, range(4, 7), names, estimator=estimator, random_state=0, n_references=3)
    assert found.scores["silhouette"].best_k == 5
    assert type(found.best_model) is type(estimator)
    assert estimator.get_params() == before and not hasattr(estimator, "labels_")


def test_what_was_sampled_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EXACT_ROWS", 100)
    found = choose_k(BLOBS, range(4, 7), ["silhouette", "gap"], random_state=0, max_reference_rows=200)
    text = str(found)
    assert "silhouette: of 100 of the 500 rows" in text
    assert "gap: 10 reference sets of 200 rows, compared with 200 of the 500 rows" in text
    assert choose_k(BLOBS, [4, 5], sample_size=None, random_state=0).scores["silhouette"].notes == ()
    sample = silhouette_score(BLOBS, found.models[5], sample_size=100, random_state=0)
    assert found.values[1] == pytest.approx(sample, rel=1e-12)


def test_a_gap_that_only_rises_says_that_no_k_keeps_the_rule() -> None:
    found = choose_k(BLOBS, [1, 2, 3], "gap", random_state=0)
    assert found.best_k == 3 and not found.scores["gap"].is_rule_kept
    assert "no k keeps the rule" in str(found)


def test_a_single_cluster_has_no_silhouette_but_a_gap() -> None:
    found = choose_k(BLOBS, range(1, 7), ["silhouette", "gap"], random_state=0)
    assert np.isnan(found.values[0]) and not np.isnan(found.scores["gap"].values).any()


def test_sparse_rows_have_the_scores_of_the_same_array() -> None:
    names = [name for name in CRITERIA if name != "gap"]
    dense, sparse = (choose_k(X, range(2, 7), names, random_state=0) for X in (BLOBS, sp.csr_array(BLOBS)))
    for name in names:
        np.testing.assert_allclose(sparse.scores[name].values, dense.scores[name].values, rtol=1e-9)


def test_the_function_is_at_the_door() -> None:
    assert kmeans_fast.choose_k is choose_k


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"ks": 5}, TypeError, "ks=5"),
        ({"ks": "234"}, TypeError, "ks='234'"),
        ({"ks": []}, ValueError, "ks is empty"),
        ({"ks": [2, 0]}, ValueError, "ks holds 0"),
        ({"ks": [2, 3.5]}, ValueError, "ks holds 3.5"),
        ({"ks": [True, 2]}, ValueError, "ks holds True"),
        ({"ks": [1]}, ValueError, "at least 2 clusters"),
        ({"ks": [2, 501]}, ValueError, "n_samples=500 should be >= n_clusters=501"),
        ({"criterion": "silhouete"}, ValueError, "'silhouete' is unknown"),
        ({"criterion": []}, ValueError, "is unknown"),
        ({"criterion": 3}, TypeError, "criterion=3"),
        ({"criterion": "elbow", "ks": [2, 3]}, ValueError, "at least 3 different ks"),
        ({"criterion": "gap", "ks": [2]}, ValueError, "with the next one"),
        ({"sample_size": "most"}, ValueError, "sample_size='most'"),
        ({"n_references": 0}, ValueError, "n_references=0"),
        ({"reference_box": "ball"}, ValueError, "box='ball'"),
        ({"estimator": KMeans}, TypeError, "pass an instance"),
        ({"estimator": object()}, TypeError, "pass an instance"),
        ({"n_threads": 0}, ValueError, "n_threads"),
    ],
)
def test_wrong_input_is_refused_before_any_fit(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], error: type, words: str
) -> None:
    monkeypatch.setattr(KMeans, "fit", lambda *_: pytest.fail("a fit began"))
    with pytest.raises(error, match=words):
        choose_k(BLOBS, **options)


def test_rows_that_are_all_alike_have_no_best_silhouette() -> None:
    with pytest.warns(UserWarning, match="distinct"), pytest.raises(ValueError, match="not defined for any k"):
        choose_k(np.ones((10, 2)), [2, 3])
