"""An arm64 machine on any other: Debian's Python for it under qemu, and the kernels from the cross compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .builds import HOME, build, in_copy, require

HERE = HOME / "arm64-machine"
TESTS = (
    "tests/test_isas.py",
    "tests/kernels/test_filter.py",
    "tests/test_laws.py",
    "tests/test_numerics_table.py",
    "tests/test_same_steps.py",
)
WHEELS = ("numpy", "scikit-learn", "pytest", "hypothesis")
DEBS = ("python3.11", "libpython3.11-dev", "libgomp1", "libstdc++6")


CPU = "cortex-a72"
"""Without SVE, for which OpenBLAS's float32 products are NaN under the emulator, from 64 features on."""


def run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def system() -> Path:
    """The root of Debian's arm64 files; this machine's own packages are not touched."""
    root = HERE / "root"
    if (root / "usr/bin/python3.11").exists():
        return root
    require("apt-get", "dpkg")
    state, archives = HERE / "state", HERE / "cache/archives"
    for folder in (state / "lists/partial", archives / "partial", root):
        folder.mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    settings = {"Dir::State": state, "Dir::State::status": state / "status", "Dir::Cache": HERE / "cache"}
    settings |= {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "Debug::NoLocking": "1"}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    run("apt-get", *options, "-q", "update")
    run("apt-get", *options, "-q", "install", "-y", "--download-only", "--no-install-recommends", *DEBS)
    for package in sorted(archives.glob("*.deb")):
        run("dpkg", "-x", str(package), str(root))
    return root


def packages() -> Path:
    """A folder with the wheels for it."""
    target = HERE / "packages"
    if not (target / "numpy").exists():
        platforms = [f"--platform=manylinux{version}_aarch64" for version in ("2014", "_2_27", "_2_28")]
        options = ["--python-version=3.11", "--implementation=cp", "--only-binary=:all:", *platforms]
        run(sys.executable, "-m", "pip", "install", "-q", "--target", str(target), *options, *WHEELS)
    return target


def neon(arguments: list[str]) -> int:
    """The tests of the instruction sets against the NumPy reference, on arm64."""
    require("aarch64-linux-gnu-gcc", "qemu-aarch64")
    root, site = system(), packages()
    compiler = f"aarch64-linux-gnu-gcc -I{root}/usr/include/python3.11 -I{root}/usr/include"
    target = build("arm64", profile="release", CC=compiler, LDSHARED="aarch64-linux-gnu-gcc -shared")
    python = ["qemu-aarch64", "-L", str(root), str(root / "usr/bin/python3.11")]
    env = in_copy(target) | {"PYTHONPATH": os.pathsep.join([str(target), str(site)]), "QEMU_CPU": CPU}
    subprocess.run([*python, "-c", "from kmeans_fast import info; print(info())"], env=env, cwd=target, check=True)
    pytest = [*python, "-m", "pytest", "-p", "no:cacheprovider", "-k", "neon", *(arguments or TESTS)]
    return subprocess.run(pytest, env=env, cwd=target).returncode
