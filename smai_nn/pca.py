"""Principal components, scikit-learn's: the best linear encoder and decoder, and so the autoencoders' baseline."""


def fit_pca(x, components):
    """Return scikit-learn's PCA of rows x (n, width) with so many components, or as many as the rows allow."""
    from sklearn.decomposition import PCA  # loaded late: it takes a second

    return PCA(min(components, *x.shape), svd_solver="covariance_eigh" if len(x) > x.shape[1] else "full").fit(x)


def pca_reconstruct(pca, x, bottleneck):
    """Return x rebuilt from its first `bottleneck` principal components; 0 gives the training rows' mean."""
    axes = pca.components_[:bottleneck]
    return (x - pca.mean_) @ axes.T @ axes + pca.mean_
