"""MLPAutoencoder: shapes, shared memory of its halves, gradients, what it learns, refusals."""

import copy
import pickle

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
    widths = [(layer.in_width, layer.out_width) for layer in own.model.layers]
    assert widths == [(6, 5), (5, 4), (4, 2), (2, 4), (4, 5), (5, 6)]
    assert [str(layer.activation) for layer in own.model.layers] == [
        "Tanh()", "Tanh()", "Identity()", "Tanh()", "Tanh()", "Sigmoid()"]
    assert own.parameter_count == sum(a * b + b for a, b in widths)
    assert repr(own) == "MLPAutoencoder(6-5-4-2-4-5-6)"


def test_reconstructing_is_encoding_then_decoding():
    own = autoencoder()
    latent = own.encode(X)
    assert latent.shape == (12, 2) and own.decode(latent).shape == (12, 6)
    np.testing.assert_array_equal(own.reconstruct(X), own.decode(latent))
    np.testing.assert_allclose(own.errors(X), ((own.reconstruct(X) - X) ** 2).mean(axis=1))
    assert np.isclose(own.errors(X).mean(), own.model.evaluate(X, X))


def test_training_the_whole_trains_both_halves():
    own = autoencoder(optimizer=Adam(0.02))
    before = own.encoder.parameters.copy(), own.decoder.parameters.copy()
    assert np.shares_memory(own.encoder.parameters, own.model.parameters)
    Trainer(own.model, TrainConfig(4, max_epochs=200, patience=None), rng=np.random.default_rng(2)).fit(X, X)
    assert not np.array_equal(before[0], own.encoder.parameters)
    assert not np.array_equal(before[1], own.decoder.parameters)
    np.testing.assert_array_equal(own.reconstruct(X), own.decode(own.encode(X)))
    assert own.model.evaluate(X, X) < 0.5 * X.var(axis=0).mean()


@pytest.mark.parametrize("part", ["model", "encoder", "decoder"])
@pytest.mark.parametrize("output_activation", [Sigmoid, Tanh])
def test_gradients_against_central_differences(part, output_activation):
    own = autoencoder(output_activation=output_activation)
    x, y = {"model": (X, X), "encoder": (X, RNG.random((12, 2))), "decoder": (RNG.random((12, 2)), X)}[part]
    assert compare_gradients(getattr(own, part), x, y, 1e-4).max_relative_error < 1e-6


def test_gradients_of_the_whole_are_those_of_its_halves():
    """The decoder's gradient in its input, backpropagated through the encoder."""
    own = autoencoder()
    own.model.train(X, X)
    whole = own.model.gradients.copy()
    own.model.zero_grad()
    reconstruction = own.decoder.forward(own.encoder.forward(X))
    own.encoder.backward(own.decoder.backward(2 * (reconstruction - X) / X.size))
    np.testing.assert_allclose(own.model.gradients, whole, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda own: pickle.loads(pickle.dumps(own))])
def test_copies_share_nothing_with_the_original_and_everything_within(copied):
    own = autoencoder()
    other = copied(own)
    other.model.parameters[:] = 0
    assert not other.encoder.parameters.any() and not other.decoder.parameters.any() and own.model.parameters.any()


def test_saved_and_loaded(tmp_path):
    own, other = autoencoder(), autoencoder(rng=np.random.default_rng(9))
    other.load_from(own.save_to(tmp_path / "autoencoder"))
    np.testing.assert_array_equal(own.reconstruct(X), other.reconstruct(X))
    with pytest.raises(ValueError, match="expected the architecture"):
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


def test_wrong_width_is_refused():
    for method in ("encode", "reconstruct", "errors"):
        with pytest.raises(ValueError, match=r"expected shape \(n, 6\)"):
            getattr(autoencoder(), method)(np.zeros((2, 5)))
