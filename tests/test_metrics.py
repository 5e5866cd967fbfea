"""PCA as the autoencoders' baseline."""

import numpy as np

from smai_nn.metrics import pca_rebuilt

X = np.random.default_rng(0).normal(size=(20, 4))


def test_no_component_leaves_the_mean_row_and_all_of_them_leave_no_error():
    np.testing.assert_allclose(pca_rebuilt(X, X, 0), np.broadcast_to(X.mean(axis=0), X.shape))
    np.testing.assert_allclose(pca_rebuilt(X, X, 99), X)


def test_one_component_is_the_direction_of_the_largest_variance():
    line = X.mean(axis=0) + np.outer(np.arange(9.0), X[0])
    np.testing.assert_allclose(pca_rebuilt(line, line, 1), line, atol=1e-12)
