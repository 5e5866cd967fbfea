"""Principal components, the best *linear* encoder and decoder (Baldi and Hornik 1989): the autoencoders' baseline."""


def pca_rebuilt(train, x, components):
    """Return rows x (n, width) rebuilt from so many principal components of the rows `train`, or all that there are.

    With 0 components each row becomes the mean training row.
    """
    from sklearn.decomposition import PCA  # loaded late: it takes a second

    pca = PCA(min(components, *train.shape), svd_solver="covariance_eigh").fit(train)  # exact and without chance
    return (x - pca.mean_) @ pca.components_.T @ pca.components_ + pca.mean_
