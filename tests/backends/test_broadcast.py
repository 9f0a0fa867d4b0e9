"""What broadcast does on its own: chunks that keep its memory bounded."""

from __future__ import annotations

import tracemalloc

import numpy as np

from kmeans_fast.backends import broadcast


def test_memory_stays_bounded() -> None:
    X = np.random.default_rng(0).standard_normal((30_000, 8))
    centers, labels = X[:64].copy(), np.full(30_000, -1, np.int32)
    whole = X.size * 64 * 8
    assert whole > 80 << 20, "too small to need chunks"
    tracemalloc.start()
    broadcast.nearest(broadcast.prepare(X), 0, len(X), centers, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
    assert (labels[:64] == np.arange(64)).all()
