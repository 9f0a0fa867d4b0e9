"""Copies of this checkout in other folders, built in other ways."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LEFT_BEHIND = ("build", ".git", "*.so", "*.pyd", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")


class Copy:
    """A copy of this checkout, and what runs in it; the package that is imported there is its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.root, self.log = folder / "checkout", folder / "build.log"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*LEFT_BEHIND), dirs_exist_ok=True)
        paths = [str(self.root), os.environ.get("PYTHONPATH", "")]
        self.environment = {**os.environ, **variables, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def run(self, command: list[str], *, may_fail_with: tuple[int, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Of the command; this process ends where it fails in a way that is not foreseen."""
        done = subprocess.run(command, cwd=self.root, env=self.environment, capture_output=True, text=True)
        if done.returncode and done.returncode not in may_fail_with:
            sys.exit(f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def build(self) -> str:
        """What the build printed; a folder in which it ran before is not built again."""
        if not self.log.exists():
            printed = self.run([sys.executable, "setup.py", "build_ext", "--inplace"]).stdout
            self.log.write_text(printed, encoding="utf-8")
        return self.log.read_text(encoding="utf-8")
