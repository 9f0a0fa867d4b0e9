"""``python -m tests.mutation``: changes one line of the package after the other, and asks whether tests notice.

Works in a copy of the checkout that is built once, with one instruction set and asserts; a mutant of C code costs the
object of that set and one link. Prints ``killed`` or ``survived``; the exit status is 1 if any survived.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
ISA = "baseline"
LEFT_BEHIND = ("build", ".git", "*.so", "*.pyd", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")


class Checkout:
    """A copy of this one in a folder, whose kernels have one instruction set."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        bodies = self.root / "kmeans_fast" / "kernels" / "c"
        table = (bodies / "isas.def").read_text(encoding="utf-8").splitlines(keepends=True)
        (bodies / "isas.def").write_text("".join(line for line in table if f"ISA({ISA}," in line), encoding="utf-8")
        for path in bodies.glob("isa_*.c"):
            if path.stem != f"isa_{ISA}":
                path.unlink()
        self.environment = {**os.environ, "KMEANS_FAST_BUILD": "checked", "KMEANS_FAST_ISA": ISA}
        self.environment["PYTHONPATH"] = str(self.root)
        log = self.run([sys.executable, "setup.py", "build_ext", "--inplace"], check=True).stdout
        commands = [shlex.split(line) for line in log.splitlines() if " -o " in line]
        self.compile = next(c for c in commands if any(word.endswith(f"isa_{ISA}.c") for word in c))
        self.link = next(
            c for c in commands if re.search(r"[/\\]_kernels\.[^/\\]*$", c[c.index("-o") + 1]) and "-c" not in c
        )

    def run(self, command: list[str], *, check: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        if check and done.returncode:
            sys.exit(f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def build(self) -> None:
        """The object of the instruction set, and the module that holds it."""
        self.run(self.compile, check=True)
        self.run(self.link, check=True)
        built = self.root / self.link[self.link.index("-o") + 1]
        shutil.copy(built, self.root / "kmeans_fast" / "kernels" / built.name)

    def notices(self, mutant: Mutant) -> bool:
        """Whether the tests fail with the mutant; the checkout is then as before."""
        path = self.root / mutant.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.code) != 1:
            sys.exit(f"{mutant.file} has {text.count(mutant.code)} times, not once: {mutant.code}")
        path.write_text(text.replace(mutant.code, mutant.mutated), encoding="utf-8")
        try:
            if mutant.is_compiled:
                self.build()
            return self.tests_fail(mutant)
        finally:
            path.write_text(text, encoding="utf-8")

    def tests_fail(self, mutant: Mutant) -> bool:
        """pytest's status 1; any other failure is one of this tool."""
        chosen = ["-k", ISA] if mutant.is_compiled and not any("csr" in file for file in mutant.tests) else []
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *chosen, *mutant.tests]
        done = self.run(command)
        if done.returncode not in (0, 1):
            sys.exit(f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done.returncode == 1


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name or file has one of these words")
    words = parser.parse_args(arguments).words
    chosen = [m for m in MUTANTS if not words or any(word in m.name or word in m.file for word in words)]
    if not chosen:
        sys.exit(f"no mutant has one of the words {words}")
    survivors, needs_build = [], False
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(Path(folder))
        for mutant in chosen:
            if needs_build and not mutant.is_compiled:
                checkout.build()
            began, is_killed = time.monotonic(), checkout.notices(mutant)
            needs_build = mutant.is_compiled
            word = "killed  " if is_killed else "SURVIVED"
            print(f"{word} {time.monotonic() - began:5.0f} s  {Path(mutant.file).name}: {mutant.name}", flush=True)
            survivors += [] if is_killed else [mutant]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
