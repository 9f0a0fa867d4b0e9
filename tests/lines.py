"""``python -m tests.lines``: which lines of the package, Python and Cython, no test reaches.

Works in a copy of the checkout, built traced. Arguments are handed to pytest; without any, all tests run but those
that go through every instruction set or many rows for their bits alone, and those that trace lines themselves. Needs
the extra ``coverage``. The exit status is pytest's.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from .copies import Copy

SETTINGS = """
[run]
plugins = Cython.Coverage
core = ctrace
source = kmeans_fast
[report]
show_missing = true
skip_covered = true
exclude_also =
    if TYPE_CHECKING:
    @overload
"""

SLOW = ("test_isas.py", "test_numerics_table.py", "test_laws.py", "test_same_steps.py", "test_sklearn_suite.py")
TRACERS = ("test_interrupts.py",)
ABOUT_OTHERS = ("test_architecture.py", "test_benchmarks*.py", "test_examples.py", "test_readme.py")


def main(arguments: list[str]) -> int:
    chosen = arguments or [f"--ignore-glob=tests/{name}" for name in (*SLOW, *TRACERS, *ABOUT_OTHERS)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder), KMEANS_FAST_BUILD="traced", MPLBACKEND="Agg")
        (copy.root / "lines.ini").write_text(SETTINGS, encoding="utf-8")
        copy.build()
        for generated in (copy.root / "build" / "cython" / "kmeans_fast" / "kernels").glob("*.c"):
            shutil.copy(generated, copy.root / "kmeans_fast" / "kernels")
        coverage = [sys.executable, "-m", "coverage"]
        tests = copy.run([*coverage, "run", "--rcfile=lines.ini", "-m", "pytest", *chosen], may_fail_with=(1,))
        print(tests.stdout[-2000:])
        print(copy.run([*coverage, "report", "--rcfile=lines.ini"]).stdout)
        return tests.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
