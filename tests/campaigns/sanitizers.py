"""The compiler's sanitizers and valgrind over the tests, and faults that are planted to show that they find them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from .builds import HOME, Edit, build, compile_c, compiler_file, in_copy, require

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--capture=sys"]
"""Whose capture leaves what a sanitizer writes as it ends the process."""

EVERY_CALL_USES_THREADS = (
    Edit("kmeans_fast/kernels/_parallel.pxd", "WORK_OF_A_THREAD = 250000", "WORK_OF_A_THREAD = 1"),
    Edit("kmeans_fast/_threads.py", "WORK_PER_THREAD = 1 << 18", "WORK_PER_THREAD = 1"),
)
THREADED_TESTS = ("tests/test_concurrency.py", "tests/kernels", "-k", "not fork")
FOR_VALGRIND = ("lloyd float32", "hamerly float64", "boxes float32", "sparse hamerly float32", "mini-batch")
FOR_VALGRIND += ("bisecting", "weights", "empty clusters", "dense k-means++", "dense silhouette_samples")

WITHOUT_PANDAS = """
import sys

class NoPandas:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoPandas())
from campaigns.scenarios import main
main(sys.argv[1:])
"""
"""scikit-learn imports pandas where it can: under valgrind a third of the time, and no part of this."""


def address(arguments: Sequence[str], edits: Sequence[Edit] = ()) -> int:
    """AddressSanitizer and UndefinedBehaviorSanitizer over the whole suite; leaks are what test_faults.py is for."""
    libraries = [compiler_file("libasan.so"), compiler_file("libstdc++.so")]
    target = build("address", sanitize="address,undefined", edits=edits)
    env = in_copy(
        target,
        LD_PRELOAD=" ".join(libraries),
        ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1",
        UBSAN_OPTIONS="print_stacktrace=1",
    )
    # Each of them has the allocator for itself, or needs an address space of a known size.
    left_out = ["--ignore=tests/test_faults.py", "--ignore=tests/test_sklearn_suite.py"]
    return subprocess.run([*PYTEST, *left_out, *arguments], cwd=target, env=env).returncode


def thread(arguments: Sequence[str], edits: Sequence[Edit] = ()) -> int:
    """ThreadSanitizer over the threaded tests, with ``threads.c`` in the place of libgomp, whose locks it can't see."""
    sanitizer = compiler_file("libtsan.so")
    openmp = compile_c(Path(__file__).with_name("threads.c"), HOME / "threads.so", "-shared", "-fPIC")
    target = build("thread", sanitize="thread", edits=[*EVERY_CALL_USES_THREADS, *edits])
    env = in_copy(target, LD_PRELOAD=f"{sanitizer} {openmp}", TSAN_OPTIONS="halt_on_error=1", OMP_NUM_THREADS="3")
    # With addresses laid out at random it may find no room for its own.
    command = ["setarch", "-R", *PYTEST, *(arguments or THREADED_TESTS)]
    return subprocess.run(command, cwd=target, env=env).returncode


def valgrind(arguments: Sequence[str], edits: Sequence[Edit] = ()) -> int:
    """Values never written and memory out of bounds, in a few calls; what concerns no kernel is none of ours."""
    require("valgrind")
    target, report = build("plain", edits=edits), HOME / "valgrind.xml"
    env = in_copy(target, PYTHONMALLOC="malloc", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", KMEANS_FAST_ISA="avx2")
    env["PYTHONPATH"] += os.pathsep + str(target / "tests")
    options = ["--show-leak-kinds=none", "--xml=yes", f"--xml-file={report}", "--error-limit=no"]
    command = ["valgrind", *options, sys.executable, "-c", WITHOUT_PANDAS, *(arguments or FOR_VALGRIND)]
    code = subprocess.run(command, cwd=target, env=env).returncode
    found = [error for error in ElementTree.parse(report).iter("error") if is_of_kernels(error)]
    for error in found:
        where = [frame.findtext("fn") or "?" for frame in error.iter("frame")][:6]
        print(f"{error.findtext('kind')} in {' < '.join(where)}")
    print(f"valgrind: {len(found)} errors in the kernels")
    return code or bool(found)


def is_of_kernels(error: ElementTree.Element) -> bool:
    """Whether a kernel is among the callers, or gave the memory."""
    return any("kmeans_fast/kernels" in (frame.findtext("obj") or "") for frame in error.iter("frame"))


SUMS = "kmeans_fast/kernels/_sum_distances.pyx"
TEST_OF_SUMS = ("tests/kernels/test_sum_distances.py",)


@dataclass(frozen=True)
class Plant:
    """A fault in the kernel that sums distances, the campaign that is to find it, and what it then says."""

    campaign: str
    edit: Edit
    arguments: tuple[str, ...]
    finding: str


PLANTS = {
    "overflow of a buffer": Plant(
        "address",
        Edit(SUMS, "borrow(rows, n_threads * job.scratch_bytes)", "borrow(rows, n_threads * job.scratch_bytes // 2)"),
        TEST_OF_SUMS,
        "AddressSanitizer: heap-buffer-overflow",
    ),
    "overflow of an integer": Plant(
        "address",
        Edit(SUMS, "    return 0\n", "    return 2147483647 + <int>n_rows\n"),
        TEST_OF_SUMS,
        "runtime error: signed integer overflow",
    ),
    "race": Plant(
        "thread",
        Edit(SUMS, "j.scratch + thread * j.scratch_bytes,", "j.scratch,"),
        TEST_OF_SUMS,
        "ThreadSanitizer: data race",
    ),
    "value never written": Plant(
        "valgrind",
        Edit(SUMS, "    j.table.sum_distances(", "    if j.scratch[8]:\n        return 1\n    j.table.sum_distances("),
        ("dense silhouette_samples",),
        "UninitCondition in",
    ),
}


def finds(name: str) -> tuple[bool, str]:
    """Whether the campaign fails with its finding on the planted fault; and what it printed."""
    plant = PLANTS[name]
    program = (
        "import sys\nfrom tests.campaigns import sanitizers\n"
        f"plant = sanitizers.PLANTS[{name!r}]\n"
        f"sys.exit(sanitizers.{plant.campaign}(plant.arguments, [plant.edit]))"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True)
    printed = run.stdout + run.stderr
    return run.returncode != 0 and plant.finding in printed, printed
