"""Trains the suite's own network for textures, on pictures that the suite draws itself.

    python -m common.descriptors.drawn_training

The network learns to give what SqueezeNet gives: from its feature maps those of SqueezeNet must
follow linearly, place by place. Then equal Gram matrices of the one, G, mean equal Gram matrices of
the other, R G R^T with the read-outs R, which are thrown away afterwards. This has to hold wherever
a descent on pixels goes, too. So a part of the pictures to learn from are on their way from noise
to a drawn picture's Gram matrices, down the loss of the network as it is just then.
"""

import sys
import time
from pathlib import Path

import numpy as np

if not __package__:  # run as a script, from any folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from common import flags
from common.descriptors.drawn import FILE, WIDTHS
from common.descriptors.drawn_pictures import Pool, draw_textures, picture
from common.errors import UserError
from common.files import make_folder, written_whole
from common.interrupts import interrupts_held
from common.runs import load_state, save_state

#: SqueezeNet's layer -> the layer, of as many places, that it is read from.
READ = {
    "conv1": "conv2_2",
    "fire2": "conv3_1",
    "fire3": "conv3_2",
    "fire4": "conv3_3",
    "fire5": "conv4_1",
    "fire6": "conv4_2",
    "fire7": "conv4_2",
}

#: New pictures of a step, beside those on their way and the ones that these are to be like.
FRESH = 4
#: How much the Gram matrices of what is read count, beside its values.
GRAM_WEIGHT = 0.5
LEARNING_RATE, WARM_UP = 2e-3, 100
#: What pixels are divided by, so that the first kernel's values are of the size of the others'.
PIXEL = 64.0
#: How far the first weights even out brightness and colours: 0 not at all, 1 wholly.
EVENING = 0.5
#: Seconds between two savings of the state.
INTERVAL = 60.0


class Student:
    """The network while it is trained: 3x3 convolutions with ReLU on pictures that tile.

    Its first weights are random, and such that on given pictures the values before each ReLU have
    mean 0 and variance 1; colours, which vary less than brightness, are made to count more.

    Args:
        images: the pictures, BGR minus VGG-19's mean, (count, height, width, 3).
        seed: of the first weights.

    Attributes:
        names: of the convolutions, in order.
        variables: kernel and bias of each.
    """

    def __init__(self, images: np.ndarray, seed: int):
        import keras
        from keras import ops

        random = np.random.RandomState(seed)
        self.names, self.variables, channels = [], [], 3
        for block, widths in enumerate(WIDTHS, 1):
            for number, width in enumerate(widths, 1):
                kernel = random.standard_normal((3, 3, channels, width))
                if channels == 3:
                    kernel = np.einsum("hwco,cd->hwdo", kernel, _evening(images))
                variables = [
                    keras.Variable(kernel.astype(np.float32)),
                    keras.Variable([0.0] * width),
                ]
                self.names.append(f"conv{block}_{number}")
                self.variables += variables
                values = ops.convert_to_numpy(self._through(images)[1])
                mean, spread = values.mean((0, 1, 2)), values.std((0, 1, 2))
                variables[0].assign(variables[0] / spread)
                variables[1].assign(-mean / spread)
                channels = width

    def __call__(self, images) -> dict:
        """Feature maps by layer.

        Args:
            images: (count, height, width, 3), BGR minus VGG-19's mean.
        """
        return self._through(images)[0]

    def _through(self, images) -> tuple:
        """Feature maps by layer, of the layers that there are; the last one's before its ReLU."""
        from keras import ops

        from common.layers import pad_images

        features, found, values = images / PIXEL, {}, None
        for name, kernel, bias in zip(
            self.names, self.variables[::2], self.variables[1::2], strict=True
        ):
            if name.endswith("_1") and found:
                features = ops.average_pool(features, 2, 2)
            features = pad_images(features, 1, 1, wrap=True)
            values = ops.conv(features, kernel, padding="valid") + bias
            found[name] = features = ops.relu(values)
        return found, values


def _evening(images: np.ndarray) -> np.ndarray:
    """A power of the pixels' covariance, (3, 3): what varies little is made to vary more."""
    values, axes = np.linalg.eigh(np.cov(images.reshape(-1, 3).T))
    return (axes * values ** (-EVENING / 2)) @ axes.T


