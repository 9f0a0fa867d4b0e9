"""The table of criteria: what each makes of a clustering, and which k it calls the best."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..backends.protocol import Floats, Indices
from . import dispersion, silhouette
from .elbow import depths
from .gap import within_one_standard_error
from .partition import Partition


@dataclass(frozen=True)
class Setting:
    """What the scores of one call have in common beside the rows."""

    sample: Indices | None
    """Rows of which the silhouette is taken; None for all."""


@dataclass(frozen=True)
class Criterion:
    title: str
    rule: str
    """Which k is the best, in words."""
    best: Callable[[Floats, Floats | None, list[int]], int | None]
    """The place of the best of values (n_ks,), their errors and ks; None where the rule finds none."""
    score: Callable[[Partition, Setting], float] | None
    """The value of a partition; None where it takes all clusterings together."""
    least_k: int = 1


def largest(values: Floats, errors: Floats | None, ks: list[int]) -> int | None:
    return None if np.isnan(values).all() else int(np.nanargmax(values))


def smallest(values: Floats, errors: Floats | None, ks: list[int]) -> int | None:
    return None if np.isnan(values).all() else int(np.nanargmin(values))


def farthest_from_chord(values: Floats, errors: Floats | None, ks: list[int]) -> int | None:
    return int(depths(ks, values).argmax())


def one_standard_error(values: Floats, errors: Floats | None, ks: list[int]) -> int | None:
    return within_one_standard_error(values, np.zeros(len(ks)) if errors is None else errors)


def silhouette_of(part: Partition, setting: Setting) -> float:
    some = part if setting.sample is None else part.taken(setting.sample)
    return float(silhouette.exact_silhouettes(some).mean()) if 2 <= some.k < some.rows.n else math.nan


def simplified_silhouette_of(part: Partition, setting: Setting) -> float:
    return float(silhouette.simplified_silhouettes(part).mean()) if 2 <= part.k < part.rows.n else math.nan


def calinski_harabasz_of(part: Partition, setting: Setting) -> float:
    return dispersion.calinski_harabasz(part) if 2 <= part.k < part.rows.n else math.nan


def davies_bouldin_of(part: Partition, setting: Setting) -> float:
    return dispersion.davies_bouldin(part) if 2 <= part.k < part.rows.n else math.nan


def bic_of(part: Partition, setting: Setting) -> float:
    return dispersion.bic(part) if part.k < part.rows.n else math.nan


def inertia_of(part: Partition, setting: Setting) -> float:
    return dispersion.inertia(part)


CRITERIA: dict[str, Criterion] = {
    "silhouette": Criterion("mean silhouette", "the largest", largest, silhouette_of, 2),
    "simplified_silhouette": Criterion(
        "mean simplified silhouette", "the largest", largest, simplified_silhouette_of, 2
    ),
    "calinski_harabasz": Criterion("Calinski-Harabasz score", "the largest", largest, calinski_harabasz_of, 2),
    "davies_bouldin": Criterion("Davies-Bouldin score", "the smallest", smallest, davies_bouldin_of, 2),
    "bic": Criterion("BIC", "the largest", largest, bic_of),
    "elbow": Criterion(
        "inertia", "the largest distance to the chord from the first to the last k", farthest_from_chord, inertia_of
    ),
    "gap": Criterion(
        "gap statistic",
        "the smallest k whose gap is at least the next one less its standard error",
        one_standard_error,
        None,
    ),
}
"""Name -> criterion."""
