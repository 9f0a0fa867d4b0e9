"""scikit-learn's own tests pass on our classes, and none of them by scikit-learn's own k-means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

import kmeans_fast
from tests.sklearn_suite.__main__ import Reports, run
from tests.sklearn_suite.sources import ABOUT_K_MEANS, LEFT_OUT
from tests.sklearn_suite.swap import NAMES

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"), reason="the test modules named are scikit-learn 1.9's"
)


@pytest.fixture(scope="module")
def reports() -> Reports:
    return run()[0]


def names(reports: Reports, outcome: str, source: str = "") -> set[str]:
    return {name for name, report in reports.items() if report["outcome"] == outcome and name.startswith(source)}


def test_all_of_them_pass(reports: Reports) -> None:
    assert len(names(reports, "passed", ABOUT_K_MEANS[0])) >= 80, "the tests of k-means did not run"
    assert len(names(reports, "passed", "sklearn.tests.test_common")) >= 200, "the checks of estimators did not run"
    assert len({report["source"] for report in reports.values()}) >= 15, "tests of other modules did not run"
    assert names(reports, "failed") == set()


def test_no_test_is_skipped_that_scikit_learn_does_not_skip_itself(reports: Reports) -> None:
    assert names(reports, "skipped", ABOUT_K_MEANS[0]) == names(reports, "skipped", ABOUT_K_MEANS[1]) == set()
    of_k_means = {name for name in names(reports, "expected failure") if "[KMeans(" in name}
    assert all("check_sample_weight_equivalence" in name for name in of_k_means), "scikit-learn expects only these"


def test_what_is_left_out_would_use_scikit_learns_own_code(reports: Reports) -> None:
    """Left out by the list only; the tests run nevertheless, and run into the poison."""
    for name in LEFT_OUT:
        found = [report for test, report in reports.items() if test.split("::")[1].split("[")[0] == name]
        assert found and all(report["outcome"] == "left out" for report in found), name
        assert any(report.get("poison", "").startswith("sklearn.cluster._k") for report in found), name


def test_only_names_that_the_package_lacks_are_missing(reports: Reports) -> None:
    lacking = {name for name in NAMES if not hasattr(kmeans_fast, name)}
    assert {reports[test]["needs"] for test in names(reports, "missing")} == lacking


def test_the_poison_works() -> None:
    program = """
import sys, numpy as np
from sklearn.cluster import BisectingKMeans, KMeans, MiniBatchKMeans, k_means, kmeans_plusplus
from sklearn.cluster import _k_means_lloyd, _kmeans, _spectral
from tests.sklearn_suite.swap import NAMES, PoisonedError, swap
X = np.random.default_rng(0).normal(size=(50, 2))
assert isinstance(KMeans(2).fit(X), _kmeans._BaseKMeans)
theirs = {name: globals()[name] for name in NAMES}
missing = swap()
n_refused = 0
def refused(call, *args):
    global n_refused
    try:
        call(*args)
    except PoisonedError:
        n_refused += 1
        return
    raise SystemExit(f"{call} still works")
for cls in (KMeans, MiniBatchKMeans, BisectingKMeans):
    for name in ("fit", "fit_predict", "fit_transform", "predict", "transform", "score"):
        refused(getattr(cls(2), name), X)
refused(MiniBatchKMeans(2).partial_fit, X)
for name in ("_labels_inertia", "_kmeans_single_lloyd", "_kmeans_single_elkan", "_mini_batch_step", "_kmeans_plusplus"):
    refused(getattr(_kmeans, name), X)
refused(_kmeans.lloyd_iter_chunked_dense, X)
refused(_k_means_lloyd.lloyd_iter_chunked_dense, X)
refused(_kmeans._inertia_dense, X)
bound = {
    (module, name)
    for module in list(sys.modules) if module.startswith("sklearn")
    for name, value in vars(sys.modules[module]).items()
    for original in NAMES if value is theirs[original] and original not in missing
}
assert bound == set(), bound
assert _spectral.k_means.__module__.startswith("kmeans_fast")
print(n_refused)
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr + run.stdout
    assert int(run.stdout) == 27
