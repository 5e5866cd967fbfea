"""smai_nn: a neural network from scratch in NumPy, and the experiments of one course assignment."""

import sys

if sys.version_info < (3, 11):
    sys.exit("smai_nn: expected Python 3.11 or newer, got " + sys.version.split()[0] + "; start it with a newer one")

from smai_nn.activations import Identity, ReLU, Sigmoid, Tanh
from smai_nn.autoencoder import MLPAutoencoder
from smai_nn.features import Modular_Dataloader, get_fourier, get_polynomial, get_raw
from smai_nn.gradcheck import numerical_gradient
from smai_nn.linear import Linear
from smai_nn.losses import BCE, MSE
from smai_nn.model import Model
from smai_nn.optim import SGD, Adam
from smai_nn.trainer import Callback, EarlyStopping, History, TrainConfig, Trainer

__all__ = ["Linear", "ReLU", "Tanh", "Sigmoid", "Identity", "MSE", "BCE", "Model", "SGD", "Adam", "Trainer",
           "TrainConfig", "Callback", "History", "EarlyStopping", "numerical_gradient", "get_raw", "get_polynomial",
           "get_fourier", "Modular_Dataloader", "MLPAutoencoder"]
