"""How many threads: what the process may use, and never more."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kmeans_fast import KMeans, _threads
from kmeans_fast._threads import quota, resolve_n_threads, worthwhile


class Eight:
    @staticmethod
    def max_threads() -> int:
        return 8


@pytest.fixture(autouse=True)
def sixteen_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "affinity", lambda: 16)
    monkeypatch.setattr(_threads, "quota", lambda: math.inf)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_none_means_what_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_n_threads() == 16
    monkeypatch.setattr(_threads, "quota", lambda: 5)
    assert resolve_n_threads() == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert resolve_n_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert resolve_n_threads() == 5


def test_counts_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "quota", lambda: 2)
    assert [resolve_n_threads(n) for n in (1, 7, np.int64(3), -1)] == [1, 7, 3, 16]


def test_the_backend_sets_the_limit() -> None:
    assert [resolve_n_threads(n, Eight) for n in (None, -1, 3, 100)] == [8, 8, 3, 8]


@pytest.mark.parametrize("bad", [0, -2, 1.5, "2", True])
def test_nonsense_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="use None, -1"):
        resolve_n_threads(bad)


def test_small_work_uses_few_threads() -> None:
    assert [worthwhile(4, work) for work in (0, 10_000, 600_000, 10**9)] == [1, 1, 2, 4]


def group(root: Path, folder: str, files: dict[str, str]) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / folder / name).write_text(text)


@pytest.mark.parametrize(
    ("membership", "folder", "files", "expected"),
    [
        ("0::/job\n", "job", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/job/step\n", "job", {"cpu.max": "300000 100000\n"}, 3),
        ("0::/\n", ".", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/job\n", "job", {"cpu.max": "max 100000\n"}, math.inf),
        ("4:cpu,cpuacct:/job\n", "cpu/job", {"cpu.cfs_quota_us": "400000", "cpu.cfs_period_us": "100000"}, 4),
        ("4:cpu,cpuacct:/elsewhere\n", "cpu", {"cpu.cfs_quota_us": "250000", "cpu.cfs_period_us": "100000"}, 3),
        ("4:cpu:/job\n", "cpu/job", {"cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}, math.inf),
        ("", "job", {"cpu.max": "100000 100000\n"}, math.inf),
    ],
)
def test_control_groups_of_both_versions_are_read(
    membership: str, folder: str, files: dict[str, str], expected: float, tmp_path: Path
) -> None:
    (tmp_path / "self").write_text(membership)
    group(tmp_path / "cgroup", folder, files)
    assert quota(tmp_path / "cgroup", tmp_path / "self") == expected


def test_no_control_groups_is_no_limit(tmp_path: Path) -> None:
    assert quota(tmp_path / "none", tmp_path / "nothing") == math.inf


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_serial_and_fits() -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 8))
    KMeans(16, random_state=0, max_iter=3, n_threads=2).fit(X)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        KMeans(16, random_state=0, max_iter=3, n_threads=2).fit(X)
        os.write(writer, str(resolve_n_threads(2)).encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0 and os.read(reader, 10) == b"1"
    os.close(reader)
    assert resolve_n_threads(2) == 2
