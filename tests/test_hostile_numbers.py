"""Whatever the numbers are, the promises hold: trials drawn by hypothesis; by default few and always the same.

``pytest -m search tests/test_hostile_numbers.py`` draws new ones, two thousand a test.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from promises import assert_promises, assert_seeds, fitted, is_refused, same_fit
from tables import Row, in_use, isas_available
from trials import Trial, trial

UNHURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}
FEW = settings(max_examples=60, derandomize=True, database=None, **UNHURRIED)
MANY = settings(max_examples=2000, **UNHURRIED)


class Drawn:
    """Choices that hypothesis draws, and knows how to make simpler."""

    def __init__(self, draw: Callable[[Any], Any]) -> None:
        self.draw = draw

    def integer(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def raw(self, n_bytes: int) -> bytes:
        return self.draw(st.binary(min_size=n_bytes, max_size=n_bytes))


@st.composite
def trials(draw: Callable[[Any], Any], estimator: str | None = None) -> Trial:
    made = trial(Drawn(draw), estimator)
    assume(not is_refused(made))
    return made


# ---- the promises -----------------------------------------------------------------------------------------------


def promises_hold(made: Trial) -> None:
    assert_promises(made)


def seeds_are_rows(made: Trial) -> None:
    assert_seeds(made)


def same_bits_however_it_is_run(made: Trial) -> None:
    """Again, with other threads, from a pickle, and on every instruction set of this machine."""
    model = fitted(made)
    for others in ({}, {"n_threads": 1}, {"n_threads": 7}, {"copy_budget": 0.0}):
        assert same_fit(model, fitted(made, **others)), others
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(made.rows), model.predict(made.rows))
    for isa in isas_available():
        with in_use(Row("compiled", isa)):
            assert same_fit(model, fitted(made)), isa
            np.testing.assert_array_equal(model.predict(made.rows), model.labels_)


CLAIMS = [promises_hold, seeds_are_rows, same_bits_however_it_is_run]
NAMES = ("KMeans", "MiniBatchKMeans", "BisectingKMeans")
each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
each_estimator = pytest.mark.parametrize("estimator", NAMES)


@each_estimator
@each_claim
@FEW
@given(choices=st.data())
def test_whatever_the_numbers(claim: Callable[[Trial], None], estimator: str, choices: Any) -> None:
    claim(choices.draw(trials(estimator)))


@pytest.mark.search
@each_estimator
@each_claim
@MANY
@given(choices=st.data())
def test_whatever_the_numbers_at_length(claim: Callable[[Trial], None], estimator: str, choices: Any) -> None:
    claim(choices.draw(trials(estimator)))
