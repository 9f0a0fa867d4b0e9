"""Presents the compiled kernels as a backend, one for each instruction set that this machine can run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial, wraps
from typing import Any, TypeVar, cast

import numpy as np

from .conditioning import Conditioning, allowed_budget, condition
from .csr import csr_arrays
from .curve import places_on_curve
from .iterations import iterations_of
from .numpy_rows import rest_of_budget
from .pairs import add_runs
from .principal import Principal
from .protocol import Array, Floats, Indices, Labels, PrefixPlan

try:
    from ..kernels import (
        _blocks,
        _bounds,
        _boxes,
        _centers,
        _csr,
        _csr_sums,
        _distances,
        _gather,
        _groups,
        _iterate,
        _kernels,
        _moves,
        _nearest,
        _prefix,
        _seeding,
        _sum_distances,
        _sums,
    )
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


def dense_sq_spread(rows: Any, center: Array, *, n_threads: int = 1) -> float:
    """The inertia of one cluster."""
    labels = np.zeros(rows.n, dtype=np.int32)
    return _distances.inertia(rows, 0, rows.n, center[None], labels, n_threads=n_threads)


def csr_nearest_and_sum(
    rows: Any, borders: Indices, centers: Array, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> int:
    """Sparse rows are sorted by label before they are added up, so that there is nothing to be gained in one pass."""
    n_changed = _csr.nearest(rows, int(borders[0]), int(borders[-1]), centers, labels, n_threads=n_threads)
    _csr_sums.sum_by_label(rows, borders, labels, sums, mass, n_threads=n_threads)
    return n_changed


def csr_sum_distances(
    rows: Any, start: int, stop: int, points: Array, starts: Indices, sums: Floats, *, n_threads: int = 1
) -> None:
    """By distances to a few points at a time, in X's dtype."""
    of_rows, of_points = 512, 128
    for first in range(start, stop, of_rows):
        last = min(first + of_rows, stop)
        for begin in range(0, len(points), of_points):
            some = points[begin : begin + of_points]
            dists = np.empty((last - first, len(some)), dtype=points.dtype)
            _csr.distances(rows, first, last, some, dists, n_threads=n_threads)
            add_runs(dists / rows.data_unit, begin, starts, sums[first - start : last - start])


