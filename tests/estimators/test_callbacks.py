"""scikit-learn's callbacks: told of every run and iteration, able to stop a fit, and never in the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kmeans_fast import KMeans

NOISE = np.random.default_rng(0).standard_normal((300, 4))
SETTINGS = {"n_clusters": 6, "init": "random", "random_state": 0}

needs_callbacks = pytest.mark.skipif(not hasattr(KMeans, "set_callbacks"), reason="scikit-learn before 1.9 has none")
FITTED = ("cluster_centers_", "labels_", "inertia_", "n_iter_", "converged_")


class Recorder:
    """Writes down what it is told; ``stop_at`` names the tasks whose ends it answers with True."""

    def __init__(self, stop_at: str = "", n_before: int = 0) -> None:
        self.stop_at, self.n_before = stop_at, n_before
        self.heard: list[tuple[str, str, int]] = []
        self.fitted: list[Any] = []
        self.given: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.heard.append(("setup", context.task_name, context.max_subtasks))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.heard.append(("teardown", context.task_name, context.max_subtasks))

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None, metadata: Any = None) -> None:
        self.heard.append(("begin", context.task_name, context.max_subtasks))
        self.given.append((X, metadata))

    def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any = None) -> bool:
        self.heard.append(("end", context.task_name, context.max_subtasks))
        if context.task_name == "iteration":
            self.fitted.append(fitted_estimator)
        self.n_before -= context.task_name == self.stop_at
        return context.task_name == self.stop_at and self.n_before < 0

    def count(self, hook: str, name: str) -> int:
        return sum(entry[:2] == (hook, name) for entry in self.heard)


class PropagatedRecorder(Recorder):
    max_propagation_depth = None


class FailingRecorder(Recorder):
    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        raise KeyError("broken")


def assert_same_fit(ours: Any, other: Any) -> None:
    for name in FITTED:
        np.testing.assert_array_equal(getattr(ours, name), getattr(other, name))


@needs_callbacks
def test_a_fit_is_a_tree_of_runs_and_iterations() -> None:
    heard = Recorder()
    model = KMeans(**SETTINGS, n_init=3, max_iter=40).set_callbacks(heard).fit(NOISE)
    assert heard.heard[:2] == [("setup", "fit", 3), ("begin", "fit", 3)]
    assert heard.heard[2:4] == [("begin", "run", 40), ("begin", "iteration", 0)]
    assert heard.heard[-3:] == [("end", "run", 40), ("end", "fit", 3), ("teardown", "fit", 3)]
    for name, count in [("fit", 1), ("run", 3)]:
        assert heard.count("begin", name) == heard.count("end", name) == count
    assert heard.count("begin", "iteration") == heard.count("end", "iteration") == len(heard.fitted) > 3
    assert max(fitted.n_iter_ for fitted in heard.fitted) >= model.n_iter_
    assert_same_fit(model, KMeans(**SETTINGS, n_init=3, max_iter=40).fit(NOISE))
    assert not hasattr(model, "_callback_fit_ctx")


@needs_callbacks
def test_each_iteration_hands_out_the_model_as_if_the_fit_had_ended_there() -> None:
    heard = Recorder()
    model = KMeans(**SETTINGS, n_init=1).set_callbacks(heard).fit(NOISE)
    assert len(heard.fitted) == model.n_iter_ > 4
    for n_iter, fitted in enumerate(heard.fitted, start=1):
        assert_same_fit(fitted, KMeans(**SETTINGS, n_init=1, max_iter=n_iter).fit(NOISE))
        np.testing.assert_array_equal(fitted.predict(NOISE), fitted.labels_)
        assert len(fitted.history_["inertia"]) == n_iter


@needs_callbacks
def test_callbacks_see_rows_and_weights() -> None:
    heard, weights = Recorder(), np.arange(300.0)
    KMeans(**SETTINGS, n_init=1, max_iter=1).set_callbacks(heard).fit(NOISE, sample_weight=weights)
    assert len(heard.given) == 3
    for X, metadata in heard.given:
        np.testing.assert_array_equal(X, NOISE)
        assert metadata["sample_weight"] is weights


@needs_callbacks
def test_a_callback_can_stop_a_run() -> None:
    heard = Recorder(stop_at="iteration", n_before=2)
    model = KMeans(**SETTINGS, n_init=1).set_callbacks(heard).fit(NOISE)
    assert model.n_iter_ == 3 and not model.converged_
    assert_same_fit(model, KMeans(**SETTINGS, n_init=1, max_iter=3).fit(NOISE))


@needs_callbacks
def test_a_callback_can_stop_a_fit_between_runs() -> None:
    heard = Recorder(stop_at="run", n_before=1)
    model = KMeans(**SETTINGS, n_init=9).set_callbacks(heard).fit(NOISE)
    assert heard.count("begin", "run") == 2
    assert_same_fit(model, KMeans(**SETTINGS, n_init=2).fit(NOISE))


@needs_callbacks
def test_a_broken_callback_leaves_the_estimator_as_it_was_and_is_torn_down() -> None:
    heard = FailingRecorder()
    model = KMeans(**SETTINGS).fit(NOISE)
    before = dict(vars(model))
    with pytest.raises(KeyError, match="broken"):
        model.set_callbacks(heard).fit(NOISE[:100])
    assert heard.count("teardown", "fit") == 1
    assert {name: value for name, value in vars(model).items() if name != "_skl_callbacks"} == before


@needs_callbacks
def test_bad_rows_set_nothing_up() -> None:
    heard = Recorder()
    with pytest.raises(ValueError, match="NaN"):
        KMeans().set_callbacks(heard).fit([[np.nan], [1.0]])
    assert heard.heard == []


@needs_callbacks
def test_callbacks_of_a_pipeline_and_a_search_reach_the_runs() -> None:
    X, _ = make_blobs(120, random_state=0)
    heard = PropagatedRecorder()
    make_pipeline(StandardScaler(), KMeans(3, random_state=0, max_iter=7)).set_callbacks(heard).fit(X)
    assert ("begin", "run", 7) in heard.heard and heard.count("end", "iteration") > 0
    heard = PropagatedRecorder()
    grid = GridSearchCV(KMeans(random_state=0, n_init=2), {"n_clusters": [2, 3, 4]}, cv=2).set_callbacks(heard).fit(X)
    assert heard.count("begin", "run") == heard.count("end", "run") == 2 * (3 * 2 + 1)
    plain = GridSearchCV(KMeans(random_state=0, n_init=2), {"n_clusters": [2, 3, 4]}, cv=2).fit(X)
    assert_same_fit(grid.best_estimator_, plain.best_estimator_)


@needs_callbacks
def test_a_clone_takes_the_callbacks_along() -> None:
    heard = Recorder()
    clone(KMeans(2, random_state=0).set_callbacks(heard)).fit(NOISE)
    assert heard.count("teardown", "fit") == 1


@needs_callbacks
def test_the_progress_bar_counts_iterations(capsys: Any) -> None:
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    KMeans(3, random_state=0, n_init=2).set_callbacks(ProgressBar()).fit(NOISE)
    shown = capsys.readouterr().out
    assert "KMeans - fit" in shown and "run" in shown


def test_without_callbacks_nothing_is_kept() -> None:
    assert not {"_callback_fit_ctx", "_skl_callbacks"} & set(vars(KMeans(2).fit(NOISE)))
