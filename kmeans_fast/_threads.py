"""n_threads -> int: the CPUs that this process may use. A forked child is serial, for libgomp hangs in one."""

from __future__ import annotations

import math
import os
from functools import lru_cache
from numbers import Integral
from pathlib import Path
from typing import Any

CGROUP = Path("/sys/fs/cgroup")

WORK_PER_THREAD = 1 << 18
"""Multiply-adds that are worth waking up one more thread for: some 10 us of work."""

_is_forked_child = False


def _mark_forked_child() -> None:
    global _is_forked_child
    _is_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked_child)


def resolve_n_threads(n_threads: int | None = None, backend: Any = None) -> int:
    """How many threads to use.

    None: the CPUs that this process may use (affinity, cgroup quota, OMP_NUM_THREADS); -1: all CPUs of the
    affinity mask. Never more than ``backend.max_threads()``, where the backend has one; 1 in a forked child.

    >>> resolve_n_threads(1)
    1
    """
    if n_threads is None:
        wanted = int(min(affinity(), quota(), omp_num_threads()))
    elif isinstance(n_threads, bool) or not isinstance(n_threads, Integral):
        raise ValueError(f"n_threads={n_threads!r} is no integer; use None, -1 (all CPUs) or a positive count.")
    elif n_threads == -1:
        wanted = affinity()
    elif n_threads >= 1:
        wanted = int(n_threads)
    else:
        raise ValueError(f"n_threads={n_threads} makes no sense; use None, -1 (all CPUs) or a positive count.")
    if _is_forked_child:
        return 1
    max_threads = getattr(backend, "max_threads", None)
    return max(1, wanted if max_threads is None else min(wanted, int(max_threads())))


def worthwhile(n_threads: int, work: int) -> int:
    """n_threads, or fewer where ``work`` multiply-adds are soon done.

    >>> worthwhile(8, 1000), worthwhile(2, 10**9)
    (1, 2)
    """
    return max(1, min(n_threads, work // WORK_PER_THREAD))


def affinity() -> int:
    """CPUs that this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def omp_num_threads() -> float:
    """The first number of OMP_NUM_THREADS; inf where it says nothing."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdigit() and int(first) > 0 else math.inf


@lru_cache
def quota(root: Path = CGROUP, membership: Path = Path("/proc/self/cgroup")) -> float:
    """CPUs that the control groups of this process grant it (v2 and v1), rounded up; inf without a limit."""
    limits = [math.inf]
    for folder in cgroup_folders(root, membership):
        limits += [v2_limit(folder), v1_limit(folder)]
    return min(limits)


def cgroup_folders(root: Path, membership: Path) -> list[Path]:
    """Folders that may hold a limit: those of this process's groups, and of all groups that contain them."""
    tops = {root: "", root / "cpu": "", root / "cpu,cpuacct": ""}
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            tops[root] = path
        elif "cpu" in controllers.split(","):
            tops[root / "cpu"] = tops[root / "cpu,cpuacct"] = path
    folders = []
    for top, path in tops.items():
        folder = top / path.strip("/")
        folders.append(folder)
        while folder != top and top in folder.parents:
            folder = folder.parent
            folders.append(folder)
    return folders


def v2_limit(folder: Path) -> float:
    quota_text, period_text = [*_words(folder / "cpu.max"), "", ""][:2]
    return _limit(quota_text, period_text)


def v1_limit(folder: Path) -> float:
    quota_text = [*_words(folder / "cpu.cfs_quota_us"), ""][0]
    period_text = [*_words(folder / "cpu.cfs_period_us"), ""][0]
    return _limit(quota_text, period_text)


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _limit(quota_text: str, period_text: str) -> float:
    if not (quota_text.isdigit() and period_text.isdigit()) or int(period_text) == 0:
        return math.inf
    return max(1, math.ceil(int(quota_text) / int(period_text)))
