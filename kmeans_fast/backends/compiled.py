"""Presents the compiled kernels as a backend, one for each instruction set that this machine can run."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar, cast

import numpy as np

from .conditioning import allowed_budget, condition
from .csr import csr_arrays
from .protocol import Floats

try:
    from ..kernels import _bounds, _csr, _distances, _kernels, _nearest, _seeding
except ImportError as error:
    raise ImportError(
        "the compiled kernels of kmeans_fast are not built; install the package with a C compiler at hand "
        "(pip install . in its source folder), or choose backend='identity'."
    ) from error

Rows = _kernels.Rows
Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def of_rows(dense: Kernel, sparse: Kernel) -> Kernel:
    """The kernel that takes dense rows and sparse ones."""

    @wraps(dense)
    def kernel(rows: _kernels.Rows, *args: Any, **options: Any) -> Any:
        if type(rows) is _csr.CsrRows:
            return sparse(rows, *args, **options)
        return dense(rows, *args, **options)

    return cast(Kernel, kernel)


class Compiled:
    """The compiled kernels for one instruction set."""

    name = "compiled"
    nearest = staticmethod(of_rows(_nearest.nearest, _csr.nearest))
    nearest_and_sum = staticmethod(of_rows(_nearest.nearest_and_sum, _csr.nearest_and_sum))
    sum_by_label = staticmethod(of_rows(_nearest.sum_by_label, _csr.sum_by_label))
    two_nearest = staticmethod(of_rows(_bounds.two_nearest, _csr.two_nearest))
    candidate_potentials = staticmethod(of_rows(_seeding.candidate_potentials, _csr.candidate_potentials))
    lower_sq_dists = staticmethod(of_rows(_seeding.lower_sq_dists, _csr.lower_sq_dists))
    label_sq_dists = staticmethod(of_rows(_distances.label_sq_dists, _csr.label_sq_dists))
    distances = staticmethod(of_rows(_distances.distances, _csr.distances))
    max_threads = staticmethod(_kernels.max_threads)

    def __init__(self, isa: str) -> None:
        self.isa = isa

    def __repr__(self) -> str:
        return f"<backend compiled, {self.isa}>"

    def prepare(
        self, X: Any, weights: Floats | None = None, *, copy_budget: float = 0.0, n_threads: int = 1
    ) -> _kernels.Rows:
        """As in protocol.py."""
        if not isinstance(X, np.ndarray):
            return self._prepare_sparse(X, weights, n_threads)
        conditioning = condition(X, weights, largest=_kernels.largest(X, isa=self.isa, n_threads=n_threads))
        return _kernels.prepare(
            X,
            conditioning.origin * X.dtype.type(conditioning.scale),
            conditioning.weights,
            isa=self.isa,
            scale=conditioning.scale,
            data_unit=conditioning.data_unit,
            weight_unit=conditioning.weight_unit,
            copy_budget=allowed_budget(X, copy_budget),
        )

    def _prepare_sparse(self, X: Any, weights: Floats | None, n_threads: int) -> _csr.CsrRows:
        values, columns, starts = csr_arrays(X)
        largest = _kernels.largest(values.reshape(1, -1), isa=self.isa, n_threads=n_threads)
        conditioning = condition(X, weights, largest=largest)
        return _csr.prepare(
            X,
            values,
            columns,
            starts,
            conditioning.weights,
            isa=self.isa,
            scale=conditioning.scale,
            data_unit=conditioning.data_unit,
            weight_unit=conditioning.weight_unit,
        )

    def facts(self) -> dict[str, Any]:
        """What was built and what this machine can run of it."""
        return {
            "isa": self.isa,
            "isas": _kernels.isas(),
            "isas_available": _kernels.isas_available(),
            "openmp": _kernels.has_openmp(),
            "max_threads": _kernels.max_threads(),
            "profile": _kernels.build_profile(),
        }


@cache
def _backend_of(isa: str) -> Compiled:
    return Compiled(isa)


def with_isa(isa: str | None = None) -> Compiled:
    """The backend on the named instruction set; by default KMEANS_FAST_ISA, else the best that this machine has."""
    available = _kernels.isas_available()
    chosen = isa or os.environ.get("KMEANS_FAST_ISA") or available[0]
    if chosen not in available:
        raise ValueError(
            f"isa={chosen!r} can't run on this machine; use one of {', '.join(available)} "
            "(argument isa, or the environment variable KMEANS_FAST_ISA)."
        )
    return _backend_of(chosen)
