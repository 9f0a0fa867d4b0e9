"""Which of scikit-learn's test modules are run, and which of their tests are left out and why."""

from __future__ import annotations

ABOUT_K_MEANS = ("sklearn.cluster.tests.test_k_means", "sklearn.cluster.tests.test_bisect_k_means")
"""Every test of these is run."""

HANDED_A_K_MEANS = (
    "sklearn.tests.test_common",
    "sklearn.tests.test_base",
    "sklearn.tests.test_discriminant_analysis",
    "sklearn.tests.test_docstring_parameters",
    "sklearn.tests.test_pipeline",
    "sklearn.tests.test_public_functions",
    "sklearn.cluster.tests.test_bicluster",
    "sklearn.cluster.tests.test_spectral",
    "sklearn.feature_selection.tests.test_sequential",
    "sklearn.frozen.tests.test_frozen",
    "sklearn.inspection._plot.tests.test_boundary_decision_display",
    "sklearn.inspection.tests.test_partial_dependence",
    "sklearn.manifold.tests.test_spectral_embedding",
    "sklearn.metrics.tests.test_score_objects",
    "sklearn.mixture.tests.test_bayesian_mixture",
    "sklearn.mixture.tests.test_gaussian_mixture",
    "sklearn.mixture.tests.test_mixture",
    "sklearn.model_selection.tests.test_search",
    "sklearn.model_selection.tests.test_validation",
    "sklearn.preprocessing.tests.test_discretization",
    "sklearn.utils.tests.test_estimator_checks",
    "sklearn.utils.tests.test_response",
)
"""Those tests of these are run that name k-means, or are given one of its estimators as a parameter."""

HELPER = "calls scikit-learn's private {}, of which this package has no counterpart"

LEFT_OUT = {
    "test_relocate_empty_clusters": HELPER.format("_relocate_empty_clusters_dense and _sparse"),
    "test_minibatch_update_consistency": HELPER.format("_mini_batch_step and _labels_inertia"),
    "test_minibatch_reassign": HELPER.format("_mini_batch_step and _labels_inertia"),
    "test_euclidean_distance": HELPER.format("_euclidean_dense_dense_wrapper and its sparse twin"),
    "test_inertia": HELPER.format("_inertia_dense and _inertia_sparse"),
    "test_is_same_clustering": HELPER.format("_is_same_clustering"),
}
"""Test of sklearn.cluster.tests.test_k_means -> why it can't run on other classes than scikit-learn's."""
