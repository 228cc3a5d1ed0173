"""Weights of VGG-19 that NumPy makes the same everywhere: those the references were made with."""

import hashlib
import math

import numpy as np

from common.vgg19_layers import LAYERS, channels, convolutions

#: First 16 digits of SHA-256 of every kernel and bias, as little-endian float32.
DIGESTS = {
    "conv1_1": ("ed23e6099c3310bc", "c34b69e584b56a2b"),
    "conv1_2": ("b343d2e6285eb971", "05cfe96b6a130954"),
    "conv2_1": ("4d32f730396fdffa", "cc70ea40402b592c"),
    "conv2_2": ("e2555f0b78aca59c", "5b2e69c3eb6765fd"),
    "conv3_1": ("d716b4883662d760", "31228ff645852a18"),
    "conv3_2": ("4ac70bbfea584472", "a6f0103794dced46"),
    "conv3_3": ("69f7e78b2d786e70", "3b1ea93e83899e46"),
    "conv3_4": ("fa3f4ba1f5401a9f", "f49bfd76bf9941a6"),
    "conv4_1": ("43c8a98bae04c35e", "f1bf149a039c49a2"),
    "conv4_2": ("26d7331a2d0dafac", "04ed1f1d581a34f8"),
    "conv4_3": ("00589f392c220007", "fe1c04eecff75327"),
    "conv4_4": ("b293e21af5287eb2", "9b539419a0ad583b"),
    "conv5_1": ("dc7ce4ded2e53186", "009ac008b25aa946"),
    "conv5_2": ("fc8e249a965d2abd", "f3eabce11972a4d4"),
    "conv5_3": ("dd86220ad7c2b8cc", "c79ae6da63cbe2b1"),
    "conv5_4": ("f851c5da89f85484", "a4b8ea2abbf7f883"),
}


def golden_weights(upto: str = LAYERS[-1]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Kernels (3, 3, in, out) and biases (out,), float32, up to and including a layer.

    Convolution i draws its kernel from seed 700 + 2 i and its bias from 701 + 2 i. The scales are
    rounded to float32 before they multiply.
    """
    weights = {}
    for i, name in enumerate(convolutions(upto)):
        fan_in, width = channels(name)
        kernel = np.random.RandomState(700 + 2 * i).standard_normal((3, 3, fan_in, width))
        bias = np.random.RandomState(701 + 2 * i).standard_normal(width)
        scale = np.float32(math.sqrt(2 / (9 * fan_in)))
        weights[name] = (
            kernel.astype(np.float32) * scale,
            bias.astype(np.float32) * np.float32(0.1),
        )
    return weights


def digest(array: np.ndarray) -> str:
    """The first 16 digits of SHA-256 of an array's float32 values."""
    return hashlib.sha256(np.ascontiguousarray(array, "<f4").tobytes()).hexdigest()[:16]
