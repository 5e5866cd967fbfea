"""A deep autoencoder. Source: 3.1.1; Hinton 2006, "Reducing the dimensionality of data with neural networks"."""

import numpy as np

from smai_nn.activations import Identity, ReLU
from smai_nn.checks import as_matrix, require_integer
from smai_nn.linear import Linear
from smai_nn.model import Model, infer
from smai_nn.optim import Adam


class MLPAutoencoder(Model):
    """Compresses rows (n, input_width) to (n, bottleneck) and back; a Model with MSE, to be trained on (x, x).

    Parameters: `input_width`; `hidden`, the widths of the encoder's hidden layers, at least two, which the decoder has
    in reverse order; `bottleneck`, the width of the latent representation, which is linear; `activation` of the hidden
    layers; `output_activation`; `optimizer`, an instance of its own (default Adam(0.001)); `rng`, the Generator that
    draws the initial values (a fresh one if None); `dtype`. Raises ValueError for anything else.
    """

    def __init__(self, input_width, hidden=(256, 128), bottleneck=32, *, activation=ReLU, output_activation=Identity,
                 optimizer=None, rng=None, dtype=np.float32):
        self.bottleneck = require_integer(bottleneck, "bottleneck", 1)
        if not isinstance(hidden, (list, tuple)) or len(hidden) < 2:
            raise ValueError(f"hidden: expected at least two widths, such as (256, 128), got {hidden!r}")
        self.hidden = tuple(require_integer(width, "hidden", 1) for width in hidden)
        widths = [input_width, *self.hidden, bottleneck, *self.hidden[::-1], input_width]
        inner = [activation] * len(self.hidden)
        layers = [Linear(a, b, phi, rng=rng, dtype=dtype)
                  for a, b, phi in zip(widths, widths[1:], [*inner, Identity, *inner, output_activation])]
        super().__init__(layers, "mse", Adam(0.001) if optimizer is None else optimizer)

    def encode(self, x):
        """Return the latent representation (n, bottleneck) of x (n, input_width)."""
        return infer(self.layers[:len(self.hidden) + 1], self._checked_input(x))

    def decode(self, latent):
        """Return the rows (n, input_width) of a latent representation (n, bottleneck)."""
        return infer(self.layers[len(self.hidden) + 1:], as_matrix(latent, "latent", self.bottleneck, self.dtype))

    def reconstruct(self, x):
        """Return decode(encode(x)), (n, input_width)."""
        return self.predict(x)
