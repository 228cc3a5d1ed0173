"""One step of learning, of evaluation and of synthesis, each compiled once."""

import keras
from keras import ops

from common import backend
from reproductions.iccv_introspective.patches import extract

#: Adam's constants that the original left at TensorFlow 1's defaults.
BETA2, EPSILON = 0.999, 1e-8


def cross_entropy(logits, labels):
    """Mean over the patches of -log softmax(logits)[label].

    Args:
        logits: shape (patches, classes).
        labels: int32, (patches,).
    """
    return ops.mean(ops.sparse_categorical_crossentropy(labels, logits, from_logits=True))


class Steps:
    """The three steps of a discriminator.

    On a CPU TensorFlow is told to be deterministic, for the whole process: the gradient of
    crop_and_resize adds up in any order otherwise, and no two runs agree.

    Args:
        model: from patches to logits, with an input of known size.
        learning_rate: of SGD.
    """

    def __init__(self, model: keras.Model, learning_rate: float):
        backend.be_reproducible()
        self._model = model
        self._patch, channels = model.input_shape[1], model.input_shape[-1]
        self._optimizer = keras.optimizers.SGD(learning_rate)
        self._optimizer.build(model.trainable_variables)
        variables = [*model.variables, *self._optimizer.variables]
        pictures = (None, None, None, channels)
        where = [((None,), "int32"), ((None, 4), "float32"), ((None,), "int32")]
        loaded = [(pictures, "uint8"), *where]
        images, numbers = [(pictures, "float32")] * 3, [((), "float32")] * 3
        self.learn = backend.compile(self._learn, variables, loaded)
        self.evaluate = backend.compile(self._evaluate, variables, loaded)
        self.synthesize = backend.compile(self._synthesize, variables, [*images, *where, *numbers])

    def _learn(self, pictures, picture, boxes, labels):
        """One step of SGD on the mean cross entropy, with the statistics of the batch.

        Args:
            pictures: uint8, (pictures, height, width, channels).
            picture: of each patch, int32, (patches,).
            boxes: of each patch, float32, (patches, 4).
            labels: of each patch, int32, (patches,).

        Returns:
            The loss and the share of patches that were classified right, before the step.
        """
        patches = extract(pictures, boxes, picture, self._patch) / 127.5 - 1
        variables = self._model.trainable_variables

        def classify():
            logits = self._model(patches, training=True)
            return cross_entropy(logits, labels), logits

        loss, logits, gradients = backend.weight_gradients(classify, variables)
        self._optimizer.apply(gradients, variables)
        return loss, _accuracy(logits, labels)

    def _evaluate(self, pictures, picture, boxes, labels):
        """Loss and accuracy with the running statistics; arguments as those of `learn`."""
        patches = extract(pictures, boxes, picture, self._patch) / 127.5 - 1
        logits = self._model(patches, training=False)
        return cross_entropy(logits, labels), _accuracy(logits, labels)

    def _synthesize(self, images, mean, square, picture, boxes, labels, step, rate, beta1):
        """One step of Adam on the images towards their labels, with the running statistics.

        Args:
            images: float32, (images, height, width, channels), [-1, 1].
            mean: Adam's mean of the gradients, of the images' shape.
            square: Adam's mean of the squared gradients, of the images' shape.
            picture: image of each patch, int32, (patches,).
            boxes: of each patch, float32, (patches, 4).
            labels: of each patch, int32, (patches,).
            step: number of the step, from 1.
            rate: learning rate of Adam.
            beta1: Adam's decay of the mean gradient.

        Returns:
            The loss before the step; images, mean and square after it.
        """

        def loss(images):
            patches = extract(images, boxes, picture, self._patch)
            return [cross_entropy(self._model(patches, training=False), labels)], ()

        (gradient,), (loss,), _ = backend.gradients(loss, images)
        mean = beta1 * mean + (1 - beta1) * gradient
        square = BETA2 * square + (1 - BETA2) * gradient * gradient
        rate = rate * ops.sqrt(1 - BETA2**step) / (1 - beta1**step)
        images = images - rate * mean / (ops.sqrt(square) + EPSILON)
        return loss, ops.clip(images, -1, 1), mean, square


def _accuracy(logits, labels):
    right = ops.equal(ops.argmax(logits, axis=-1), ops.cast(labels, "int32"))
    return ops.mean(ops.cast(right, "float32"))
