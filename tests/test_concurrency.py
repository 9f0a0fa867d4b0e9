"""Many threads that fit at once, from the first fit of a process on; and processes that fork after a threaded fit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")

FIRST_FITS = """
import sys, threading
import numpy as np
import kmeans_fast

X = np.random.default_rng(0).standard_normal((3000, 8)).astype("float32")
start, labels, errors = threading.Barrier(8), [None] * 8, []
def fit(i):
    try:
        start.wait()
        labels[i] = kmeans_fast.KMeans(16, random_state=0, n_threads=i % 3 + 1).fit(X).labels_
    except BaseException as error:
        errors.append(error)
assert "kmeans_fast.estimators" not in sys.modules, "a fit was made possible before"
threads = [threading.Thread(target=fit, args=[i]) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors, errors
assert all((found == labels[0]).all() for found in labels)
print("the same in all")
"""

AT_ONCE = """
import threading, warnings
from copy import deepcopy
from campaigns.scenarios import all_scenarios, frozen

warnings.simplefilter("ignore")
names = [name for name in all_scenarios(200) if not {"broadcast", "identity", "gap_statistic"} & set(name.split())]
made = {name: make() for name, make in all_scenarios(200).items() if name in names}
def called(name):
    return frozen(made[name].call(deepcopy(made[name].model), made[name].X))
expected = {name: called(name) for name in names}
wrong = []
def work(i):
    for name in names[i % len(names):] + names[:i % len(names)]:
        try:
            if called(name) != expected[name]:
                wrong.append(name)
        except BaseException as error:
            wrong.append((name, error))
threads = [threading.Thread(target=work, args=[7 * i]) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not wrong, wrong
print(len(names), "calls in each of 8 threads")
"""

ONE_MODEL = """
import threading
import numpy as np
from kmeans_fast import KMeans

X = np.random.default_rng(0).standard_normal((20_000, 8))
model = KMeans(16, random_state=0, n_threads=2).fit(X)
labels, distances, wrong = model.predict(X), model.transform(X), []
def ask():
    for _ in range(5):
        if (model.predict(X) != labels).any() or (model.transform(X) != distances).any():
            wrong.append("differs")
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not wrong and model.transform(X[:0 + 1]).shape == (1, 16)
print("the same in all")
"""

FORKS = """
import multiprocessing, os, threading, warnings
import numpy as np
from joblib import Parallel, delayed
from kmeans_fast import BisectingKMeans, KMeans, MiniBatchKMeans

warnings.simplefilter("ignore", DeprecationWarning)
X = np.random.default_rng(0).standard_normal((20_000, 8))
def fit(kind):
    return kind(16, random_state=0, n_threads=2, max_iter=5).fit(X).labels_
kinds = [KMeans, MiniBatchKMeans, BisectingKMeans] * 2
expected = [fit(kind) for kind in kinds]
def check(found, how):
    assert all((a == b).all() for a, b in zip(found, expected, strict=True)), how
    print(how, flush=True)
if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as pool:
        check(pool.map(fit, kinds), "pool")
    for backend in ("multiprocessing", "loky", "threading"):
        check(Parallel(n_jobs=2, backend=backend)(delayed(fit)(kind) for kind in kinds), backend)
    # A fork in the midst of other threads' fits: libgomp's threads and locks are then in any state.
    stop = threading.Event()
    def busy():
        while not stop.is_set():
            fit(KMeans)
    worker = threading.Thread(target=busy)
    worker.start()
    for _ in range(5):
        child = os.fork()
        if child == 0:
            grandchild = os.fork()
            right = (fit(KMeans) == expected[0]).all()
            if grandchild == 0:
                os._exit(0 if right else 1)
            os._exit(0 if right and os.waitpid(grandchild, 0)[1] == 0 else 1)
        assert os.waitpid(child, 0)[1] == 0, "a forked child's fit is wrong"
    stop.set()
    worker.join()
    check([fit(kind) for kind in kinds], "amid fits")
"""


def output_of(program: str, tmp_path: Path) -> str:
    """Of a process of its own; a file, for processes that are started anew read it again."""
    path = tmp_path / "program.py"
    path.write_text(program)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    run = subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_the_first_fits_of_a_process_may_be_eight_at_once(tmp_path: Path) -> None:
    assert output_of(FIRST_FITS, tmp_path) == "the same in all\n"


def test_eight_threads_that_call_everything_at_once_get_what_one_gets(tmp_path: Path) -> None:
    assert int(output_of(AT_ONCE, tmp_path).split()[0]) > 40


def test_eight_threads_may_ask_one_model(tmp_path: Path) -> None:
    assert output_of(ONE_MODEL, tmp_path) == "the same in all\n"


@needs_fork
def test_forks_after_a_threaded_fit_and_amid_others_work(tmp_path: Path) -> None:
    found = output_of(FORKS, tmp_path).split("\n")
    assert found[:-1] == ["pool", "multiprocessing", "loky", "threading", "amid fits"]
