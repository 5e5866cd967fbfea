"""PCA as the autoencoders' baseline."""

import numpy as np
import pytest

from smai_nn.baselines import fit_pca, pca_reconstruct

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("rows", [40, 7], ids=["more rows than columns", "fewer"])
def test_the_first_components_of_a_fit_are_those_of_a_smaller_fit(rows):
    x, new = RNG.normal(size=(rows, 9)), RNG.normal(size=(5, 9))
    for components in (1, 3):
        smaller = fit_pca(x, components)
        np.testing.assert_allclose(pca_reconstruct(fit_pca(x, 6), new, components),
                                   smaller.inverse_transform(smaller.transform(new)))


def test_no_component_leaves_the_mean_row_and_all_of_them_leave_no_error():
    x = RNG.normal(size=(20, 4))
    np.testing.assert_allclose(pca_reconstruct(fit_pca(x, 4), x, 0), np.broadcast_to(x.mean(axis=0), x.shape))
    np.testing.assert_allclose(pca_reconstruct(fit_pca(x, 99), x, 4), x)
