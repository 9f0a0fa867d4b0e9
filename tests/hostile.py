"""Named generators of hostile data: inputs on which fast arithmetic gives wrong labels unless it is certified.

Each case makes (X, centers, weights or None) for a dtype, a number of rows and a seed, from its description alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Made = tuple[np.ndarray, np.ndarray, np.ndarray | None]
Maker = Callable[[np.random.Generator, int], tuple]

BOTH = ("float32", "float64")


@dataclass(frozen=True)
class Case:
    name: str
    dtypes: tuple[str, ...]
    fools: tuple[str, ...]
    """The dtypes in which argmin of ||c||^2 - 2 x.c, plainly or less the mean of X, errs on this data."""
    wanders: tuple[str, ...]
    """The dtypes in which the iteration need not come to rest."""
    max_rows: int
    make: Maker

    def build(self, dtype: str, n: int = 1000, seed: int = 0) -> Made:
        """X (n, d) and centers (k, d) of dtype, weights (n,) float64 or None."""
        rng = np.random.default_rng([seed, sum(map(ord, self.name))])
        X, centers, *rest = self.make(rng, min(n, self.max_rows))
        weights = np.asarray(rest[0], dtype=np.float64) if rest else None
        with np.errstate(under="ignore"):
            return np.ascontiguousarray(X, dtype=dtype), np.ascontiguousarray(centers, dtype=dtype), weights


CASES: dict[str, Case] = {}


def hostile(
    *dtypes: str, fools: tuple[str, ...] = (), wanders: tuple[str, ...] = (), max_rows: int = 10**9
) -> Callable[[Maker], Maker]:
    def register(make: Maker) -> Maker:
        CASES[make.__name__] = Case(make.__name__, dtypes or BOTH, fools, wanders, max_rows, make)
        return make

    return register


def spread(X: np.ndarray, k: int) -> np.ndarray:
    """k rows of X, evenly spread."""
    return X[np.linspace(0, len(X) - 1, k).astype(int)]


def two_groups(rng: np.random.Generator, n: int, d: int, offset: float) -> tuple:
    X = rng.standard_normal((n, d))
    X[::2] += offset
    X[1::2] -= offset
    return X, X[:8].copy()


# ---- the cases of numerics.md -----------------------------------------------------------------------------------


@hostile(fools=("float32",))
def two_groups_at_1e4_d16(rng, n):
    return two_groups(rng, n, 16, 1e4)


@hostile(fools=("float32",))
def two_groups_at_1e4_d128(rng, n):
    return two_groups(rng, n, 128, 1e4)


@hostile("float64", fools=("float64",))
def two_groups_at_1e8(rng, n):
    return two_groups(rng, n, 16, 1e8)


@hostile(fools=("float32",))
def one_outlier_at_1e9(rng, n):
    """It drags the mean so far that data centred on it lose their digits."""
    X = rng.standard_normal((n, 8)) + 6 * rng.integers(0, 2, (n, 8))
    X[n // 3] = 1e9
    return X, spread(X[: n // 3], 8)


@hostile(fools=("float32",))
def nested_scales(rng, n):
    """Clusters about one point away from zero, whose radii run from 1 to 1e6."""
    scales = 10.0 ** (np.arange(n) % 7)
    X = 1e4 + rng.standard_normal((n, 8)) * scales[:, None]
    return X, X[:14].copy()


@hostile(fools=BOTH)
def near_duplicate_unit_vectors_d256(rng, n):
    base = rng.standard_normal(256)
    base /= np.linalg.norm(base)
    # Elements are about 1/16: half a unit in their last place is 2e-9 in float32 and 3e-18 in float64.
    X = base + 1e-7 * rng.standard_normal((n, 256))
    X[1::2] = base + 1e-10 * rng.standard_normal((n // 2, 256))
    return X, X[:10].copy()


@hostile("float32", fools=("float32",))
def squared_norms_overflow(rng, n):
    X = 1e25 * (rng.standard_normal((n, 12)) + 4 * rng.integers(0, 2, (n, 12)))
    return X, spread(X, 8)


@hostile("float32", fools=("float32",))
def squared_norms_underflow(rng, n):
    X = 1e-25 * (rng.standard_normal((n, 12)) + 4 * rng.integers(0, 2, (n, 12)))
    return X, spread(X, 8)


@hostile("float32", fools=("float32",))
def denormals_of_float32(rng, n):
    X = 1e-41 * (rng.standard_normal((n, 6)) + 4 * rng.integers(0, 2, (n, 6)))
    return X, spread(X, 8)


@hostile(fools=("float32",))
def offset_of_1e4_d16(rng, n):
    X = 1e4 + rng.standard_normal((n, 16))
    return X, spread(X, 8)


@hostile(fools=("float32",))
def offset_of_1e3_d128(rng, n):
    X = 1e3 + rng.standard_normal((n, 128))
    return X, spread(X, 8)


@hostile()
def weights_of_1e30(rng, n):
    X = rng.standard_normal((n, 5)) + 5 * rng.integers(0, 2, (n, 5))
    return X, spread(X, 8), 1e30 * (0.5 + rng.random(n))


# ---- more of the kind -------------------------------------------------------------------------------------------


@hostile()
def integer_lattice(rng, n):
    """Many rows tie exactly between two, three or four centers."""
    X = rng.integers(0, 5, (n, 3)).astype(float)
    return X, X[:9].copy()


@hostile()
def mirrored_ties(rng, n):
    """Rows on the plane x_0 = 0 and mirrored pairs of centers: every row ties between two of them."""
    X = rng.standard_normal((n, 7))
    X[:, 0] = 0.0
    c = rng.standard_normal((6, 7))
    return X, np.concatenate([c, c * np.array([-1.0, 1, 1, 1, 1, 1, 1])])


@hostile()
def plus_and_minus(rng, n):
    half = rng.standard_normal((n - n // 2, 9))
    X = np.concatenate([half, -half[: n // 2]])
    return X, np.concatenate([half[:5], -half[:5], np.zeros((1, 9))])


@hostile(fools=("float32",))
def exactly_midway(rng, n):
    """x = (c_a + c_b) / 2 with coordinates of few bits: both distances are the same number."""
    c = 1000.0 + rng.integers(-200, 200, (10, 11)) * 2.0
    a, b = rng.integers(0, 10, (2, n))
    X = (c[a] + c[b]) / 2
    X[::4] += rng.choice([-(2.0**-10), 2.0**-10], (len(X[::4]), 11))
    return X, c


@hostile(wanders=BOTH)
def duplicate_centers(rng, n):
    X = rng.standard_normal((n, 4))
    return X, np.concatenate([X[:3], X[:3], X[:3]])


@hostile(fools=("float32",))
def centers_far_outside(rng, n):
    """All eight lie on one side at 1e7; they differ by permutations, so that they are almost equally far."""
    X = rng.standard_normal((n, 6))
    return X, 1e7 + rng.permuted(np.tile([-8.0, -4, 0, 0, 4, 8], (8, 1)), axis=1)


@hostile(fools=("float32",))
def rows_far_outside(rng, n):
    """A third of the rows lies at 1e6 on the diagonal, on which all centers project alike."""
    X = rng.standard_normal((n, 6))
    X[1::3] += 1e6
    return X, rng.permuted(np.tile([-8.0, -4, 0, 0, 4, 8], (8, 1)), axis=1)


@hostile("float64", fools=("float64",))
def float64_at_1e300(rng, n):
    X = 1e300 * (rng.standard_normal((n, 5)) + 6 * rng.integers(0, 2, (n, 5)))
    return X, spread(X, 8)


@hostile("float64", fools=("float64",))
def float64_at_1e_minus_300(rng, n):
    X = 1e-300 * (rng.standard_normal((n, 5)) + 6 * rng.integers(0, 2, (n, 5)))
    return X, spread(X, 8)


@hostile("float64", fools=("float64",))
def denormals_of_float64(rng, n):
    X = 1e-320 * (rng.standard_normal((n, 5)) + 6 * rng.integers(0, 2, (n, 5)))
    return X, spread(X, 8)


@hostile("float32", fools=("float32",))
def float32_at_3e38(rng, n):
    """Differences of rows overflow float32."""
    X = rng.choice([-3e38, 3e38], (n, 3)) * (1 + 0.1 * rng.random((n, 3)))
    return X, spread(X, 8)


@hostile("float64", fools=("float64",))
def float64_at_1e308(rng, n):
    """Differences of rows overflow float64."""
    X = rng.choice([-1.6e308, 1.6e308], (n, 3)) * (1 + 0.1 * rng.random((n, 3)))
    return X, spread(X, 8)


@hostile("float64", fools=("float64",))
def centers_whose_squares_overflow(rng, n):
    """The data need no unit, and no squared distance to a center is finite; the last one is the nearest."""
    return rng.standard_normal((n, 4)), np.full((6, 4), 1e200) * np.array([6.0, 5, 4, 3, 2, 1])[:, None]


@hostile("float32", fools=("float32",))
def denormal_beside_normal(rng, n):
    X = rng.standard_normal((n, 5))
    X[1::2] *= 1e-40
    return X, X[:12].copy()


@hostile("float32", fools=("float32",))
def rows_at_3e_minus_23_beside_one(rng, n):
    """Scaled by the largest value, products of the small rows end among the denormals."""
    X = 3e-23 * rng.standard_normal((n, 8))
    X[n // 2] = 1.0
    return X, X[:10].copy()


@hostile("float64", fools=("float64",))
def rows_at_1e_minus_160_beside_one(rng, n):
    """Squared differences are denormal or zero in the unit of the data, which the one large row sets."""
    X = rng.standard_normal((n, 8)) * 10.0 ** rng.uniform(-165, -154, (n, 1))
    X[n // 2] = 1.0
    return X, X[:10].copy()


@hostile("float64", fools=("float64",))
def magnitudes_of_six_hundred_decades(rng, n):
    X = rng.standard_normal((n, 4)) * 10.0 ** rng.uniform(-300, 300, (n, 1))
    return X, spread(X, 12)


@hostile(fools=("float32",))
def magnitudes_of_sixty_decades(rng, n):
    X = rng.standard_normal((n, 4)) * 10.0 ** rng.uniform(-30, 30, (n, 1))
    return X, spread(X, 12)


@hostile(fools=BOTH, wanders=("float64",))
def one_feature_1e20_larger(rng, n):
    """In float64 an ulp of 1e20 outweighs all other features, so one ulp in a mean sends every row elsewhere."""
    X = rng.standard_normal((n, 6))
    X[:, 2] = 1e20 * rng.integers(0, 2, n)
    return X, X[:8].copy()


@hostile(fools=BOTH)
def huge_offset_beside_a_constant(rng, n):
    offset = np.array([1e7, 0, 3e6, -2e7])
    X = offset + 4 * rng.integers(-8, 8, (n, 4))
    X[:, 1] = 7.0
    X = np.concatenate([X, 1e15 + 8 * rng.integers(-9, 9, (n, 1))], axis=1)
    return X, spread(X, 8)


@hostile()
def signed_zeros(rng, n):
    X = rng.choice([-0.0, 0.0, 1.0, -1.0], (n, 4), p=[0.4, 0.4, 0.1, 0.1])
    centers = np.zeros((6, 4))
    centers[1] = -0.0
    centers[2:] = np.eye(4)
    return X, centers


@hostile(wanders=BOTH, max_rows=40)
def as_many_centers_as_rows_with_duplicates(rng, n):
    X = rng.integers(0, 3, (n, 2)).astype(float)
    return X, X.copy()


@hostile(wanders=BOTH)
def all_rows_equal(rng, n):
    X = np.full((n, 3), 0.1)
    return X, X[:4] + np.arange(4)[:, None]


@hostile()
def weights_from_0_to_1e30(rng, n):
    X = rng.standard_normal((n, 5)) + 4 * rng.integers(0, 2, (n, 5))
    weights = rng.choice([0.0, 1e-30, 1.0, 1e30], n)
    weights[:8] = 1.0
    return X, X[:8].copy(), weights


@hostile(fools=BOTH)
def neighbours_in_the_last_place(rng, n):
    """Integers times eps around one: rows and centers differ by a few units in the last place."""
    X = np.float64(1.0) + rng.integers(0, 12, (n, 3)) * 2.0**-23
    X[1::2] = 1.0 + rng.integers(0, 12, (n // 2, 3)) * 2.0**-52
    return X, X[:12].copy()


@hostile(fools=("float32",), max_rows=60)
def seven_thousand_features(rng, n):
    """All products of one sign: rounding errors of a long sum grow as fast as they can."""
    base = 1.0 + rng.random(7000)
    X = base + 1e-4 * rng.standard_normal((n, 7000))
    return X, X[:5].copy()
