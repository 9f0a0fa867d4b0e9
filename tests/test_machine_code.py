"""What is built for every x86-64 machine has no instruction that only some of them have."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from tables import ISAS, KERNELS

LIBRARIES = sorted(KERNELS.glob("_*.so"))
OTHERS = [path for path in LIBRARIES if not path.name.startswith("_kernels.")]
"""Without files of their own for instruction sets."""

REGISTERS = {"avx512_bf16": "zmm", "avx512_vnni": "zmm", "avx512": "zmm", "avx2": "ymm"}
"""The widest registers that each of these files is to use; the others keep to SSE2."""

needs_binutils = pytest.mark.skipif(
    platform.machine() != "x86_64" or not LIBRARIES or not (shutil.which("objdump") and shutil.which("readelf")),
    reason="needs objdump, readelf and kernels for Linux on x86-64",
)


def lines_of(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def files_of_functions(library: Path) -> dict[int, str]:
    """Address of each function that is local to a C file, with the file's name: those of a file follow its entry."""
    found, file = {}, ""
    for line in lines_of("readelf", "-sW", str(library)):
        words = line.split()
        if len(words) == 8 and words[3] == "FILE":
            file = words[7]
        elif len(words) == 8 and words[3:5] == ["FUNC", "LOCAL"]:
            found[int(words[1], 16)] = file
    return found


@cache
def instructions(library: Path) -> dict[str, Counter[str]]:
    """Of each C file: all, those that begin with v (AVX and later), of bfloat16, whole numbers, wide registers."""
    files, file = files_of_functions(library), ""
    found: dict[str, Counter[str]] = {}
    for line in lines_of("objdump", "-d", "--no-show-raw-insn", str(library)):
        if heading := re.match(r"([0-9a-f]{16}) <", line):
            file = files.get(int(heading[1], 16), "functions of no one file")
        elif "\t" in line:
            counts = found.setdefault(file, Counter())
            counts["all"] += 1
            counts["v"] += line.split("\t")[1].startswith("v")
            counts["bf16"] += "bf16ps" in line.split("\t")[1]
            counts["whole"] += "vpdpwssd" in line.split("\t")[1]
            counts.update(set(re.findall(r"%([yz]mm)", line)))
    return found


@needs_binutils
def test_wide_instructions_are_in_their_own_files_only() -> None:
    (library,) = (path for path in LIBRARIES if path.name.startswith("_kernels."))
    found = instructions(library)
    assert {f"isa_{name}.c" for name in ISAS if name != "neon"} <= set(found), "the C files can't be told apart"
    for name, register in REGISTERS.items():
        assert found[f"isa_{name}.c"][register] > 1000
    assert found["isa_avx2.c"]["zmm"] == 0
    assert {file for file, counts in found.items() if counts["bf16"]} == {"isa_avx512_bf16.c"}
    assert {file for file, counts in found.items() if counts["whole"]} == {"isa_avx512_vnni.c"}
    others = {file: counts["v"] for file, counts in found.items() if file.removesuffix(".c")[4:] not in REGISTERS}
    assert len(others) >= 5 and set(others.values()) == {0}, others
    assert found["isa_baseline.c"]["all"] > 10_000


@needs_binutils
@pytest.mark.parametrize("library", OTHERS, ids=lambda path: path.name.split(".")[0])
def test_the_libraries_beside_keep_to_what_every_machine_has(library: Path) -> None:
    counts = sum(instructions(library).values(), Counter())
    assert counts["all"] > 1000 and counts["v"] == counts["ymm"] == 0
