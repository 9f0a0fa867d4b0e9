"""What this installation is made of and would use."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ._threads import affinity, resolve_n_threads
from .backends import BACKENDS, get_backend


def info() -> dict[str, Any]:
    """Versions, backends, instruction sets, threads and build profile, as a dict.

    'compiled' is False, and 'problem' says why, where the kernels are not built.

    >>> sorted(info())[:3]
    ['backends', 'compiled', 'cpus']
    """
    from . import __version__

    facts: dict[str, Any] = {
        "kmeans_fast": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "numpy": version_of("numpy"),
        "scikit-learn": version_of("scikit-learn"),
        "backends": list(BACKENDS),
        "cpus": affinity(),
    }
    try:
        compiled: Any = get_backend("compiled")
    except ImportError as error:
        return facts | {"compiled": False, "problem": str(error), "threads": resolve_n_threads()}
    return facts | {"compiled": True, "threads": resolve_n_threads(None, compiled)} | compiled.facts()


def version_of(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
