"""The algorithm: one loop over sums, on any backend."""
