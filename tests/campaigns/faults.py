"""Every allocation of the kernels and of array data in a call fails once: MemoryError, nothing changed, the next right.

``python -m campaigns.faults`` runs in a process that has the library of ``fail_nth.c`` loaded before all others.
"""

from __future__ import annotations

import copy
import ctypes
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .builds import HOME, ROOT, compile_c

COUNTED = {"kernels": b"kmeans_fast/kernels", "arrays": b""}
"""What ``fault_arm`` is told. NumPy's own iterators are left out: without memory for one, NumPy 2.4 itself crashes."""

SET_HANDLER = 304
"""PyDataMem_SetHandler's place in NumPy's table of C functions."""

MOST = 100_000
"""Allocations of a call: with more, the library counts what it should not."""


def preloaded() -> dict[str, str]:
    """An environment in which allocations can be made to fail."""
    library = compile_c(Path(__file__).with_name("fail_nth.c"), HOME / "fail_nth.so", "-shared", "-fPIC")
    return os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


def run(names: Sequence[str] = (), timeout: float = 1800) -> subprocess.CompletedProcess[str]:
    """The campaign over the named scenarios, or over all, in a process of its own."""
    command = [sys.executable, "-m", "campaigns.faults", *names]
    return subprocess.run(command, env=preloaded(), cwd=ROOT, capture_output=True, text=True, timeout=timeout)


def campaign(names: Sequence[str]) -> int:
    """Every allocation of every scenario fails once."""
    return subprocess.run([sys.executable, "-m", "campaigns.faults", *names], env=preloaded(), cwd=ROOT).returncode


def interrupts(names: Sequence[str]) -> int:
    """Every scenario is interrupted at every line, and 200 times at random."""
    command = [sys.executable, "-m", "campaigns.interrupts"]
    at_lines = subprocess.run([*command, "lines", *names], env=preloaded(), cwd=ROOT).returncode
    return subprocess.run([*command, "200", *names], env=preloaded(), cwd=ROOT).returncode or at_lines


def count_array_data() -> None:
    """From now on this thread's array data come from the library's handler."""
    from numpy._core._multiarray_umath import _ARRAY_API

    capsule, pointer = ctypes.py_object, ctypes.c_void_p
    get_pointer = ctypes.PYFUNCTYPE(pointer, capsule, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    new_capsule = ctypes.PYFUNCTYPE(capsule, pointer, ctypes.c_char_p, pointer)(("PyCapsule_New", ctypes.pythonapi))
    table = ctypes.cast(get_pointer(_ARRAY_API, None), ctypes.POINTER(pointer))
    set_handler = ctypes.PYFUNCTYPE(capsule, capsule)(table[SET_HANDLER])
    handler = ctypes.addressof(ctypes.c_char.in_dll(ctypes.PyDLL(None), "fault_handler"))
    set_handler(new_capsule(handler, b"mem_handler", None))


def fail_each(scenario: Any, counted: bytes) -> int:
    """How many allocations of one call failed, each in a call of its own."""
    from .scenarios import frozen

    fault = ctypes.PyDLL(None)
    fault.fault_disarm.restype = ctypes.c_long

    def called(model: Any, nth: int) -> tuple[Any, int]:
        fault.fault_arm(counted, ctypes.c_long(nth))
        try:
            result = scenario.call(model, scenario.X)
        finally:
            n_counted = fault.fault_disarm()
        return result, n_counted

    scenario.call(copy.deepcopy(scenario.model), scenario.X)
    expected = frozen(called(copy.deepcopy(scenario.model), 0)[0])
    rows, unchanged = frozen(scenario.X), frozen(vars(scenario.model) if scenario.model is not None else None)
    for nth in range(1, MOST):
        model = copy.deepcopy(scenario.model)
        try:
            result, n_counted = called(model, nth)
        except MemoryError:
            assert frozen(vars(model) if model is not None else None) == unchanged, f"fault {nth}: the model changed"
            assert frozen(scenario.X) == rows, f"fault {nth}: X changed"
            assert frozen(called(model, 0)[0]) == expected, f"fault {nth}: the next call differs"
        else:
            assert frozen(result) == expected, f"fault {nth} went unseen, and the result differs"
            if n_counted < nth:
                return nth - 1
            raise AssertionError(f"fault {nth} of {n_counted} raised nothing")
    raise AssertionError(f"more than {MOST} allocations")


def main(names: Sequence[str]) -> int:
    from .scenarios import all_scenarios

    warnings.simplefilter("ignore")
    count_array_data()
    scenarios = all_scenarios()
    failed, total = [], 0
    for name in names or scenarios:
        scenario, counts = scenarios[name](), []
        for what, counted in COUNTED.items():
            try:
                counts.append(fail_each(scenario, counted))
            except Exception as error:
                failed.append(name)
                print(f"{name}, {what}: {type(error).__name__}: {error}", flush=True)
        total += sum(counts)
        print(f"{name}: {' + '.join(map(str, counts))} allocations failed", flush=True)
    print(f"{total} allocations failed in {len(names or scenarios)} calls; {len(failed)} calls went wrong")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
