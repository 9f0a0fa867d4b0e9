"""Presents the compiled kernels as a backend, one for each instruction set that this machine can run."""

from __future__ import annotations

import os
from functools import cache, partial
from typing import Any

from .conditioning import allowed_budget, condition
from .curve import places_on_curve
from .protocol import Array, Floats, Indices, Labels

try:
    from ..kernels import _bounds, _boxes, _distances, _kernels, _moves, _nearest, _seeding
except ImportError as error:
    raise ImportError(
        "the compiled kernels of kmeans_fast are not built; install the package with a C compiler at hand "
        "(pip install . in its source folder), or choose backend='identity'."
    ) from error

Rows = _kernels.Rows


class Compiled:
    """The compiled kernels for one instruction set."""

    name = "compiled"
    nearest = staticmethod(_nearest.nearest)
    nearest_and_sum = staticmethod(_nearest.nearest_and_sum)
    sum_by_label = staticmethod(_nearest.sum_by_label)
    move = staticmethod(_moves.move)
    two_nearest = staticmethod(_bounds.two_nearest)
    candidate_potentials = staticmethod(_seeding.candidate_potentials)
    lower_sq_dists = staticmethod(_seeding.lower_sq_dists)
    label_sq_dists = staticmethod(_distances.label_sq_dists)
    nearest_in_blocks = staticmethod(_boxes.nearest_in_blocks)
    inertia = staticmethod(_distances.inertia)
    distances = staticmethod(_distances.distances)
    max_threads = staticmethod(_kernels.max_threads)

    def __init__(self, isa: str) -> None:
        self.isa = isa

    def __repr__(self) -> str:
        return f"<backend compiled, {self.isa}>"

    def prepare(
        self, X: Array, weights: Floats | None = None, *, copy_budget: float = 0.0, n_threads: int = 1
    ) -> _kernels.Rows:
        """As in protocol.py."""
        conditioning = condition(X, weights, look=partial(_kernels.survey, isa=self.isa, n_threads=n_threads))
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

    def take(self, rows: _kernels.Rows, chosen: Indices) -> _kernels.Rows:
        """As in protocol.py."""
        # ndarray.take gathers whole rows in half the time of indexing.
        return _kernels.rows_like(rows.X.take(chosen, axis=0), rows)

    def make_blocks(self, rows: _kernels.Rows, labels: Labels, *, n_threads: int = 1) -> _boxes.Blocks:
        """As in protocol.py."""
        curve = places_on_curve(rows.X)
        return _boxes.make_blocks(
            rows, curve.least, curve.step, curve.bits, curve.n_cells, labels, n_threads=n_threads
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
