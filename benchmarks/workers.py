"""A process for each package, so that no library's threads, BLAS or settings meet another's.

The parent talks to a worker in lines of JSON and hands arrays over as .npy files. A worker answers only after its
threads have stopped spinning, so that it takes no CPU from the one that is measured next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .packages import PACKAGES, Job, Outcome, Package

CHECKOUT = Path(__file__).resolve().parent.parent

QUIET_SECONDS = 0.01
QUIET_SHARE = 0.1
"""A process is quiet when its threads used less than this share of one CPU for QUIET_SECONDS."""
MOST_WAIT = 3.0

PATIENCE = 900.0
"""Seconds after which a worker that does not answer is ended."""

SHORT_SECONDS = 1.0
"""Calls that are shorter are warmed up twice: the first one also loads libraries."""


class WorkerFailed(Exception):
    """Why a package gave no result."""


def until_quiet() -> bool:
    """Wait until no thread of this process spins any more; False if that takes longer than MOST_WAIT."""
    deadline = time.perf_counter() + MOST_WAIT
    while time.perf_counter() < deadline:
        spent, began = time.process_time(), time.perf_counter()
        time.sleep(QUIET_SECONDS)
        if time.process_time() - spent < QUIET_SHARE * (time.perf_counter() - began):
            return True
    return False


# --- in the parent ----------------------------------------------------------------------------------------


class Worker:
    """One package in its own process, which lives until ``close``."""

    def __init__(self, name: str, n_threads: int) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, name, str(n_threads)],
            cwd=CHECKOUT,
            env=environment(n_threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ask(self, request: dict[str, Any], patience: float = PATIENCE) -> dict[str, Any]:
        """The answer to a request; raises WorkerFailed if the package raises, dies or takes too long."""
        assert self._process.stdin is not None and self._process.stdout is not None
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self._process.kill()

        timer = threading.Timer(patience, end)
        timer.start()
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if is_late.is_set():
            raise WorkerFailed(f"{self.name} took longer than {patience:g} s")
        if not line:
            raise WorkerFailed(f"{self.name}: its process ended ({self._process.wait()}): {self._last_error()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(f"{self.name}: {answer['error']}")
        return answer

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        # Closing a pipe flushes what a dead process never read.
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                stream.close()
            except BrokenPipeError:
                continue

    def _last_error(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it printed nothing"


def environment(n_threads: int) -> dict[str, str]:
    """The parent's environment, with every library held to n_threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, "PYTHONWARNINGS": "ignore", **dict.fromkeys(names, str(n_threads))}


# --- in the worker ----------------------------------------------------------------------------------------


class Server:
    """What a worker does with requests; ``clock`` gives seconds."""

    def __init__(self, package: Package, n_threads: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.package = package
        self.n_threads = n_threads
        self.clock = clock
        self._X: Any = None
        self._job: Job | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """As ``Worker.ask``, in this process."""
        answer = self.load(request) if request["do"] == "load" else self.time(request["n_calls"])
        return {**answer, "is_quiet": until_quiet()}

    def load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Read a workload, run it to warm up, and write centers and labels beside it."""
        self._X = self._job = None
        self._X = np.load(request["X"])
        init = np.load(request["init"]) if request["init"] else None
        self._job = Job(request["kind"], request["k"], request["max_iter"], self.n_threads, init)
        outcome, seconds = self._timed(1)
        if seconds < SHORT_SECONDS:
            outcome, seconds = self._timed(1)
        labels, label_seconds = outcome.labels, None
        if labels is None and self.package.assign is not None:
            until_quiet()
            began = self.clock()
            labels = self.package.assign(self._X, outcome.centers, self._job)
            label_seconds = self.clock() - began
        np.save(request["centers"], outcome.centers)
        if labels is not None:
            np.save(request["labels"], labels)
        return {
            "seconds": seconds,
            "n_iter": outcome.n_iter,
            "has_labels": labels is not None,
            "label_seconds": label_seconds,
        }

    def time(self, n_calls: int) -> dict[str, Any]:
        return {"seconds": self._timed(n_calls)[1]}

    def _timed(self, n_calls: int) -> tuple[Outcome, float]:
        """The last outcome, and the mean of the seconds of n_calls calls."""
        assert self._job is not None
        began = self.clock()
        for _ in range(n_calls):
            outcome = self.package.run(self._X, self._job)
        return outcome, (self.clock() - began) / n_calls


def serve(name: str, n_threads: int) -> None:
    """Answer each line of standard input by a line, until it is closed."""
    keep_to_cpus(n_threads)
    # Libraries print to standard output; the answers have it for themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = Server(PACKAGES[name], n_threads)
    for line in sys.stdin:
        try:
            answer = server.ask(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error).strip()}"[:500]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def keep_to_cpus(n_threads: int) -> None:
    """Allow as many CPUs as threads: some libraries ask for those and not for the environment."""
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus[: max(1, n_threads)])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