class Compiled:
    """The compiled kernels for one instruction set."""

    name = "compiled"
    nearest = staticmethod(of_rows(_nearest.nearest, _csr.nearest))
    nearest_and_sum = staticmethod(of_rows(_nearest.nearest_and_sum, csr_nearest_and_sum))
    sum_by_label = staticmethod(of_rows(_sums.sum_by_label, _csr_sums.sum_by_label))
    move = staticmethod(of_rows(_moves.move, _csr_sums.move))
    move_centers = staticmethod(_centers.move_centers)
    iterate = staticmethod(of_rows(_iterate.iterate, iterations_of(csr_nearest_and_sum, _centers.move_centers)))
    two_nearest = staticmethod(of_rows(_bounds.two_nearest, _csr.two_nearest))
    nearest_in_blocks = staticmethod(_boxes.nearest_in_blocks)
    iterate_in_blocks = staticmethod(_iterate.iterate_in_blocks)
    make_bounds = staticmethod(_groups.make_bounds)
    nearest_with_bounds = staticmethod(_groups.nearest_with_bounds)
    nearest_by_prefix = staticmethod(_prefix.nearest_by_prefix)
    make_seeds = staticmethod(_seeding.make_seeds)
    draw_rows = staticmethod(_seeding.draw_rows)
    candidate_gains = staticmethod(_seeding.candidate_gains)
    add_seed = staticmethod(_seeding.add_seed)
    sq_spread = staticmethod(of_rows(dense_sq_spread, _csr.sq_spread))
    label_sq_dists = staticmethod(of_rows(_distances.label_sq_dists, _csr.label_sq_dists))
    inertia = staticmethod(of_rows(_distances.inertia, _csr.inertia))
    distances = staticmethod(of_rows(_distances.distances, _csr.distances))
    sum_distances = staticmethod(of_rows(_sum_distances.sum_distances, csr_sum_distances))
    max_threads = staticmethod(_kernels.max_threads)

    def __init__(self, isa: str) -> None:
        self.isa = isa

    def __repr__(self) -> str:
        return f"<backend compiled, {self.isa}>"

    def prepare(
        self, X: Any, weights: Floats | None = None, *, copy_budget: float = 0.0, n_threads: int = 1
    ) -> _kernels.Rows:
        """As in protocol.py."""
        look = partial(_kernels.survey, isa=self.isa, n_threads=n_threads)
        if not isinstance(X, np.ndarray):
            arrays = csr_arrays(X)
            return self._sparse(X, arrays, condition(X, weights, look=look))
        conditioning = condition(X, weights, look=look)
        return _kernels.prepare(
            X,
            conditioning.origin * X.dtype.type(conditioning.scale),
            conditioning.weights,
            isa=self.isa,
            origin=conditioning.origin,
            scale=conditioning.scale,
            data_unit=conditioning.data_unit,
            weight_unit=conditioning.weight_unit,
            largest=conditioning.largest,
            sq_spread=conditioning.sq_spread,
            sums_are_exact=conditioning.sums_are_exact,
            n_digits=conditioning.n_digits,
            last_digit=conditioning.last_digit,
            copy_budget=allowed_budget(X, copy_budget),
        )

    def _sparse(self, X: Any, arrays: tuple[Array, Labels, Indices], conditioning: Conditioning) -> _csr.CsrRows:
        return _csr.prepare(X, *arrays, conditioning.weights, isa=self.isa, conditioning=conditioning)

    def take(self, rows: Any, chosen: Indices) -> Any:
        """As in protocol.py."""
        if isinstance(rows, _csr.CsrRows):
            conditioning = replace(rows.conditioning, weights=None, weight_unit=1.0, sq_spread=math.nan)
            taken = rows.X[chosen]
            return self._sparse(taken, csr_arrays(taken), conditioning)
        # ndarray.take gathers whole rows in half the time of indexing.
        return _kernels.rows_like(rows.X.take(chosen, axis=0), rows)

    def part_of(
        self,
        rows: Any,
        chosen: Indices,
        weights: Floats | None = None,
        *,
        copy_budget: float = 0.0,
        n_threads: int = 1,
        spent: Any = None,
    ) -> Any:
        """As in protocol.py."""
        if isinstance(rows, _csr.CsrRows):
            return self.prepare(rows.X[chosen], weights, n_threads=n_threads)
        memory = np.empty((0, rows.d), rows.X.dtype) if spent is None else spent.X
        memory = memory if memory.base is None else memory.base
        if len(memory) < len(chosen):
            memory = np.empty((len(chosen), rows.d), rows.X.dtype)
        X = memory[: len(chosen)]
        _gather.gather(rows.X, chosen, X, n_threads=n_threads)
        rest = rest_of_budget(copy_budget, rows.n, len(memory), len(chosen))
        part = self.prepare(X, weights, copy_budget=rest, n_threads=n_threads)
        if spent is not None:
            _kernels.take_over(part, spent)
        return part

    def make_blocks(self, rows: _kernels.Rows, labels: Labels, *, n_threads: int = 1) -> _blocks.Blocks:
        """As in protocol.py."""
        curve = places_on_curve(rows.X)
        return _blocks.make_blocks(
            rows, curve.least, curve.step, curve.bits, curve.n_cells, labels, n_threads=n_threads
        )

    def plan_prefix(self, rows: _kernels.Rows, centers: Array, most_work: float = 1.0) -> PrefixPlan | None:
        """As in protocol.py."""
        if rows.is_sparse:
            return None
        if rows.principal is None:
            rows.principal = Principal.of(rows.X, rows.origin)
        return rows.principal.plan(centers, most_work)

    def make_prefix(self, rows: _kernels.Rows, p: int, *, n_threads: int = 1) -> _prefix.Prefix:
        """As in protocol.py."""
        if rows.principal is None:
            rows.principal = Principal.of(rows.X, rows.origin)
        if rows.prefix is None or rows.prefix.p != p:
            rows.prefix = None
            rows.prefix = _prefix.make_prefix(rows, *rows.principal.first_axes(p, rows.X.dtype), n_threads=n_threads)
        return rows.prefix

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
