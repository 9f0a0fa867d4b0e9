"""info() says what there is, built or not."""

from __future__ import annotations

import sys

import pytest

from kmeans_fast import info
from kmeans_fast.backends import BACKENDS


def test_it_names_the_build() -> None:
    facts = info()
    assert facts["compiled"] is True and facts["isa"] in facts["isas_available"] and facts["threads"] >= 1
    assert facts["backends"] == list(BACKENDS) and {"kmeans_fast", "numpy", "scikit-learn", "profile"} <= set(facts)


def test_it_works_without_kernels_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, BACKENDS["compiled"], None)
    facts = info()
    assert facts["compiled"] is False and "pip install" in facts["problem"]
