"""The networks that flags name: of the suite, from Caffe files, from Keras files."""

import dataclasses
import functools
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import keras

from common import weights as pretrained
from common.caffe import read_prototxt
from common.caffe_weights import WeightSource, random_weights, weights_from
from common.caffenet import RANDOM_GAINS as CAFFENET_GAINS
from common.caffenet import caffenet, caffenet_fcn
from common.errors import UserError
from reproductions.ppgn.caffe.importer import import_network
from reproductions.ppgn.ends import with_activation_layers
from reproductions.ppgn.generator import RANDOM_GAINS as GENERATOR_GAINS
from reproductions.ppgn.generator import generator
from reproductions.ppgn.lrcn import lrcn


@dataclasses.dataclass(frozen=True)
class Suite:
    """A network that the suite builds by itself.

    Attributes:
        build: from a source of weights.
        weights: their name in the manifest.
        definition: the original's file that it stands for, if any.
    """

    build: Callable[..., keras.Model]
    weights: str
    definition: str | None


SUITE = {
    "caffenet": Suite(caffenet, "caffenet", "caffenet.prototxt"),
    "caffenet_fcn": Suite(caffenet_fcn, "caffenet", None),
    "placescnn": Suite(
        functools.partial(caffenet, classes=205, name="placescnn"),
        "placescnn",
        "places205CNN_deploy_updated.prototxt",
    ),
    "generator": Suite(generator, "ppgn_generator", "generator.prototxt"),
    "lrcn": Suite(lrcn, "lrcn", "lrcn_word_to_preds.deploy.prototxt"),
}

#: Networks of the suite for its own drawn digits, which are kept with it.
KEPT = {
    name: str(pretrained.MANIFEST.parent / f"ppgn_{name}.keras")
    for name in ("digits_encoder", "digits_generator")
}

#: Gains of random weights, by the names of those that they stand for.
GAINS = {
    "caffenet": CAFFENET_GAINS,
    "placescnn": CAFFENET_GAINS,
    "lrcn": CAFFENET_GAINS,
    "ppgn_generator": GENERATOR_GAINS,
}

KERAS_ENDINGS = (".keras", ".h5", ".hdf5")


def suite_name(definition: str) -> str | None:
    """The suite's network that a flag means: by its name, or by the original's file.

    A file that exists is meant itself.
    """
    if definition in SUITE:
        return definition
    if os.path.isfile(definition):
        return None
    file = Path(definition).name
    return next((name for name, one in SUITE.items() if one.definition == file), None)


def weights_name(weights: str) -> str | None:
    """The name in the manifest that a flag means: by that name, or by the file's.

    A file that exists is meant itself.
    """
    if weights not in pretrained.manifest() and os.path.isfile(weights):
        return None
    return _own_name(weights)


def _own_name(weights: str) -> str | None:
    """The same, whether the file exists or not."""
    rows = pretrained.manifest()
    if weights in rows:
        return weights
    file = Path(weights).name
    return next((name for name, row in rows.items() if row.file == file), None)


