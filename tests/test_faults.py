"""No memory: MemoryError, the estimator as it was, and the next call right. And none is lost over many calls."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from campaigns import faults
from campaigns.builds import Missing
from campaigns.scenarios import frozen

from kmeans_fast import BisectingKMeans, KMeans, MiniBatchKMeans

ROOT = Path(__file__).parent.parent
OF_EACH_KIND = ("lloyd float32", "boxes float64", "empty clusters", "first partial_fit", "sparse predict KMeans")
"""Calls all of whose allocations fail in turn here; ``python -m tests.campaigns faults`` has all kinds of calls."""

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="made for Linux")


def output_of(program: str, *arguments: str, **variables: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])} | variables
    run = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@on_linux
def test_each_allocation_that_fails_is_a_memory_error_and_nothing_more() -> None:
    try:
        run = faults.run(OF_EACH_KIND)
    except Missing as missing:
        pytest.skip(str(missing))
    assert run.returncode == 0, run.stdout + run.stderr
    counts = [(int(a), int(b)) for a, b in re.findall(r": (\d+) \+ (\d+) allocations failed", run.stdout)]
    assert len(counts) == len(OF_EACH_KIND)
    assert all(kernels >= 3 and arrays >= 15 for kernels, arrays in counts), "the faults did not reach the package"


@pytest.mark.parametrize("kind", [KMeans, MiniBatchKMeans, BisectingKMeans])
@pytest.mark.parametrize("n_before", [0, 1])
def test_an_init_that_raises_leaves_the_estimator_as_it_was(kind: Any, n_before: int) -> None:
    X, calls = np.random.default_rng(0).random((300, 4)), []

    def init(X: Any, k: int, random_state: Any) -> Any:
        calls.append(k)
        if len(calls) > n_before:
            raise KeyError("broken")
        return X[:k]

    model = kind(4, random_state=0).fit(X)
    model.set_params(init=init, n_init=2)
    before = frozen(vars(model))
    with pytest.raises(KeyError, match="broken"):
        model.fit(X[:200, :3])
    assert frozen(vars(model)) == before and len(calls) == n_before + 1


OUT_OF_ADDRESSES = """
import resource, sys
import numpy as np
from kmeans_fast import KMeans

X = np.random.default_rng(0).random((60_000, 16))
unlimited = resource.getrlimit(resource.RLIMIT_AS)
def model():
    return KMeans(8, init=X[:8], n_init=1, max_iter=3, n_threads=2)
right = model().fit(X)
before = vars(model().fit(X[:100]))
count = 0
for megabytes in range(0, 24):
    fitted = model().fit(X[:100])
    before = dict(vars(fitted))
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + megabytes * 2**20, unlimited[1]))
    try:
        fitted.fit(X)
    except MemoryError:
        count += 1
        resource.setrlimit(resource.RLIMIT_AS, unlimited)
        assert all(vars(fitted)[name] is value for name, value in before.items())
        assert set(vars(fitted)) == set(before)
        fitted.fit(X)
    resource.setrlimit(resource.RLIMIT_AS, unlimited)
    assert (fitted.labels_ == right.labels_).all() and fitted.inertia_ == right.inertia_
print(count)
"""


@on_linux
def test_without_addresses_a_fit_is_a_memory_error_once_its_threads_run() -> None:
    assert 2 <= int(output_of(OUT_OF_ADDRESSES)) <= 23


NO_ROOM_FOR_THREADS = """
import resource
import numpy as np
from kmeans_fast import KMeans

X = np.random.default_rng(0).random((60_000, 16))
KMeans(8, init=X[:8], n_init=1, n_threads=1).fit(X)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    KMeans(8, init=X[:8], n_init=1, n_threads=2).fit(X)
except MemoryError:
    print("MemoryError")
"""


@on_linux
def test_where_no_thread_can_start_libgomp_ends_the_process_with_its_message() -> None:
    """Nothing of ours can catch it; n_threads=1 needs no thread."""
    run = subprocess.run([sys.executable, "-c", NO_ROOM_FOR_THREADS], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode >= 0, f"killed by signal {-run.returncode}"
    assert "MemoryError" in run.stdout or "libgomp: Thread creation failed" in run.stderr, run.stdout + run.stderr


MANY_CALLS = """
import ctypes, gc, sys
from campaigns.scenarios import all_scenarios

class Used(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    _fields_ = [(name, ctypes.c_size_t) for name in names]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Used
def used():
    gc.collect()
    found = mallinfo2()
    return found.uordblks + found.hblkhd
lost, n_planted = [], int(sys.argv[1])
def calls(count):
    for _ in range(count):
        made.call(made.model, made.X)
        if n_planted:
            lost.append(bytearray(n_planted))
for name in sys.argv[2:]:
    made = all_scenarios(100)[name]()
    calls(300)
    before = used()
    calls(1000)
    print(used() - before)
"""

def bytes_lost(names: Sequence[str], n_planted: int = 0) -> list[int]:
    """By a thousand calls of each. Python's own objects come from malloc too, so that all are counted."""
    printed = output_of(MANY_CALLS, str(n_planted), *names, OMP_NUM_THREADS="1", PYTHONMALLOC="malloc")
    return [int(line) for line in printed.split()]


CACHED = 80_000
"""Bytes that the interpreter and NumPy may come to hold for later; their growth ends, but after thousands of calls."""

needs_mallinfo = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="made for glibc")


@needs_mallinfo
def test_a_thousand_calls_leave_no_memory_behind() -> None:
    names = ["lloyd float32", "sparse hamerly float64", "bisecting", "partial_fit", "boxes float64"]
    lost = bytes_lost(names)
    assert len(lost) == len(names) and max(lost) < CACHED, lost


@needs_mallinfo
def test_a_hundred_bytes_that_each_call_leaves_behind_would_be_seen() -> None:
    assert bytes_lost(["lloyd float32"], 100)[0] > 100 * 1000 > CACHED
