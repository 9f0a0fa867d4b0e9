"""That the compiled backend is there, is what 'auto' means, and is compiled."""

from __future__ import annotations

import importlib.machinery
import sys

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.backends.protocol import KERNELS


def test_auto_means_compiled() -> None:
    assert get_backend("auto").name == get_backend("compiled").name == "compiled"


def test_its_kernels_come_from_extension_modules() -> None:
    get_backend("compiled")
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    modules = [m for name, m in sys.modules.items() if name.startswith("kmeans_fast.kernels._")]
    assert modules and all(str(m.__file__).endswith(suffixes) for m in modules)


def test_every_backend_has_every_kernel() -> None:
    for name in BACKENDS:
        missing = [kernel for kernel in KERNELS if not callable(getattr(get_backend(name), kernel, None))]
        assert missing == [], name
