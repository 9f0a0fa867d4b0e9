"""Measures every kernel and whole fits beside scikit-learn: ``python -m benchmarks --help``."""
