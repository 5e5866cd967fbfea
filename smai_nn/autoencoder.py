"""A deep autoencoder composed of Linear layers: an encoder and a decoder that share one Model's memory.

Source: assignment section 3.1.1; Hinton and Salakhutdinov 2006, "Reducing the dimensionality of data with neural
networks".
"""

import numpy as np

from smai_nn.activations import Identity, ReLU
from smai_nn.checks import require_integer
from smai_nn.linear import Linear
from smai_nn.metrics import squared_errors
from smai_nn.model import Model
from smai_nn.optim import Adam


class MLPAutoencoder:
    """Compresses rows (n, input_width) to (n, bottleneck) and back.

    Parameters: `input_width`; `hidden`, the widths of the encoder's hidden layers, at least two, which the decoder
    has in reverse order; `bottleneck`, the width of the latent representation; `activation` of all hidden layers;
    `output_activation` of the reconstruction (the latent values themselves are linear); `optimizer`, an instance of its
    own (default Adam(0.001)); `rng`, the Generator that draws the initial values (a fresh one if None); `dtype`. Raises
    ValueError for anything else.

    `model` is the whole network, to be trained on (x, x) with MSE by a Trainer; `encoder` and `decoder` are Models of
    its two halves, which always have its current values, since their parameters are the same memory.

    >>> autoencoder = MLPAutoencoder(784, hidden=(64, 32), bottleneck=8)
    >>> latent = autoencoder.encode(np.zeros((5, 784), np.float32))
    >>> latent.shape, autoencoder.decode(latent).shape
    ((5, 8), (5, 784))
    """

    def __init__(self, input_width, hidden=(256, 128), bottleneck=32, *, activation=ReLU, output_activation=Identity,
                 optimizer=None, rng=None, dtype=np.float32):
        self.input_width = require_integer(input_width, "input_width", 1)
        self.bottleneck = require_integer(bottleneck, "bottleneck", 1)
        if not isinstance(hidden, (list, tuple)) or len(hidden) < 2:
            raise ValueError(f"hidden: expected at least two widths, such as (256, 128), for a deep autoencoder, got "
                             f"{hidden!r}")
        self.hidden = tuple(require_integer(width, "hidden", 1) for width in hidden)
        rng = np.random.default_rng() if rng is None else rng
        inwards = [self.input_width, *self.hidden, self.bottleneck]
        into, out = ([Linear(a, b, activation, rng=rng, dtype=dtype) for a, b in zip(widths, widths[1:-1])]
                     + [Linear(*widths[-2:], last, rng=rng, dtype=dtype)]
                     for widths, last in ((inwards, Identity), (inwards[::-1], output_activation)))
        self.model = Model([*into, *out], "mse", Adam(0.001) if optimizer is None else optimizer)
        self.encoder, self.decoder = Model(into, "mse"), Model(out, "mse")

    @property
    def parameter_count(self):
        """Number of weights and biases."""
        return self.model.parameter_count

    def encode(self, x):
        """Return the latent representation (n, bottleneck) of x (n, input_width)."""
        return self.encoder.predict(x)

    def decode(self, latent):
        """Return the rows (n, input_width) of a latent representation (n, bottleneck)."""
        return self.decoder.predict(latent)

    def reconstruct(self, x):
        """Return decode(encode(x)), (n, input_width)."""
        return self.model.predict(x)

    def errors(self, x):
        """Return the mean squared error of each row of x, (n,) float64."""
        return squared_errors(self.reconstruct(x), np.asarray(x, self.model.dtype))

    def save_to(self, path):
        """Save all parameters as .npz, whole or not at all; return the Path."""
        return self.model.save_to(path)

    def load_from(self, path):
        """Load parameters that `save_to` wrote for the same architecture (see Model.load_from)."""
        self.model.load_from(path)

    def __repr__(self):
        widths = [self.input_width, *self.hidden, self.bottleneck, *self.hidden[::-1], self.input_width]
        return f"MLPAutoencoder({'-'.join(map(str, widths))})"
