"""What is right, by arithmetic wider than any kernel's: nearest centers, weighted means, inertia.

Where longdouble has the 64 bits and the exponents of x87 it does the work; elsewhere whole numbers of Python do.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from kmeans_fast.backends.conditioning import condition
from kmeans_fast.backends.decider import decide_rows

U = 2.0**-53
LONG_IS_WIDE = np.finfo(np.longdouble).nmant >= 63 and np.finfo(np.longdouble).maxexp > 4096
CHUNK_VALUES = 1 << 20
SAFE = (1e-250, 1e290)


def gamma(m: int, unit: float = U) -> float:
    return m * unit / (1 - m * unit)


def whole_numbers(*arrays: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Each array as Python ints in units of 2**e, and e; nothing is rounded."""
    parts = [np.frexp(np.asarray(a, dtype=np.float64)) for a in arrays]
    used = [exponent[mantissa != 0] for mantissa, exponent in parts]
    least = min((int(e.min()) for e in used if e.size), default=0) - 53
    shift = np.frompyfunc(lambda m, e: int(m * 2.0**53) << max(int(e) - 53 - least, 0), 2, 1)
    return [np.asarray(shift(mantissa, exponent), dtype=object) for mantissa, exponent in parts], least


def sq_dists_long(X: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Squared distances (n, k) in longdouble."""
    wide_centers = centers.astype(np.longdouble)
    out = np.empty((len(X), len(centers)), dtype=np.longdouble)
    step = max(1, CHUNK_VALUES // centers.size)
    for first in range(0, len(X), step):
        wide = X[first : first + step].astype(np.longdouble)
        difference = wide[:, None, :] - wide_centers[None]
        out[first : first + step] = (difference * difference).sum(axis=2)
    return out


def relative_gap(x: np.ndarray, centers: np.ndarray, label: int) -> float:
    """By how much the squared distance to ``centers[label]`` exceeds the least, relative to the least; exact."""
    (x_whole, c_whole), _ = whole_numbers(x, centers)
    sq_dists = ((c_whole - x_whole) ** 2).sum(axis=1)
    least = min(sq_dists)
    if sq_dists[label] == least:
        return 0.0
    return float("inf") if least == 0 else float(min(Fraction(int(sq_dists[label] - least), int(least)), 2**900))


def wrong_labels(X: np.ndarray, centers: np.ndarray, labels: np.ndarray, *, use_long: bool = LONG_IS_WIDE) -> int:
    """How many labels are not the truly nearest center, beyond what rounding of the decider excuses.

    A row is excused if its label's squared distance exceeds the least by a factor below 1 + 2 gamma_(d+2).
    """
    assert np.isfinite(centers).all(), "centers are not finite"
    assert ((labels >= 0) & (labels < len(centers))).all(), "labels out of range"
    excused = 2 * gamma(X.shape[1] + 2)
    if use_long:
        sq_dists = sq_dists_long(X, centers)
        least = sq_dists.min(axis=1)
        excess = sq_dists[np.arange(len(X)), labels] - least
        return int(np.count_nonzero(excess > excused * least))
    doubtful = np.flatnonzero(~settled_in_float64(X, centers, labels))
    return sum(relative_gap(X[i], centers, int(labels[i])) > excused for i in doubtful)


def settled_in_float64(X: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Where no center is nearer than the label's by float64 differences, which nothing made vanish or overflow."""
    settled = np.empty(len(X), dtype=bool)
    step = max(1, CHUNK_VALUES // centers.size)
    for first in range(0, len(X), step):
        part = slice(first, first + step)
        with np.errstate(over="ignore", under="ignore"):
            difference = X[part, None, :].astype(np.float64) - centers[None].astype(np.float64)
            sq_dists = (difference * difference).sum(axis=2)
        own = np.take_along_axis(sq_dists, labels[part, None], axis=1)[:, 0]
        settled[part] = (own <= sq_dists.min(axis=1)) & (own > SAFE[0]) & (own < SAFE[1])
    return settled


def undecided_labels(X: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> int:
    """How many labels differ from what the decider says; ties included."""
    data_unit = condition(X).data_unit
    step = max(1, CHUNK_VALUES // centers.size)
    parts = [slice(first, first + step) for first in range(0, len(X), step)]
    return sum(int(np.count_nonzero(decide_rows(X[p], centers, data_unit) != labels[p])) for p in parts)


def wrong_centers(
    X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, centers: np.ndarray, *, vanished: float = 0.0
) -> list[int]:
    """The clusters whose center is not the weighted mean of its rows, to 4 ulp of the dtype and a sum's rounding.

    ``vanished`` is what a weighted sum may be off beside that.
    """
    weights = np.ones(len(X)) if weights is None else weights
    wrong = []
    for j, center in enumerate(centers):
        chosen = np.flatnonzero((labels == j) & (weights > 0))
        if len(chosen) and not is_mean(X[chosen], weights[chosen], center, vanished=vanished):
            wrong.append(j)
    return wrong


def is_mean(
    x: np.ndarray, w: np.ndarray, center: np.ndarray, *, vanished: float = 0.0, use_long: bool = LONG_IS_WIDE
) -> bool:
    rounding = (len(x) + 4) * U
    if use_long:
        wide, mass = w[:, None].astype(np.longdouble) * x, w.astype(np.longdouble).sum()
        mean, mean_size = wide.sum(axis=0) / mass, np.abs(wide).sum(axis=0) / mass
        allowed = 4 * np.spacing(np.abs(center)).astype(np.longdouble) + rounding * mean_size + vanished / mass
        return bool((np.abs(center - mean) <= allowed).all())
    (x_whole, c_whole, ulps), exponent = whole_numbers(x, center, np.spacing(np.abs(center)))
    (w_whole,), w_exponent = whole_numbers(w)
    terms, mass = w_whole[:, None] * x_whole, w_whole.sum()
    error = np.abs(c_whole * mass - terms.sum(axis=0))
    allowed = 4 * ulps * mass + np.abs(terms).sum(axis=0) * Fraction(rounding)
    allowed = allowed + Fraction(vanished) / Fraction(2) ** (exponent + w_exponent)
    return bool((error <= allowed).all())


def inertia_error(
    X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None, centers: np.ndarray, inertia: float
) -> float:
    """Relative error of ``inertia``; 0 where the true value is beyond float64 and inertia is inf (or 0)."""
    weights = np.ones(len(X)) if weights is None else weights
    if LONG_IS_WIDE:
        true = np.longdouble(0)
        for first in range(0, len(X), CHUNK_VALUES):
            part = slice(first, first + CHUNK_VALUES)
            difference = X[part].astype(np.longdouble) - centers[labels[part]]
            true += (weights[part] * (difference * difference).sum(axis=1)).sum()
    else:
        (x_whole, c_whole), exponent = whole_numbers(X, centers)
        (w_whole,), w_exponent = whole_numbers(weights)
        whole = (w_whole * ((x_whole - c_whole[labels]) ** 2).sum(axis=1)).sum()
        true = Fraction(int(whole)) * Fraction(2) ** (2 * exponent + w_exponent)
    if true > np.finfo(np.float64).max:
        return 0.0 if inertia == np.inf else np.inf
    if true < np.finfo(np.float64).tiny:
        return 0.0 if 0 <= inertia <= np.finfo(np.float64).tiny else np.inf
    return float(abs(inertia - true) / true)
