"""The stop rule."""

from __future__ import annotations

import numpy as np
import pytest

from kmeans_fast.backends import get_backend
from kmeans_fast.estimators.runs import Runner

NOISE = np.random.default_rng(0).standard_normal((4000, 3))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("tol", [1e-3, 0.05])
def test_a_run_ends_at_the_first_shift_within_the_unweighted_threshold(tol: float, weighted: bool) -> None:
    backend = get_backend("identity")
    rows = backend.prepare(NOISE, np.random.default_rng(1).random(4000) if weighted else None)
    run = Runner(backend, rows, algorithm="lloyd", max_iter=300, tol=tol, n_threads=1).run(NOISE[:6].copy())
    is_small = run.history["shift"] ** 2 <= tol * np.mean(np.var(NOISE, axis=0))
    assert is_small.tolist() == [False] * (run.n_iter - 1) + [True] and run.converged
    assert run.history["n_changed"][-1] > 0, "it ended for another reason"


def test_no_tolerance_means_no_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = get_backend("identity")
    monkeypatch.setattr("kmeans_fast.estimators.runs.mean_variance", None)
    rows = backend.prepare(NOISE, np.random.default_rng(1).random(4000))
    run = Runner(backend, rows, algorithm="lloyd", max_iter=300, tol=0, n_threads=1).run(NOISE[:6].copy())
    assert run.converged and run.history["n_changed"][-1] == 0
    with pytest.raises(TypeError):
        Runner(backend, rows, algorithm="lloyd", max_iter=300, tol=1e-4, n_threads=1).run(NOISE[:6].copy())
