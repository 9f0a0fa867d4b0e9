"""``python -m tests.mutation``: changes one line of the package after the other, and asks whether tests notice.

Works in a copy of the checkout that is built once, with one instruction set and asserts; a mutant of C code costs the
object of that set and one link. Prints ``killed`` or ``survived``; the exit status is 1 if any survived.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import sys
import tempfile
import time
from operator import attrgetter
from pathlib import Path

from ..copies import Copy
from .mutants import BF16, ISA, MUTANTS, Mutant


class Checkout(Copy):
    """A copy of this checkout whose kernels have one instruction set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, KMEANS_FAST_BUILD="checked", KMEANS_FAST_ISA=ISA)
        bodies = self.root / "kmeans_fast" / "kernels" / "c"
        table = (bodies / "isas.def").read_text(encoding="utf-8").splitlines(keepends=True)
        (bodies / "isas.def").write_text("".join(line for line in table if f"ISA({ISA}," in line), encoding="utf-8")
        for path in bodies.glob("isa_*.c"):
            if path.stem != f"isa_{ISA}":
                path.unlink()
            else:
                self.body, self.source = path, path.read_text(encoding="utf-8")
        commands = [shlex.split(line) for line in self.build().splitlines() if " -o " in line]
        self.compile = next(command for command in commands if made_of(command, f"isa_{ISA}.c"))
        self.link = next(command for command in commands if "-c" not in command and makes(command, r"_kernels\."))

    def rebuild(self, filter_of: str = BF16) -> None:
        """The object of the instruction set, with a filter that only others have, and the module that holds it."""
        self.body.write_text(f"#define {filter_of} 1\n{self.source}", encoding="utf-8")
        self.run(self.compile)
        self.run(self.link)
        built = self.root / self.link[self.link.index("-o") + 1]
        shutil.copy(built, self.root / "kmeans_fast" / "kernels" / built.name)

    def notices(self, mutant: Mutant) -> bool:
        """Whether the tests fail with the mutant; the sources are then as before."""
        path = self.root / mutant.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.code) != 1:
            sys.exit(f"{mutant.file} has {text.count(mutant.code)} times, not once: {mutant.code}")
        path.write_text(text.replace(mutant.code, mutant.mutated), encoding="utf-8")
        try:
            if mutant.is_compiled:
                self.rebuild(mutant.filter_of)
            return self.tests_fail(mutant)
        finally:
            path.write_text(text, encoding="utf-8")

    def tests_fail(self, mutant: Mutant) -> bool:
        """pytest's status 1; any other failure is one of this tool."""
        options = ["-x", "-q", "-p", "no:cacheprovider", "-k", mutant.chosen]
        command = [sys.executable, "-m", "pytest", *options, *mutant.tests]
        return self.run(command, may_fail_with=(1,)).returncode == 1


def made_of(command: list[str], source: str) -> bool:
    return any(word.endswith(source) for word in command)


def makes(command: list[str], pattern: str) -> bool:
    return re.match(pattern, Path(command[command.index("-o") + 1]).name) is not None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose name or file has one of these words")
    parser.add_argument("--folder", type=Path, help="where the copy stays, for the next run of a C body or a test")
    options = parser.parse_args(arguments)
    words = options.words
    chosen = [m for m in MUTANTS if not words or any(word in m.name or word in m.file for word in words)]
    if not chosen:
        sys.exit(f"no mutant has one of the words {words}")
    survivors, needs_build = [], True
    with tempfile.TemporaryDirectory() as folder:
        checkout = Checkout(options.folder or Path(folder))
        built = None
        different = {(m.tests, m.chosen, m.filter_of): m for m in chosen}
        for mutant in sorted(different.values(), key=attrgetter("filter_of")):
            if built != mutant.filter_of:
                checkout.rebuild(mutant.filter_of)
                built = mutant.filter_of
            if checkout.tests_fail(mutant):
                sys.exit(f"fail without any mutant, so they can notice none: {shlex.join(mutant.tests)}")
        print("all tests pass without mutants", flush=True)
        for mutant in chosen:
            if needs_build and not mutant.is_compiled:
                checkout.rebuild()
            began, is_killed = time.monotonic(), checkout.notices(mutant)
            needs_build = mutant.is_compiled
            word = "killed  " if is_killed else "SURVIVED"
            print(f"{word} {time.monotonic() - began:5.0f} s  {Path(mutant.file).name}: {mutant.name}", flush=True)
            survivors += [] if is_killed else [mutant]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
