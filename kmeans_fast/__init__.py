"""Fast k-means clustering with labels that are provably right.

::

    KMeans, MiniBatchKMeans,         article.py           what people call
    BisectingKMeans, k_means, ...        |              selection/  displays/  (how many clusters?)
            |                            |
    estimators/  (scikit-learn's face)   |      _validation.py  _threads.py
            |                            |
            +------------+---------------+
                         |
    engine/   loop: step -> fill empty -> move centers -> yield
              shard, partials, seeding, inertia, table ALGORITHMS
                         |
    backends/ protocol: nearest, sums, distances, ...   table BACKENDS
              compiled   identity   broadcast   loop
                 |
    kernels/  Cython -> C in vector extensions, one table of instruction sets

K-means is a loop over sums: one step turns rows and centers into sums, mass and a count of changed labels.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .backends import BACKENDS

if TYPE_CHECKING:
    from ._info import info
    from .estimators.bisecting import BisectingKMeans
    from .estimators.functions import k_means, kmeans_plusplus
    from .estimators.kmeans import KMeans
    from .estimators.minibatch import MiniBatchKMeans
    from .selection import choose_k

__version__ = "0.1.0"

__all__ = [
    "BACKENDS",
    "BisectingKMeans",
    "KMeans",
    "MiniBatchKMeans",
    "__version__",
    "choose_k",
    "info",
    "k_means",
    "kmeans_plusplus",
]

_HOMES = {
    "BisectingKMeans": ".estimators.bisecting",
    "KMeans": ".estimators.kmeans",
    "MiniBatchKMeans": ".estimators.minibatch",
    "k_means": ".estimators.functions",
    "kmeans_plusplus": ".estimators.functions",
    "choose_k": ".selection",
    "info": "._info",
}
"""Public name -> module, imported on first use, so that `import kmeans_fast` stays light."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
