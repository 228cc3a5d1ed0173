"""The generators by name, as Keras models."""

import keras

from common.errors import UserError
from reproductions.texture_nets.blocks import NORMALIZATIONS, Blocks, Module, Noise
from reproductions.texture_nets.networks import NETWORKS
from reproductions.texture_nets.pyramid import PUBLISHED_STYLE, PYRAMID, PYRAMID2, pyramid
from reproductions.texture_nets.skip import skip

_BUILDERS = {
    "pyramid": lambda blocks: pyramid(blocks, PYRAMID),
    "pyramid2": lambda blocks: pyramid(blocks, PYRAMID2),
    "skip": skip,
    "skip_noise": lambda blocks: skip(blocks, noise=True),
    "published_texture": lambda blocks: pyramid(blocks, PYRAMID, published=True),
    "published_style": lambda blocks: blocks.copy_border(
        pyramid(blocks, PUBLISHED_STYLE, published=True)
    ),
}


@keras.saving.register_keras_serializable(package="texture_nets")
class Generator(keras.Model):
    """A generator network, g of the paper: a function of noise, and of an image to stylise.

    Its inputs are a list: the image, if it stylises, (images, height, width, 3), RGB in 0..1; then
    the noise, as `noise` says, (images, height / ratio, width / ratio, channels). Its output is
    (images, height, width, 3), BGR in 0..255 minus the mean, not cut to that range.

    Args:
        network: a name of `NETWORKS`.
        noise_depth: channels of uniform noise at every scale.
        stylization: whether it takes an image.
        circular: whether convolutions take their border from the opposite side, so that what is
            made tiles.
        normalization: `batch` or `instance`.
        dtype: float32, or float64 for exact gradients.

    Attributes:
        noise: what each noise input is, a list of `Noise`.
        network_name: `network` of the arguments.
        noise_depth: see the arguments.
        stylization: see the arguments.
        modules_of_original: what the original has instead, in its order.
        multiple: height and width must be multiples of this,
        smallest: and at least this.
        joins: how many `Concat` modules the original has.

    Raises:
        UserError: there is no such network or normalisation, or nothing to make a picture of.
    """

    def __init__(
        self,
        network: str,
        noise_depth: int = 3,
        stylization: bool = False,
        circular: bool = True,
        normalization: str = "batch",
        dtype: str = "float32",
        **kwargs,
    ):
        if network not in NETWORKS:
            raise UserError(f"there is no generator {network}; there are {', '.join(NETWORKS)}")
        if noise_depth < 1 and not stylization:
            raise UserError("a generator of textures needs noise: noise_depth 1 or more")
        if normalization not in NORMALIZATIONS:
            raise UserError(f"normalization must be batch or instance, got {normalization}")
        blocks = Blocks(noise_depth, stylization, circular, normalization, dtype)
        stream = _BUILDERS[network](blocks)
        output = blocks.colour(stream)
        super().__init__(blocks.inputs, output, **kwargs)
        self._arguments = {
            "network": network,
            "noise_depth": noise_depth,
            "stylization": stylization,
            "circular": circular,
            "normalization": normalization,
            "dtype": dtype,
        }
        # Tuples: Keras would follow lists.
        self.modules_of_original: tuple[Module, ...] = tuple(blocks.modules)
        self.noise: list[Noise] = blocks.noise
        self.network_name, self.noise_depth = network, noise_depth
        self.stylization = stylization
        self.multiple, self.smallest, self.joins = NETWORKS[network]

    def get_config(self) -> dict:
        """The arguments that it was made with."""
        return dict(self._arguments)

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "Generator":
        """Makes a generator of `get_config`'s arguments."""
        return cls(**config)

    def parameters(self) -> list[keras.Variable]:
        """Kernels and biases, gammas and betas, in the order of the original's `parameters()`."""
        return [v for layer in self.parameter_layers() for v in layer.trainable_variables]

    def parameter_layers(self) -> list[keras.layers.Layer]:
        """The layers with weights in that order: depth first, the coarse stream first."""
        return [self.get_layer(m.layer) for m in self.modules_of_original if m.layer]

    def use_running_statistics(self, use: bool = True) -> None:
        """Normalises by the running statistics, or again by those of the batch.

        To be called before the generator is first compiled.
        """
        for layer in self.parameter_layers():
            layer.running = use