class Training:
    """Student, teacher, read-outs and Adam.

    Args:
        squeezenet: the file of its weights.
        textures: see `drawn_pictures.draw_textures`.
        seed: of the weights.
    """

    def __init__(self, squeezenet: Path, textures: np.ndarray, seed: int):
        import keras

        from common import backend
        from common.descriptors.squeezenet import SqueezeNet, scaled
        from common.squeezenet_file import read_squeezenet

        random = np.random.default_rng((seed, 0))
        first = np.stack([picture(textures, random) for _ in range(48)])
        self.student = Student(as_images(first), seed)
        self._teacher = SqueezeNet().build(scaled(read_squeezenet(squeezenet)), READ, "wrap")
        self._scales = self._measure(textures, seed)
        random = np.random.RandomState(seed + 1)
        self._readouts = {}
        for layer, read in READ.items():
            width = self.student.variables[2 * self.student.names.index(read)].shape[-1]
            values = random.standard_normal((width, len(self._scales[layer]))) / np.sqrt(width)
            self._readouts[layer] = keras.Variable(values.astype(np.float32))
        self._weights = [*self.student.variables, *self._readouts.values()]
        self._adam = keras.optimizers.Adam(1e-3, beta_2=0.99, global_clipnorm=1.0)
        self._adam.build(self._weights)
        self.variables = [*self._weights, *self._adam.variables]
        self._compiled = backend.compile(self._step, self.variables)

    def _measure(self, textures: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """What each of the teacher's channels is multiplied with, so that all count alike."""
        from keras import ops

        squares = {layer: [] for layer in READ}
        for number in range(32):
            random = np.random.default_rng((seed, 1, number))
            images = as_images(np.stack([picture(textures, random) for _ in range(8)]))
            for layer, features in zip(READ, self._teacher(images), strict=True):
                squares[layer].append(ops.convert_to_numpy(ops.mean(features**2, (0, 1, 2))))
        means = {layer: np.mean(rows, axis=0) for layer, rows in squares.items()}
        # Channels that hardly ever answer are not blown up.
        return {layer: (mean + 0.1 * mean.mean()) ** -0.5 for layer, mean in means.items()}

    def step(self, rate: float, fresh, wanted, moving) -> tuple[np.ndarray, np.ndarray]:
        """Makes a step.

        Args:
            rate: the learning rate.
            fresh: pictures, float32, RGB in 0..255, (count, SIDE, SIDE, 3).
            wanted: those that others are to be like.
            moving: these others.

        Returns:
            The loss of each of the teacher's layers; and the gradient, at `moving`, of how far its
            Gram matrices are from those of `wanted`.
        """
        from keras import ops

        images = [as_images(one) for one in (fresh, wanted, moving)]
        losses, gradient = self._compiled(np.float32(rate), *images)
        return ops.convert_to_numpy(losses), ops.convert_to_numpy(gradient)[..., ::-1]

    def _step(self, rate, fresh, wanted, moving):
        from keras import ops

        from common import backend

        targets = [_gram(features) for features in self.student(wanted).values()]

        def apart(images):
            grams = [_gram(features) for features in self.student(images).values()]
            pairs = zip(grams, targets, strict=True)
            return [ops.sum(ops.stack([ops.sum(_error(*pair)) for pair in pairs]))], ()

        (gradient,), _, _ = backend.gradients(apart, moving)
        images = ops.concatenate([fresh, wanted, moving])
        taught = dict(zip(READ, self._teacher(images), strict=True))

        def emulate():
            found, losses = self.student(images), []
            for layer, read in READ.items():
                given = ops.matmul(found[read], self._readouts[layer])
                right = taught[layer] * self._scales[layer]
                grams = _error(_gram(given), _gram(right))
                losses.append(ops.mean(_error(given, right)) + GRAM_WEIGHT * ops.mean(grams))
            losses = ops.stack(losses)
            return ops.sum(losses), losses

        _, losses, gradients = backend.weight_gradients(emulate, self._weights)
        self._adam.learning_rate.assign(rate)
        backend.apply(self._adam, gradients, self._weights)
        return losses, gradient

    def weights(self, textures: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """The network's weights, scaled so that each layer's mean activation is about 1.

        Args:
            textures: on which that is measured.
            seed: of the pictures made of them.

        Returns:
            `NAME/kernel`, (3, 3, in, out), and `NAME/bias`, (out,), of each convolution, float16.
        """
        from keras import ops

        random = np.random.default_rng((seed, 2))
        images = as_images(np.stack([picture(textures, random) for _ in range(128)]))
        found, before, arrays = self.student(images), 1 / PIXEL, {}
        for number, name in enumerate(self.student.names):
            kernel, bias = map(ops.convert_to_numpy, self.student.variables[2 * number :][:2])
            mean = float(ops.mean(found[name]))
            arrays[f"{name}/kernel"] = (kernel * (before / mean)).astype(np.float16)
            arrays[f"{name}/bias"] = (bias / mean).astype(np.float16)
            before = mean
        return arrays


def _gram(features):
    """Of each picture, (count, channels, channels)."""
    from keras import ops

    count, height, width, channels = features.shape
    flat = ops.reshape(features, (count, height * width, channels))
    return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / (height * width)


def _error(given, right):
    """Squared distance by squared length, (count,); hardly less where there is nothing."""
    from keras import ops

    axes = tuple(range(1, len(right.shape)))
    length = ops.mean(ops.square(right), axes)
    return ops.mean(ops.square(given - right), axes) / (length + 0.02)


def as_images(pictures: np.ndarray) -> np.ndarray:
    """BGR minus the mean, from RGB in 0..255; float32."""
    from common.vgg19_layers import MEAN_BGR

    return pictures[..., ::-1] - np.float32(MEAN_BGR)


class Run:
    """A run, and where it has come to.

    Args:
        options: see `parse`.

    Raises:
        UserError: SqueezeNet is missing, the folder cannot be made, or what is in it is damaged or
            of another run.
    """

    def __init__(self, options):
        from common.descriptors.squeezenet import SqueezeNet

        self._options = options
        squeezenet = options.squeezenet or SqueezeNet().find("squeezenet")
        make_folder(options.work)
        self._textures = draw_textures(options.work, options.textures, options.seed)
        self._training = Training(squeezenet, self._textures, options.seed)
        self._pool = Pool(self._textures, options.seed)
        self._done, self._seconds = 0, 0.0
        if (state := load_state(options.work)) is not None:
            self._restore(state)

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        from common.state import restore, whole_number

        try:
            made = [whole_number(state, name) for name in ("seed", "textures")]
            if made != [self._options.seed, self._options.textures]:
                raise ValueError("it is of another --seed or of other --textures")
            restore({"variable": self._training.variables}, state)
            self._pool.arrays = {name: state[name] for name in self._pool.arrays}
            self._done, self._seconds = whole_number(state, "done"), float(state["seconds"])
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{self._options.work} is of no use here; name another --work: {error}"
            ) from None

    def _save(self) -> None:
        """Writes state and network."""
        from common.state import arrays_of

        options = self._options
        arrays = arrays_of({"variable": self._training.variables}) | self._pool.arrays
        place = {"done": self._done, "seconds": self._seconds}
        save_state(options.work, **arrays, **place, seed=options.seed, textures=options.textures)
        with written_whole(options.output) as temporary:
            np.savez(temporary, **self._training.weights(self._textures, options.seed))

    def _step(self) -> np.ndarray:
        """Makes a step; the loss of each of the teacher's layers."""
        random = np.random.default_rng((self._options.seed, 4, self._done))
        fresh = np.stack([picture(self._textures, random) for _ in range(FRESH)])
        fall = 0.005 + np.cos(np.pi * self._part() / 2) ** 2
        rate = LEARNING_RATE * min(1, (self._done + 1) / WARM_UP) * fall
        losses, gradient = self._training.step(rate, fresh, *self._pool.take(self._done))
        self._pool.move(self._done, gradient)
        self._done += 1
        return losses

    def _part(self) -> float:
        """How much of the run is done, 0..1."""
        minutes = self._options.minutes or np.inf
        return min(1, max(self._done / self._options.steps, self._seconds / 60 / minutes))

    def train(self) -> None:
        """Trains to the end, or to Ctrl-C.

        Raises:
            UserError: a file cannot be written, or a loss is not a number any more.
        """
        from tqdm import tqdm

        bar = tqdm(
            total=self._options.steps,
            initial=self._done,
            desc="training",
            ascii=True,
            mininterval=2,
        )
        saved = before = time.monotonic()
        average = None
        with interrupts_held() as interrupted, bar:
            while self._part() < 1 and not interrupted():
                losses = self._step()
                if not np.isfinite(losses).all():
                    raise UserError(f"a loss is not a number after step {self._done}")
                average = losses if average is None else average + 0.02 * (losses - average)
                bar.set_postfix_str(f"loss {average.sum():.3f}", refresh=False)
                bar.update()
                now = time.monotonic()
                self._seconds, before = self._seconds + now - before, now
                if now - saved > INTERVAL:
                    self._save()
                    saved = now
        self._save()
        print(f"{self._options.output} after {self._done} steps")


def parse(argv: list[str]):
    """Gets the flags of a command line."""
    parser = flags.Parser(
        "drawn_training.py",
        "Trains the network of common/descriptors/drawn.py to do as SqueezeNet does.",
        formatter=flags.DefaultsInWords,
    )
    add = parser.add_argument
    add("--steps", type=flags.positive_int, default=6500, help="how many there are")
    about = "end after so many; the learning rate falls the faster"
    add("--minutes", type=flags.positive_float, help=about)
    about = "of all that varies"
    add("--seed", type=flags.seed, default=0, help=about)
    about = "textures drawn of each recipe"
    add("--textures", type=flags.positive_int, default=8, help=about)
    add("--output", type=Path, default=FILE, help="the file of weights to write")
    about = "SqueezeNet's weights; default: as --weights squeezenet finds them"
    add("--squeezenet", type=Path, help=about)
    about = "folder of textures drawn and of the state; a run that is in it goes on"
    add("--work", type=Path, default=Path("results/drawn_training"), help=about)
    return parser.parse_args(argv)


def main(options) -> None:
    """Imports Keras now that the flags are known to be right, and trains."""
    from common.quiet import import_keras

    import_keras()
    Run(options).train()


if __name__ == "__main__":
    flags.run(parse, main)
