"""Making pictures with a generator, of any size."""

import functools
from collections.abc import Callable, Collection

import numpy as np
from keras import ops

from common import backend
from common.errors import UserError
from common.vgg19_pixels import deprocess
from reproductions.texture_nets.drawing import draw_noise
from reproductions.texture_nets.generator import Generator
from reproductions.texture_nets.model_file import sizes_for
from reproductions.texture_nets.strips import run_in_strips

#: More pixels than this, over all images of a batch, are made in strips.
_IN_ONE_PIECE = 2**22

#: More would need some 90 GiB.
_MOST_PIXELS = 2**28


class Maker:
    """Makes pictures; compiles the generator once for all sizes, where the backend can.

    Args:
        generator: not to be changed any more.
        seed: of the noise.
    """

    def __init__(self, generator: Generator, seed: int):
        # Training counts from 0: no sample has the noise of an iteration.
        self._generator, self._calls = generator, -1
        self._draw: Callable = functools.lru_cache(maxsize=8)(
            lambda count, height, width: backend.compile(
                lambda call: draw_noise(generator.noise, count, height, width, seed, call),
                (),
                [((), "int32")],
            )
        )
        shapes = [((None, None, None, i.shape[-1]), "float32") for i in generator.inputs]
        self._compiled: Callable = backend.compile(
            lambda inputs: generator(inputs), generator.variables, [shapes]
        )

    def texture(
        self,
        count: int,
        height: int,
        width: int,
        zero: Collection[int] = (),
        fix: Collection[int] = (),
    ) -> np.ndarray:
        """Samples of a texture.

        Args:
            count: how many; batch normalisation takes its statistics over all of them.
            height: of each. Multiples of the generator's own tile seamlessly; other sizes are cut
                out of the next larger.
            width: likewise.
            zero: numbers of noise inputs, from 1 in the order in which the original draws them (1
                is the coarsest of a pyramid), that are 0 instead.
            fix: those that are the same for all samples.

        Returns:
            uint8, shape (count, height, width, 3), RGB.

        Raises:
            UserError: too small, no such noise, or a generator that needs a picture.
        """
        check_kind(self._generator, False)
        size = sizes_for(self._generator, height, width)
        made = self._make([], count, *size, zero, fix)
        return deprocess(made[:, :height, :width])

    def stylized(self, picture: np.ndarray) -> np.ndarray:
        """A picture in the generator's style.

        Args:
            picture: RGB in 0..1, shape (height, width, 3). A size that is none of the generator's
                is continued by reflection, and cut off again.

        Returns:
            uint8, of the same shape.

        Raises:
            UserError: too small, or a generator of textures.
        """
        check_kind(self._generator, True)
        height, width = picture.shape[:2]
        rows, columns = sizes_for(self._generator, height, width)
        border = ((0, rows - height), (0, columns - width), (0, 0))
        image = np.pad(np.float32(picture), border, "symmetric")[None]
        return deprocess(self._make([image], 1, rows, columns)[0, :height, :width])

    def _make(
        self,
        image: list[np.ndarray],
        count: int,
        height: int,
        width: int,
        zero: Collection[int] = (),
        fix: Collection[int] = (),
    ) -> np.ndarray:
        inputs = self._generator.noise
        if not set(zero) | set(fix) <= set(range(1, len(inputs) + 1)):
            raise UserError(f"this model's noise inputs are 1 to {len(inputs)}")
        if count * height * width > _MOST_PIXELS:
            raise UserError(f"{count} x {width}x{height} is more than can be made at a time")
        with backend.memory_needed(f"{count} x {width}x{height} is too much at a time"):
            noise = list(self._draw(count, height, width)(np.int32(self._calls)))
            self._calls -= 1
            for number, values in enumerate(noise):
                if number + 1 in fix:
                    noise[number] = ops.tile(values[:1], (count, 1, 1, 1))
                if number + 1 in zero:
                    noise[number] = ops.zeros_like(values)
            inputs = [*image, *noise]
            if count * height * width > _IN_ONE_PIECE:
                return run_in_strips(self._generator, inputs)
            return ops.convert_to_numpy(self._compiled(inputs))


def check_kind(generator: Generator, stylization: bool) -> None:
    """Refuses a generator of the other kind.

    Raises:
        UserError: it makes textures where pictures are to be stylised, or the other way round.
    """
    if generator.stylization and not stylization:
        raise UserError("this model stylises pictures: stylization_process.py takes it")
    if stylization and not generator.stylization:
        raise UserError("this model makes textures: texture_sample.py takes it")


def check_noise_depth(generator: Generator, given: int | None, name: str) -> None:
    """Refuses a `-noise_depth` that is not the model's.

    Args:
        generator: the model.
        given: the flag; None if it was not given.
        name: of the model's file.

    Raises:
        UserError: they differ.
    """
    if given is not None and given != generator.noise_depth:
        raise UserError(
            f"{name} was trained with -noise_depth {generator.noise_depth}, not {given}"
        )