class Loader:
    """Loads networks, each once.

    Args:
        random: whether the suite's own weights are random ones, made on the spot; a file that is
            none of them is read in any case.

    Attributes:
        used: what was loaded, in words.
        files: those that were read.
    """

    def __init__(self, random: bool = False):
        self._random, self._loaded = random, {}
        self.used: list[str] = []
        self.files: list[str | Path] = []

    def load(self, definition: str, weights: str, **options) -> keras.Model:
        """Loads a network; the same one again if it was loaded before.

        Args:
            definition: a name in `SUITE` or `KEPT`, a .prototxt, or a Keras model file.
            weights: a name in the manifest or a .caffemodel; not used for a Keras file. The
                original's paths stand for the suite's own where they do not exist.
            **options: of the network's builder, or of `import_network`.

        Raises:
            UserError: there is no such file, it cannot be read, or the two do not fit.
        """
        definition = KEPT.get(definition, definition)
        name = suite_name(definition)
        key = (name or os.path.realpath(definition), weights_name(weights) or weights, *options)
        key = (*key, *map(repr, options.values()))
        if key not in self._loaded:
            self._loaded[key] = self._read(name, definition, weights, options)
        return self._loaded[key]

    def load_captioner(self, definition: str, weights: str, steps: int) -> keras.Model:
        """Loads a captioning network for sentences of so many words, see `lrcn.py`.

        Args:
            definition: `lrcn`, or a .prototxt like the original's.
            weights: as for `load`.
            steps: words, the end of the sentence included.

        Raises:
            UserError: see `load`.
        """
        if suite_name(definition):
            return self.load(definition, weights, steps=steps)
        shapes = {"cont_sentence": (steps, 1), "input_sentence": (steps, 1)}
        if os.path.isfile(definition):
            # The original's is of one word at a time, 20 times over.
            features = read_prototxt(definition).inputs.get("image_features") or (None,)
            shapes["image_features"] = (None, *features[1:])
        return self.load(definition, weights, shapes=shapes, truncated=True)

    def _read(self, name: str | None, definition: str, weights: str, options: dict):
        if name is not None:
            if (name == "lrcn") != ("steps" in options):
                what = "no captioner" if "steps" in options else "a captioner"
                raise UserError(f"the network {name} is {what}")
            return SUITE[name].build(self._source(weights), **options)
        if Path(definition).suffix in KERAS_ENDINGS:
            self.used.append(definition)
            self.files.append(definition)
            return _read_keras(definition)
        if not os.path.exists(definition):
            known = ", ".join([*SUITE, *KEPT])
            raise UserError(
                f"there is no network {definition}: a name ({known}), a .prototxt or a Keras "
                "model file is wanted"
            )
        self.files.append(definition)
        # Whatever else it is, the reader of Caffe's files says so.
        return import_network(read_prototxt(definition), self._source(weights), **options)

    def _source(self, weights: str) -> WeightSource:
        # The original's file counts as the suite's own, whether it is here or not.
        own = _own_name(weights) if self._random else None
        if own is not None:
            seed = zlib.crc32(own.encode())
            self.used.append(f"random weights of seed {seed} for {own}")
            return random_weights(seed, GAINS.get(own))
        name = weights_name(weights)
        if name is not None:
            path = pretrained.get(name)
            self.used.append(f"{name} from {path}")
            self.files.append(path)
            return weights_from(path)
        if not os.path.exists(weights):
            known = ", ".join(pretrained.manifest())
            raise UserError(
                f"there are no weights {weights}: a .caffemodel or a name ({known}) is wanted"
            )
        self.used.append(weights)
        self.files.append(weights)
        return weights_from(weights)


def check_takes_images(model: keras.Model, what: str) -> None:
    """Refuses a network whose one input is not images of a fixed size.

    Args:
        model: any.
        what: to call it in the error.

    Raises:
        UserError: see above.
    """
    shape = model.input_shape
    if len(model.inputs) != 1 or len(shape) != 4 or None in shape[1:]:
        raise UserError(
            f"the {what} {model.name} must take images of one size, (height, width, channels); "
            f"it takes {_shapes(model.inputs)}"
        )
    if shape[-1] not in (1, 3):
        raise UserError(
            f"the {what} {model.name} must take images of 1 or 3 channels, the last axis; "
            f"it takes {_shapes(model.inputs)}"
        )


def check_makes_images(model: keras.Model) -> None:
    """Refuses a generator that does not make images of a fixed size out of codes.

    Raises:
        UserError: see above.
    """
    shapes = [tuple(one.shape[1:]) for one in (*model.inputs, *model.outputs)]
    if [len(shape) for shape in shapes] != [1, 3] or None in (*shapes[0], *shapes[1]):
        raise UserError(
            f"the generator {model.name} must make images, (height, width, channels), out of "
            f"codes, (length,); it makes {_shapes(model.outputs)} out of {_shapes(model.inputs)}"
        )


def _shapes(tensors: list) -> str:
    return " and ".join(str(tuple(one.shape[1:])) for one in tensors)


def _read_keras(path: str) -> keras.Model:
    if not os.path.isfile(path):
        raise UserError(f"there is no Keras model file {path}")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:
        # Keras raises nearly anything on missing or damaged files.
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"cannot read the Keras model {path}: {reason}") from None
    try:
        return with_activation_layers(model)
    except (ValueError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{path} is no built Functional or Sequential model of plain layers: {reason}"
        ) from None
