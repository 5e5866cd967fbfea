"""Data sets: from files to arrays. `sources` decides where a file comes from; the rest read it."""

from smai_nn.datasets.border import BorderDataset
from smai_nn.datasets.xor import xor_arrays

__all__ = ["BorderDataset", "xor_arrays"]
