"""Our names in the place of scikit-learn's, and scikit-learn's own k-means made unusable."""

from __future__ import annotations

import sys
from importlib import import_module
from types import FunctionType
from typing import Any, NoReturn

import kmeans_fast

NAMES = ("KMeans", "MiniBatchKMeans", "BisectingKMeans", "k_means", "kmeans_plusplus")

PYTHON = ("sklearn.cluster._kmeans", "sklearn.cluster._bisect_k_means")
COMPILED = tuple(f"sklearn.cluster._k_means_{name}" for name in ("common", "elkan", "lloyd", "minibatch"))
KEPT = {"__init__", "__sklearn_tags__"}
"""Methods of scikit-learn's classes that compute nothing; test modules call them when they are imported."""


class PoisonedError(BaseException):
    """scikit-learn's own k-means code was used. Not an Exception: no test may expect or swallow it."""


def poisoned(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise PoisonedError(name)

    return refuse


def poisoned_method(name: str) -> Any:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise PoisonedError(f"{type(self).__name__}.{name}")

    return refuse


def poison() -> None:
    """Make every function of scikit-learn's k-means modules and every method of their classes raise."""
    replacements = {}
    for module in map(import_module, PYTHON + COMPILED):
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if module.__name__ in PYTHON and isinstance(value, type):
                poison_class(value)
            elif callable(value):
                replacements[id(value)] = poisoned(f"{module.__name__}.{name}")
    rebind(replacements)


def poison_class(cls: type) -> None:
    for name, value in list(vars(cls).items()):
        if isinstance(value, FunctionType) and name not in KEPT:
            setattr(cls, name, poisoned_method(name))


def rebind(replacements: dict[int, Any]) -> None:
    """Put ``replacements[id(value)]`` for each value that is bound in a module of scikit-learn."""
    for module in [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "sklearn"]:
        for name, value in list(vars(module).items()):
            if id(value) in replacements:
                setattr(module, name, replacements[id(value)])


def swap() -> dict[str, Any]:
    """Put our names for scikit-learn's in all of its modules; give those of its own that we have no counterpart of."""
    cluster = import_module("sklearn.cluster")
    theirs = {name: getattr(cluster, name) for name in NAMES}
    ours = {name: getattr(kmeans_fast, name) for name in NAMES if hasattr(kmeans_fast, name)}
    rebind({id(theirs[name]): value for name, value in ours.items()})
    # A class that is bound nowhere any more can still be reached, by its subclasses for one.
    for value in theirs.values():
        if isinstance(value, type):
            poison_class(value)
    poison()
    return {name: getattr(cluster, name) for name in NAMES if name not in ours}
