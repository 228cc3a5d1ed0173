"""One measurement of the sampler in the original's order of work: prints JSON.

Called by `benchmarks/ppgn.py`. Each pass through a network is a compiled call of its own, with
TensorFlow's ordinary operations, and what it gives goes through NumPy, as it did with Caffe.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from common.quiet import import_keras

import_keras()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from benchmarks.machine import peak_memory  # noqa: E402
from benchmarks.ppgn_layers import CONVOLUTIONS, CROP, DECONVOLUTIONS  # noqa: E402
from benchmarks.ppgn_suite import (  # noqa: E402
    CASES,
    WEIGHTS,
    chains_of,
    sentence,
    terms_of,
    time_steps,
)
from reproductions.ppgn.inpainting import Context  # noqa: E402
from reproductions.ppgn.sampler import evaluate  # noqa: E402
from reproductions.ppgn.step import Terms  # noqa: E402

#: Sentences that the original's captioner takes at once, all of them the same.
_STREAMS = 20


class _Passes:
    """A network's passes, forward and backward, each a compiled call.

    Args:
        function: from tensors to tensors.
    """

    def __init__(self, function: Callable):
        self._compiled = tf.function(function, autograph=False)

    def forward(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """A pass after which none goes back."""
        return [one.numpy() for one in self._compiled(*map(tf.constant, arrays))]

    def both(self, x: np.ndarray, *others: np.ndarray) -> tuple[list[np.ndarray], Callable]:
        """A pass that keeps what is between, and a function that goes back to x."""
        x = tf.constant(x)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(x)
            outputs = self._compiled(x, *map(tf.constant, others))

        def backward(gradient: np.ndarray) -> np.ndarray:
            return tape.gradient(outputs[0], x, tf.constant(gradient)).numpy()

        return [one.numpy() for one in outputs], backward


class Naive:
    """The original's step: called like `reproductions.ppgn.step.Networks`.

    Args:
        case: one of `CASES`.
        folder: holds the weights.
        learned: whether passes back also make the gradients of the weights, as the original's.
    """

    def __init__(self, case: str, folder: str, learned: bool = True):
        self._case, self._learned, self._sentence = case, learned, sentence()
        self._variables, self._arrays = {}, np.load(Path(folder, WEIGHTS))
        self._generator = _Passes(self._generate)
        self._encoder = _Passes(lambda images: self._classify(images, "prob"))
        layer = "conv5" if case == "conv5" else "fc8"
        self._network = _Passes(lambda images: self._classify(images, layer))
        self._captioner = _Passes(self._say)

    def __call__(self, h: np.ndarray, units: np.ndarray, context: Context | None = None) -> Terms:
        """The terms of one code."""
        h = h.astype(np.float32)
        # The prior.
        (x,), _ = self._generator.forward(h), None
        crop = _composite(x, context)
        _, code = self._encoder.forward(crop)
        # The condition.
        (x,), to_code = self._generator.both(h)
        crop = _composite(x, context)
        if self._case == "caption":
            gradient, probability = self._caption(crop)
            best, best_probability = 0, 0.0
        else:
            (features, _), to_image = self._network.both(crop)
            place = (0, 6, 6) if features.ndim == 4 else (0,)
            values, diff = features[place], np.zeros_like(features)
            powers = np.exp(values - values.max())
            p = powers / (1e-10 + powers.sum())
            unit, best = units[0], p.argmax()
            diff[(*place, unit)] = 1 - p[unit]
            gradient, probability, best_probability = to_image(diff), p[unit], p[best]
        framed, d_context = np.zeros_like(x), None
        framed[:, CROP, CROP] = gradient if context is None else gradient * context.mask
        d_condition = to_code(framed)
        if context is not None:
            pull = (context.picture - x[:, CROP, CROP]) * (1 - context.mask)
            framed = np.zeros_like(x)
            framed[:, CROP, CROP] = pull
            d_context = to_code(framed)
        numbers = (np.array([n]) for n in (probability, best, best_probability))
        return Terms(code, d_condition, d_context, crop, *numbers)

    def _caption(self, crop: np.ndarray) -> tuple[np.ndarray, float]:
        """The gradient at the image, and the mean probability of the words."""
        states = [np.zeros((_STREAMS, 1000), np.float32) for _ in range(4)]
        total, probabilities, previous = 0, [], 0
        for word in self._sentence:
            # The image again, for every word.
            (features, _), to_image = self._network.both(crop)
            features = np.repeat(features, _STREAMS, axis=0)
            words = np.full(_STREAMS, previous, np.int32)
            cont = np.full((_STREAMS, 1), previous > 0, np.float32)
            (log, *states), to_features = self._captioner.both(features, words, cont, *states)
            diff = np.zeros_like(log)
            diff[:, word] = 1
            total = total + to_features(diff)[:1]
            probabilities.append(np.exp(log[0, word]))
            previous = word
        return to_image(total), np.mean(probabilities)

    def _weight(self, name: str, lay_out: Callable[[np.ndarray], np.ndarray] = lambda a: a):
        """A variable, made once."""
        if name not in self._variables:
            with tf.init_scope():
                array = np.ascontiguousarray(lay_out(self._arrays[name]))
                self._variables[name] = tf.Variable(array)
        variable = self._variables[name]
        return variable if self._learned else tf.stop_gradient(variable)

    def _connect(self, x, name: str):
        return tf.matmul(x, self._weight(f"{name}/0", np.transpose)) + self._weight(f"{name}/1")

    def _generate(self, h):
        x = h
        for name in ("defc7", "defc6", "defc5"):
            x = tf.nn.leaky_relu(self._connect(x, f"generator/{name}"), 0.3)
        x = tf.transpose(tf.reshape(x, (-1, 256, 4, 4)), (0, 2, 3, 1))
        for name, stride in DECONVOLUTIONS:
            name = f"generator/{name}"
            kernel = self._weight(f"{name}/0", lambda a: a.transpose(2, 3, 1, 0))
            shape = (1, x.shape[1] * stride, x.shape[2] * stride, kernel.shape[2])
            x = tf.nn.conv2d_transpose(x, kernel, shape, stride, "SAME")
            x = x + self._weight(f"{name}/1")
            x = x if name.endswith("deconv0") else tf.nn.leaky_relu(x, 0.3)
        return (x,)

    def _classify(self, images, end: str):
        """The layer `end` before its ReLU, and fc6 after it if it has come so far."""
        x = images
        for number, (layer, (stride, pad, groups)) in enumerate(CONVOLUTIONS.items(), 1):
            name = f"caffenet/{layer}"
            kernel = self._weight(f"{name}/0", lambda a: a.transpose(2, 3, 1, 0))
            pads = ((0, 0), (pad, pad), (pad, pad), (0, 0))
            # Split: TensorFlow has no gradient of grouped kernels on CPUs.
            pairs = zip(tf.split(x, groups, -1), tf.split(kernel, groups, -1), strict=True)
            x = tf.concat([tf.nn.conv2d(*pair, stride, pads) for pair in pairs], -1)
            x = x + self._weight(f"{name}/1")
            if layer == end:
                return x, x
            x = tf.nn.relu(x)
            if number in (1, 2, 5):
                x = tf.nn.max_pool2d(x, 3, 2, "VALID")
            if number in (1, 2):
                x = tf.nn.local_response_normalization(x, 2, 1.0, 1e-4 / 5, 0.75)
        x = tf.reshape(tf.transpose(x, (0, 3, 1, 2)), (1, -1))
        x = code = tf.nn.relu(self._connect(x, "caffenet/fc6"))
        x = tf.nn.relu(self._connect(x, "caffenet/fc7"))
        x = self._connect(x, "caffenet/fc8")
        return (x if end == "fc8" else tf.nn.softmax(x)), code

    def _say(self, features, words, cont, h1, c1, h2, c2):
        """The captioner's one word: log p of the next, and the states after it."""
        x = tf.gather(self._weight("lrcn/embedding/0"), words)
        h1, c1 = _lstm(self._connect(x, "lrcn/lstm1"), h1, c1, cont, self._recurrent("lstm1", 2))
        gates = self._connect(h1, "lrcn/lstm2") + tf.matmul(features, self._recurrent("lstm2", 2))
        h2, c2 = _lstm(gates, h2, c2, cont, self._recurrent("lstm2", 3))
        return tf.nn.log_softmax(self._connect(h2, "lrcn/predict")), h1, c1, h2, c2

    def _recurrent(self, layer: str, blob: int):
        return self._weight(f"lrcn/{layer}/{blob}", np.transpose)


