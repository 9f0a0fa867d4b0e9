"""The table of backends and its errors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kmeans_fast.backends import BACKENDS, get_backend


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_knows_its_name(name: str) -> None:
    assert get_backend(name).name == name


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'gpu' is unknown.*'compiled', 'identity', 'broadcast', 'loop'"):
        get_backend("gpu")


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "compiled"])
def test_numpy_backends_have_no_instruction_sets(name: str) -> None:
    assert get_backend(name).isa == "numpy"
    with pytest.raises(ValueError, match="for the compiled backend only"):
        get_backend(name, isa="avx2")


@pytest.mark.parametrize("name", ["auto", "compiled"])
def test_missing_kernels_say_how_to_build_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, BACKENDS["compiled"], None)
    with pytest.raises(ImportError, match=r"pip install \."):
        get_backend(name)


def test_numpy_backends_do_not_load_the_kernels() -> None:
    code = (
        "import sys; from kmeans_fast.backends import get_backend; get_backend('loop');"
        "sys.exit(any(name.startswith('kmeans_fast.kernels') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
