"""Each campaign finds the fault that is planted for it, and no other: ``pytest -m campaign``, for half an hour."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from campaigns.sanitizers import FOR_VALGRIND, PLANTS, WITHOUT_PANDAS
from campaigns.scenarios import all_scenarios

from kmeans_fast.engine.algorithms import ALGORITHMS

ROOT = Path(__file__).parent.parent
LACKS = 77
QUICK = {"faults": ["lloyd float32"], "interrupts": ["lloyd float32", "threads"], "valgrind": ["boxes float32"]}
QUICK |= {"address": ["tests/kernels"], "thread": ["tests/kernels"], "neon": ["tests/test_laws.py"], "versions": []}
RUNS = [["plants", name] for name in PLANTS] + [[name, *few] for name, few in QUICK.items()]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.campaigns", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_campaign_that_is_not_there_is_refused_with_their_names() -> None:
    found = run("nothing")
    assert found.returncode == 2 and all(name in found.stdout for name in QUICK)


def test_the_calls_for_valgrind_are_all_made_without_it() -> None:
    command = [sys.executable, "-c", WITHOUT_PANDAS, *FOR_VALGRIND]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    found = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert f"{len(FOR_VALGRIND)} calls made" in found.stdout, found.stderr[-3000:]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_there_is_a_call_that_goes_the_way_of_each_algorithm(algorithm: str, dtype: str) -> None:
    scenario = all_scenarios()[f"{algorithm} {dtype}"]()
    scenario.call(scenario.model, scenario.X)
    assert algorithm in scenario.model.history_["algorithm"]


@pytest.mark.campaign
@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_the_planted_fault_is_found_and_no_other(arguments: list[str]) -> None:
    found = run(*arguments)
    if found.returncode == LACKS:
        pytest.skip(found.stdout.splitlines()[-1])
    assert found.returncode == 0, found.stdout[-5000:] + found.stderr[-5000:]
