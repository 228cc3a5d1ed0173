"""What the measurements of PyTorch share; needs PyTorch and NumPy alone."""

import numpy as np
import torch

from benchmarks.machine import cores, matrix_product_rate


def use_all_cores() -> None:
    """As many threads as cores that this process may use."""
    torch.set_num_threads(cores())


def product_rate(seconds: float = 1) -> float:
    """The rate of PyTorch's matrix product, GFLOP/s; see `matrix_product_rate`."""

    def product(size: int):
        a, b = torch.randn(2, size, size)
        return lambda: torch.mm(a, b)

    return matrix_product_rate(product, seconds)


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, with the channels of a pixel beside each other in memory."""
    return tensor.contiguous(memory_format=torch.channels_last)


def to_keras(tensor: torch.Tensor) -> np.ndarray:
    """From PyTorch's order of axes to Keras's: the first two come last, the last before."""
    array = tensor.detach().numpy()
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def bands() -> dict[int, torch.Tensor]:
    """For CaffeNet's numbers of channels, what sums over neighbours for its normalisation.

    A product with a band matrix is faster than PyTorch's own normalisation.
    """
    found = {}
    for channels in (96, 256):
        channel = torch.arange(channels)
        near = (channel[:, None] - channel).abs() <= 2
        found[channels] = (near * (1e-4 / 5)).float()[..., None, None]
    return found
