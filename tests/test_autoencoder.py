"""MLPAutoencoder: shapes, its two halves, gradients, what it learns, refusals."""

import numpy as np
import pytest

from smai_nn import Adam, MLPAutoencoder, Sigmoid, Tanh, TrainConfig, Trainer
from smai_nn.gradcheck import compare_gradients

RNG = np.random.default_rng(0)
X = RNG.random((12, 6))


def autoencoder(**options):
    return MLPAutoencoder(6, (5, 4), 2, **{"activation": Tanh, "dtype": np.float64, "rng": np.random.default_rng(1),
                                           **options})


def test_widths_go_down_to_the_bottleneck_and_back():
    own = autoencoder(output_activation=Sigmoid)
    widths = [(layer.in_width, layer.out_width) for layer in own.layers]
    assert widths == [(6, 5), (5, 4), (4, 2), (2, 4), (4, 5), (5, 6)]
    assert [str(layer.activation) for layer in own.layers] == [
        "Tanh()", "Tanh()", "Identity()", "Tanh()", "Tanh()", "Sigmoid()"]
    assert own.parameter_count == sum(a * b + b for a, b in widths)
    assert repr(own) == "MLPAutoencoder(6-5-4-2-4-5-6)"


def test_reconstructing_is_encoding_then_decoding():
    own = autoencoder()
    latent = own.encode(X)
    assert latent.shape == (12, 2) and own.decode(latent).shape == (12, 6)
    np.testing.assert_allclose(own.reconstruct(X), own.decode(latent), rtol=1e-12)
    np.testing.assert_allclose(own.errors(X), ((own.reconstruct(X) - X) ** 2).mean(axis=1))
    assert np.isclose(own.errors(X).mean(), own.evaluate(X, X))


def test_the_four_steps_of_training_written_out():
    """Forward pass, loss, backward pass, update: train() and update() do the same."""
    own, by_steps = autoencoder(optimizer=Adam(0.02)), autoencoder(optimizer=Adam(0.02))
    loss = own.train(X, X)
    own.update()
    reconstruction = by_steps.forward(X)
    assert by_steps.loss.value(reconstruction, X) == loss
    by_steps.backward(by_steps.loss.gradient(reconstruction, X))
    by_steps.update()
    np.testing.assert_allclose(own.parameters, by_steps.parameters, rtol=1e-12)
    assert not own.gradients.any()


def test_a_trainer_takes_it_as_it_is_and_both_halves_learn():
    own = autoencoder(optimizer=Adam(0.02))
    before = [layer.weights.copy() for layer in own.layers]
    Trainer(own, TrainConfig(4, max_epochs=200, patience=None), rng=np.random.default_rng(2)).fit(X, X)
    assert all((layer.weights != weights).all() for layer, weights in zip(own.layers, before))
    np.testing.assert_allclose(own.reconstruct(X), own.decode(own.encode(X)), rtol=1e-12)
    assert own.evaluate(X, X) < 0.5 * X.var(axis=0).mean()


@pytest.mark.parametrize("output_activation", [Sigmoid, Tanh])
def test_gradients_against_central_differences(output_activation):
    assert compare_gradients(autoencoder(output_activation=output_activation), X, X, 1e-4).max_relative_error < 1e-6


def test_saved_and_loaded(tmp_path):
    own, other = autoencoder(), autoencoder(rng=np.random.default_rng(9))
    other.load_from(own.save_to(tmp_path / "autoencoder"))
    np.testing.assert_array_equal(own.reconstruct(X), other.reconstruct(X))
    with pytest.raises(ValueError, match=r"for MLPAutoencoder\(6-5-4-3-4-5-6\): expected another architecture"):
        MLPAutoencoder(6, (5, 4), 3).load_from(tmp_path / "autoencoder")


def test_the_assignments_call_needs_no_further_argument():
    own = MLPAutoencoder(784)
    assert own.reconstruct(np.zeros((2, 784), np.float32)).shape == (2, 784) and own.bottleneck == 32


@pytest.mark.parametrize("options, message", [
    (dict(input_width=0), "input_width: expected a whole number >= 1"),
    (dict(input_width=6, bottleneck=1.5), "bottleneck: expected a whole number >= 1"),
    (dict(input_width=6, hidden=(5,)), "hidden: expected at least two widths"),
    (dict(input_width=6, hidden=5), "hidden: expected at least two widths"),
    (dict(input_width=6, hidden=(5, 0)), "hidden: expected a whole number >= 1"),
    (dict(input_width=6, activation="relu"), "expected"),
])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        MLPAutoencoder(**options)


@pytest.mark.parametrize("method, width", [("encode", 6), ("reconstruct", 6), ("errors", 6), ("decode", 2)])
def test_wrong_width_is_refused(method, width):
    with pytest.raises(ValueError, match=rf"expected shape \(n, {width}\)"):
        getattr(autoencoder(), method)(np.zeros((2, 5)))
