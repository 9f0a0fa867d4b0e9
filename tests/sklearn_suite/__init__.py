"""scikit-learn's own tests, as installed, run on our classes: ``python -m tests.sklearn_suite``."""