def _lstm(gates, h, c, cont, recurrent):
    i, f, o, g = tf.split(gates + tf.matmul(cont * h, recurrent), 4, axis=-1)
    c = cont * tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c


def _composite(x: np.ndarray, context: Context | None) -> np.ndarray:
    crop = x[:, CROP, CROP]
    return crop if context is None else crop * context.mask + context.picture


def measure(steps: int, folder: str) -> dict:
    """Measures steps of each case, and of the class recipe without the gradients of the weights.

    Args:
        steps: how many of each to time; a third of them of captions.
        folder: holds what `ppgn_suite` wrote; takes `naive.npz`, the terms of some codes.
    """
    result, terms = {}, {}
    for case in CASES:
        naive = Naive(case, folder)
        if case == "class":
            begin = time.perf_counter()
            chain = chains_of(case, folder)[0]
            chain.step(*evaluate(naive, [chain], 1))
            result["first"] = time.perf_counter() - begin
        terms |= terms_of(naive, case, folder)
        count = steps // 3 if case == "caption" else steps
        result[case] = time_steps(naive, chains_of(case, folder)[:1], count)
    naive = Naive("class", folder, learned=False)
    result["fixed"] = time_steps(naive, chains_of("class", folder)[:1], steps)
    np.savez(Path(folder, "naive.npz"), **terms)
    result["memory"] = peak_memory()
    return result


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
