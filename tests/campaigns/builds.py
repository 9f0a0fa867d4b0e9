"""Builds of the package with other flags, in copies of the checkout below build/campaigns, kept for the next time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "campaigns"
COPIED = ("kmeans_fast", "tests", "benchmarks", ".ci")
MADE_BY_BUILDS = {".so", ".pyc"}


class Missing(Exception):
    """What this machine lacks for a campaign."""


@dataclass(frozen=True)
class Edit:
    """A change of the sources in a copy: a planted fault, to show that a campaign finds it, or a constant."""

    path: str
    before: str
    after: str

    def apply(self, text: bytes) -> bytes:
        assert text.count(self.before.encode()) == 1, f"{self.path} has {self.before!r} not once: edit another place."
        return text.replace(self.before.encode(), self.after.encode())


def copy_checkout(target: Path, edits: Sequence[Edit] = ()) -> None:
    """The files of the checkout; those that are the same already keep their times, for make's sake."""
    sources = [path for folder in COPIED for path in (ROOT / folder).rglob("*") if path.is_file()]
    sources += [path for path in ROOT.iterdir() if path.is_file() and path.suffix in {".py", ".toml", ".md", ".in", ""}]
    wanted = {str(path.relative_to(ROOT)): path for path in sources if path.suffix not in MADE_BY_BUILDS}
    for name, path in wanted.items():
        text, copy = path.read_bytes(), target / name
        for edit in edits:
            text = edit.apply(text) if edit.path == name else text
        if not copy.exists() or copy.read_bytes() != text:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(text)
    for folder in COPIED:
        for path in (target / folder).rglob("*"):
            if path.is_file() and path.suffix not in MADE_BY_BUILDS and str(path.relative_to(target)) not in wanted:
                path.unlink()


def build(
    name: str, *, profile: str = "checked", sanitize: str = "", edits: Sequence[Edit] = (), **variables: str
) -> Path:
    """The folder of a build that is in place there."""
    require("cc")
    target = HOME / name
    copy_checkout(target, edits)
    env = os.environ | {"KMEANS_FAST_BUILD": profile, "KMEANS_FAST_SANITIZE": sanitize} | variables
    command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    run = subprocess.run(command, cwd=target, env=env, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"the build in {target} failed:\n{run.stdout[-3000:]}{run.stderr[-3000:]}")
    return target


def require(*tools: str) -> None:
    lacking = [tool for tool in tools if shutil.which(tool) is None]
    if lacking:
        raise Missing(f"needs {', '.join(lacking)}")


def compile_c(source: Path, target: Path, *flags: str) -> Path:
    """``target``, compiled anew where the source is newer."""
    require("cc")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O1", "-g", str(source), "-o", str(target), *flags], check=True)
    return target


def compiler_file(name: str) -> str:
    """A file that comes with the compiler, such as a sanitizer's library."""
    require("cc")
    found = subprocess.check_output(["cc", f"-print-file-name={name}"], text=True).strip()
    if not Path(found).is_absolute():
        raise Missing(f"needs the compiler's {name}")
    return found


def in_copy(target: Path, **variables: str) -> dict[str, str]:
    """An environment in which Python takes the package and the tests from the copy."""
    return os.environ | {"PYTHONPATH": str(target), "PYTHONDONTWRITEBYTECODE": "1"} | variables
