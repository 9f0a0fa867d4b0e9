"""The scikit-learn face of the engine."""
