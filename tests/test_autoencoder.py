"""MLPAutoencoder: shapes, its two halves, what it learns, refusals."""

import numpy as np
import pytest

from smai_nn import Adam, MLPAutoencoder, Sigmoid, Tanh, TrainConfig, Trainer

X = np.random.default_rng(0).random((12, 6))


def autoencoder(**options):
    return MLPAutoencoder(6, (5, 4), 2, **{"activation": Tanh, "dtype": np.float64, "rng": np.random.default_rng(1),
                                           **options})


def test_widths_go_down_to_the_bottleneck_and_back():
    own = autoencoder(output_activation=Sigmoid)
    assert [str(layer) for layer in own.layers] == [
        "Linear(6, 5, Tanh())", "Linear(5, 4, Tanh())", "Linear(4, 2, Identity())",
        "Linear(2, 4, Tanh())", "Linear(4, 5, Tanh())", "Linear(5, 6, Sigmoid())"]
    np.testing.assert_array_equal(own.parameters, autoencoder(output_activation=Sigmoid).parameters)  # of one seed


def test_a_trainer_takes_it_as_it_is_and_both_halves_learn():
    """Reconstructing is encoding, then decoding."""
    own = autoencoder(optimizer=Adam(0.02))
    before = [layer.weights.copy() for layer in own.layers]
    Trainer(own, TrainConfig(4, max_epochs=200, patience=None), rng=np.random.default_rng(2)).fit(X, X)
    assert all((layer.weights != weights).all() for layer, weights in zip(own.layers, before))
    assert own.evaluate(X, X) < 0.5 * X.var(axis=0).mean()
    latent = own.encode(X)
    assert latent.shape == (12, 2)
    np.testing.assert_allclose(own.reconstruct(X), own.decode(latent), rtol=1e-12)


def test_saved_and_loaded(tmp_path):
    own, other = autoencoder(), autoencoder(rng=np.random.default_rng(9))
    other.load_from(own.save_to(tmp_path / "autoencoder"))
    np.testing.assert_array_equal(own.reconstruct(X), other.reconstruct(X))
    with pytest.raises(ValueError, match="expected an architecture of the shapes .*, got"):
        MLPAutoencoder(6, (5, 4), 3).load_from(tmp_path / "autoencoder")


def test_the_assignments_call_needs_no_further_argument():
    own = MLPAutoencoder(784)
    assert own.reconstruct(np.zeros((2, 784), np.float32)).shape == (2, 784) and own.bottleneck == 32


@pytest.mark.parametrize("options, message", [
    (dict(input_width=0), "in_width: expected a whole number >= 1"),
    (dict(input_width=6, bottleneck=1.5), "bottleneck: expected a whole number >= 1"),
    (dict(input_width=6, hidden=(5,)), "hidden: expected at least two widths"),
    (dict(input_width=6, hidden=5), "hidden: expected at least two widths"),
    (dict(input_width=6, hidden=(5, 0)), "hidden: expected a whole number >= 1"),
    (dict(input_width=6, activation="relu"), "activation: expected ReLU"),
])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        MLPAutoencoder(**options)


@pytest.mark.parametrize("method, width", [("encode", 6), ("reconstruct", 6), ("decode", 2)])
def test_wrong_width_is_refused(method, width):
    with pytest.raises(ValueError, match=rf"expected shape \(n, {width}\)"):
        getattr(autoencoder(), method)(np.zeros((2, 5)))
