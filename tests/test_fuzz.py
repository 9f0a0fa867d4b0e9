"""The fuzzing target: its corpus passes, its inputs reach every call, and it notices what is wrong."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from fuzz.__main__ import CORPUS, main, mutated
from fuzz.target import CALLS, target
from trials import Bytes, trial

from kmeans_fast.estimators.base import BaseKMeans

INPUTS = sorted(CORPUS.iterdir())


@pytest.mark.parametrize("file", INPUTS, ids=lambda file: file.name)
def test_the_corpus_passes(file: Path) -> None:
    name = target(file.read_bytes())
    assert file.name.startswith((name, "found"))


def test_the_corpus_reaches_every_call() -> None:
    reached = {file.name.split("-")[0] for file in INPUTS}
    assert {call.__name__ for call in CALLS} | {"refused"} <= reached


def test_the_same_bytes_are_the_same_trial_and_few_bytes_do() -> None:
    for file in INPUTS[:10]:
        one, other = (trial(Bytes(file.read_bytes())) for _ in range(2))
        assert one.X.tobytes() == other.X.tobytes() and repr(one.options) == repr(other.options)
    assert trial(Bytes(b"")).X.shape[0] >= 1


def test_a_wrong_label_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    file = next(file for file in INPUTS if file.name.startswith("fit-KMeans"))
    right = BaseKMeans.predict

    def wrong(model: BaseKMeans, X: object) -> np.ndarray:
        labels = right(model, X)
        labels[-1] = (labels[-1] + 1) % model.n_clusters
        return labels

    target(file.read_bytes())
    monkeypatch.setattr(BaseKMeans, "predict", wrong)
    with pytest.raises(AssertionError, match="labels_"):
        target(file.read_bytes())


def test_the_random_engine_ends_in_time_and_writes_down_what_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--engine", "random", "--seed", "1", "--found", str(tmp_path)]
    assert main([*arguments, "--seconds", "1"]) == 0
    assert "no fault" in capsys.readouterr().out and not list(tmp_path.iterdir())
    monkeypatch.setattr("fuzz.target.assert_promises", lambda made: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main([*arguments, "--seconds", "60"])
    (fault,) = tmp_path.iterdir()
    assert str(fault) in capsys.readouterr().out
    monkeypatch.undo()
    assert main([str(fault)]) == 0


def test_mutated_inputs_differ() -> None:
    rng = random.Random(0)
    assert len({mutated(rng, b"0123456789") for _ in range(50)}) > 40
