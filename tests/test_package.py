"""The package's door: public names, and nothing heavy behind it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import kmeans_fast


@pytest.mark.parametrize("name", kmeans_fast.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(kmeans_fast, name) is not None and name in dir(kmeans_fast)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'KMeanz'"):
        _ = kmeans_fast.KMeanz


@pytest.mark.parametrize("heavy", ["sklearn", "scipy", "matplotlib", "dask", "pandas"])
def test_import_is_light(heavy: str) -> None:
    code = f"import sys, kmeans_fast; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
