"""Principal components, the best *linear* encoder and decoder: what an autoencoder with as many units is measured by.

Source: Baldi and Hornik 1989, "Neural networks and principal component analysis".
"""


def fit_pca(x, components):
    """Return scikit-learn's PCA of rows x (n, width) with so many components, or as many as the rows allow."""
    from sklearn.decomposition import PCA  # loaded late: it takes a second

    # Both solvers are exact and without chance, the first is faster where there are more rows than columns.
    return PCA(min(components, *x.shape), svd_solver="covariance_eigh" if len(x) > x.shape[1] else "full").fit(x)


def pca_reconstruct(pca, x, components):
    """Return rows x (n, width) rebuilt from their first `components` components; 0 gives the mean fitted row."""
    axes = pca.components_[:components]
    return (x - pca.mean_) @ axes.T @ axes + pca.mean_
