"""Trials: data and parameters made of a stream of choices, which a property test draws and a fuzzer gives as bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

DECADES = {"float32": (-45, 38), "float64": (-323, 308)}
KINDS = ("noise", "lattice", "duplicates", "nested", "ulps", "blobs", "bits")
WEIGHTS = ("none", "ones", "random", "zeros", "mixed")
INITS = ("rows", "k-means++", "random", "far")
ESTIMATORS = ("KMeans", "KMeans", "MiniBatchKMeans", "BisectingKMeans")
ALGORITHMS = ("auto", "lloyd", "elkan", "hamerly", "boxes", "groups", "prefix")
METRICS = ("euclidean", "euclidean", "cosine")
MOST_ROWS, MOST_FEATURES, MOST_CLUSTERS = 150, 40, 20


class Choices(Protocol):
    """Where a trial takes its decisions from."""

    def integer(self, least: int, most: int) -> int: ...

    def raw(self, n_bytes: int) -> bytes: ...


class Bytes:
    """Choices out of a string of bytes, zeros past its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def raw(self, n_bytes: int) -> bytes:
        found = self.data[self.place : self.place + n_bytes].ljust(n_bytes, b"\0")
        self.place += n_bytes
        return found

    def integer(self, least: int, most: int) -> int:
        width = ((most - least).bit_length() + 7) // 8
        return least + int.from_bytes(self.raw(width), "little") % (most - least + 1)


@dataclass(frozen=True)
class Trial:
    X: np.ndarray
    weights: np.ndarray | None
    estimator: str
    options: dict[str, Any] = field(default_factory=dict)
    is_sparse: bool = False

    @property
    def rows(self) -> Any:
        """X as it is handed over."""
        return csr_array(self.X) if self.is_sparse else self.X


def one_of(choices: Choices, values: tuple) -> Any:
    return values[choices.integer(0, len(values) - 1)]


def finite(values: np.ndarray, dtype: str) -> np.ndarray:
    """values in dtype, as large as it can hold where they are larger."""
    most = float(np.finfo(dtype).max)
    with np.errstate(all="ignore"):
        return np.clip(np.nan_to_num(values, nan=0.0, posinf=most, neginf=-most), -most, most).astype(dtype)


def numbers(choices: Choices, kind: str, n: int, d: int, dtype: str) -> np.ndarray:
    """X (n, d) of float64 before it is scaled and shifted; of dtype's own bits if the kind says so."""
    if kind == "bits":
        raw = np.frombuffer(choices.raw(n * d * np.dtype(dtype).itemsize), dtype=dtype)
        with np.errstate(invalid="ignore"):
            return raw.reshape(n, d).astype(np.float64)
    rng = np.random.default_rng(choices.integer(0, 65535))
    if kind == "lattice":
        return rng.integers(-choices.integer(1, 4), 4, (n, d)).astype(float)
    if kind == "duplicates":
        few = rng.standard_normal((choices.integer(1, 6), d))
        return few[rng.integers(0, len(few), n)]
    if kind == "nested":
        return rng.standard_normal((n, d)) * 10.0 ** rng.integers(-choices.integer(0, 12), 1, (n, 1))
    if kind == "ulps":
        return 1.0 + rng.integers(0, 9, (n, d)) * float(np.finfo(dtype).eps)
    noise = rng.standard_normal((n, d))
    if kind == "blobs":
        noise += 8 * rng.standard_normal((6, d))[rng.integers(0, 6, n)]
    return noise


def data(choices: Choices, n: int, d: int, dtype: str) -> np.ndarray:
    """Numbers of one kind at a scale that dtype can hold, maybe with an offset, outliers, zeros and opposite rows."""
    kind = one_of(choices, KINDS)
    X = numbers(choices, kind, n, d, dtype)
    if kind == "bits":
        with np.errstate(invalid="ignore"):
            return X.astype(dtype)
    least, most = DECADES[dtype]
    with np.errstate(all="ignore"):
        exponent = choices.integer(least, most) if choices.integer(0, 1) else 0
        if choices.integer(0, 3) == 0:
            X = X + (-1.0) ** choices.integer(0, 1) * 10.0 ** choices.integer(0, 9)
        if choices.integer(0, 3) == 0:
            X[1::2] = -X[: len(X[1::2])]
        if choices.integer(0, 3) == 0:
            X[:, choices.integer(0, d - 1)] = 0.0
        # Two factors: a power of ten alone may be a denormal with few digits.
        X = X * 10.0 ** (exponent // 2) * 10.0 ** (exponent - exponent // 2)
        for _ in range(choices.integer(0, 2)):
            X[choices.integer(0, n - 1), choices.integer(0, d - 1)] = 10.0 ** choices.integer(least, most)
    return finite(X, dtype)


def weights_of(choices: Choices, n: int) -> np.ndarray | None:
    kind = one_of(choices, WEIGHTS)
    if kind == "none":
        return None
    rng = np.random.default_rng(choices.integer(0, 255))
    values = {
        "ones": np.ones(n),
        "random": rng.random(n) + 0.01,
        "zeros": rng.integers(0, 3, n).astype(float),
        "mixed": rng.choice([0.0, 1e-30, 1.0, 1e30], n),
    }[kind]
    if not values.any():
        values[choices.integer(0, n - 1)] = 1.0
    return values


def init_of(choices: Choices, X: np.ndarray, k: int) -> Any:
    kind = one_of(choices, INITS)
    if kind not in ("rows", "far"):
        return kind
    centers = X[np.random.default_rng(choices.integer(0, 255)).integers(0, len(X), k)]
    if kind == "far":
        with np.errstate(over="ignore"):
            centers = finite(centers * 4.0, X.dtype.name) if np.isfinite(centers).all() else centers
    return centers


def trial(choices: Choices, estimator: str | None = None) -> Trial:
    """One trial, of the estimator named or of any; the same choices make the same one."""
    dtype = one_of(choices, ("float32", "float64"))
    estimator = estimator or one_of(choices, ESTIMATORS)
    n, d = choices.integer(1, MOST_ROWS), choices.integer(1, MOST_FEATURES)
    if choices.integer(0, 2) == 0:
        d = 1 + d % 4
    k = choices.integer(1, min(n, MOST_CLUSTERS))
    options: dict[str, Any] = {"n_clusters": k, "random_state": choices.integer(0, 9)}
    options["max_iter"] = choices.integer(1, 30)
    options["tol"] = one_of(choices, (0.0, 0.0, 1e-4))
    options["n_threads"] = choices.integer(1, 3)
    options["copy_budget"] = one_of(choices, (0.0, 1.5, 1000.0))
    is_sparse = choices.integer(0, 3) == 0
    X = data(choices, n, d, dtype)
    weights = weights_of(choices, n)
    if estimator == "MiniBatchKMeans":
        options |= {"batch_size": choices.integer(1, 2 * n), "reassignment_ratio": one_of(choices, (0.0, 0.01, 1.0))}
    if estimator == "BisectingKMeans":
        options["bisecting_strategy"] = one_of(choices, ("biggest_inertia", "largest_cluster"))
        options["init"] = one_of(choices, ("random", "k-means++"))
    else:
        options |= {"init": init_of(choices, X, k), "n_init": 1}
    if estimator != "MiniBatchKMeans":
        options["algorithm"] = one_of(choices, ALGORITHMS)
    if estimator == "KMeans":
        options |= {"metric": one_of(choices, METRICS), "refine": one_of(choices, (None, None, "swap"))}
    return Trial(X, weights, estimator, options, is_sparse)
