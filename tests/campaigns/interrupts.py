"""Ctrl-C at random moments, and at every line: all as before or complete, no thread stays, the next call is right.

``python -m campaigns.interrupts COUNT|lines [SCENARIO...]`` sends interrupts to itself, one a call.
"""

from __future__ import annotations

import copy
import os
import random
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import kmeans_fast

from .scenarios import Scenario, all_scenarios, frozen

PACKAGE = str(Path(kmeans_fast.__file__).parent)
TRIES = 10
SLOW = {"broadcast", "broadcast transform", "identity", "sparse identity", "identity transform"}
LONG_ENOUGH = 3000
"""Rows with which most calls take milliseconds."""


def state(model: Any) -> Any:
    return frozen(vars(model)) if model is not None else None


def interrupted_at_line(call: Callable[[], Any], nth: int) -> bool:
    """Whether ``call`` came to the nth line of the package's Python code; there it was interrupted."""
    left = nth

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        left -= event == "line"
        if left == 0:
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def interrupt_lines(scenario: Scenario, step: int = 1) -> int:
    """How many interrupts, one at each line that a call comes to, or at every ``step``-th."""
    unchanged, whole = state(scenario.model), copy.deepcopy(scenario.model)
    expected = frozen(scenario.call(whole, scenario.X))
    count, nth = 0, 1
    while True:
        model = copy.deepcopy(scenario.model)
        if not interrupted_at_line(lambda model=model: scenario.call(model, scenario.X), nth):
            return count
        assert state(model) in (unchanged, state(whole)), f"line {nth}: neither as before nor complete"
        if count % 10 == 0 and state(model) == unchanged:
            assert frozen(scenario.call(model, scenario.X)) == expected, f"line {nth}: the next call differs"
        count, nth = count + 1, nth + step


def n_tasks() -> int:
    """Threads of this process, those of C too."""
    return len(os.listdir("/proc/self/task"))


def seconds_of(scenario: Scenario) -> float:
    model = copy.deepcopy(scenario.model)
    began = time.perf_counter()
    scenario.call(model, scenario.X)
    return time.perf_counter() - began


def interrupt_at_random(scenario: Scenario, count: int, chance: random.Random) -> int:
    """How many calls it took until ``count`` were interrupted; the moment may also fall behind the end of a call."""
    whole = copy.deepcopy(scenario.model)
    expected, unchanged = frozen(scenario.call(whole, scenario.X)), state(scenario.model)
    taken, n_interrupted = min(seconds_of(scenario) for _ in range(5)), 0
    for i in range(TRIES * count):
        model = copy.deepcopy(scenario.model)
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, taken))
            scenario.call(model, scenario.X)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            n_interrupted += 1
        assert state(model) in (unchanged, state(whole)), f"interrupt {i}: neither as before nor complete"
        if i % 5 == 0 and state(model) == unchanged:
            assert frozen(scenario.call(model, scenario.X)) == expected, f"interrupt {i}: the next call differs"
        if n_interrupted == count:
            return i + 1
    raise AssertionError(f"{n_interrupted} of {TRIES * count} calls were interrupted")


def lines(names: Sequence[str]) -> None:
    scenarios, total = all_scenarios(100), 0
    names = names or [name for name in scenarios if name not in SLOW]
    for name in names:
        count = interrupt_lines(scenarios[name]())
        total += count
        print(f"{name}: {count} interrupts", flush=True)
    print(f"{total} interrupts, one at each line of {len(names)} calls")


def at_random(count: int, names: Sequence[str]) -> int:
    # An alarm does what Ctrl-C does, in the same place of the interpreter, and comes when it is told to.
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    scenarios = all_scenarios(LONG_ENOUGH)
    names = names or [name for name in scenarios if name not in SLOW]
    chance, total = random.Random(0), 0
    chosen = [scenarios[name]() for name in names]
    for scenario in chosen:
        scenario.call(copy.deepcopy(scenario.model), scenario.X)
    n_before = n_tasks()
    for i, scenario in enumerate(chosen):
        share = count * (i + 1) // len(chosen) - count * i // len(chosen)
        total += interrupt_at_random(scenario, share, chance)
        print(f"{names[i]}: {share} interrupts", flush=True)
    time.sleep(0.1)
    began = time.process_time()
    time.sleep(0.3)
    idle = time.process_time() - began
    print(f"{count} of {total} calls interrupted; {n_tasks()} threads, {n_before} before; {idle:.3f} s busy afterwards")
    return 0 if n_tasks() <= n_before and idle < 0.1 else 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "lines":
        sys.exit(lines(sys.argv[2:]))
    sys.exit(at_random(int(sys.argv[1]), sys.argv[2:]))
