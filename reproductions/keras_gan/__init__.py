"""Generative adversarial nets on digits and on pictures of one's own (Goodfellow et al., 2014)."""

from reproductions.keras_gan.formatting import r_format
from reproductions.keras_gan.gan import GAN

__all__ = ["GAN", "r_format"]
