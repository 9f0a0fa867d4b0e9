"""Runs the tests and prints how many passed; ``--seed N`` takes another of scikit-learn's global seeds (42)."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import sklearn

from .sources import ABOUT_K_MEANS, HANDED_A_K_MEANS, LEFT_OUT

ROOT = Path(__file__).parent.parent.parent
OUTCOMES = ("passed", "failed", "expected failure", "skipped", "left out", "missing")

Reports = dict[str, dict[str, Any]]


def run(seed: int = 42, sources: tuple[str, ...] = (*ABOUT_K_MEANS, *HANDED_A_K_MEANS)) -> tuple[Reports, str]:
    """What became of each test, by its id, and what pytest printed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        environment = {
            **os.environ,
            "SKLEARN_SUITE_REPORT": str(file),
            "SKLEARN_RUN_FLOAT32_TESTS": "1",
            "SKLEARN_TESTS_GLOBAL_RANDOM_SEED": str(seed),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "MPLBACKEND": "Agg",
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
        command += ["--rootdir", folder, "-p", "tests.sklearn_suite.plugin", "--disable-warnings", "--tb=native"]
        command += ["--pyargs", *sources]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if not file.exists():
            raise RuntimeError(f"pytest did not get to the end:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return json.loads(file.read_text(encoding="utf-8")), done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sklearn_suite", description=__doc__)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--details", action="store_true", help="print the errors of the tests that failed, too")
    options = parser.parse_args()
    reports, _ = run(options.seed)
    print(f"scikit-learn {sklearn.__version__}, tests by source:")
    for source in dict.fromkeys(report["source"] for report in reports.values()):
        counts = Counter(report["outcome"] for report in reports.values() if report["source"] == source)
        print(f"  {source}: {', '.join(f'{counts[name]} {name}' for name in OUTCOMES if counts[name])}")
    for name, reason in LEFT_OUT.items():
        print(f"left out: {name}: {reason}")
    failed = [name for name, report in reports.items() if report["outcome"] == "failed"]
    for name in failed:
        print(f"FAILED {name}")
        if options.details:
            print(reports[name]["text"])
    totals = Counter(report["outcome"] for report in reports.values())
    print(f"passed {totals['passed']} failed {totals['failed']} of {totals['passed'] + totals['failed']}")
    return min(1, totals["failed"])


if __name__ == "__main__":
    sys.exit(main())
