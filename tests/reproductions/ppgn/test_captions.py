"""The captioner against Caffe's, word by word and as what a caption's chain climbs.

Steps of the whole chain are among the sampler's rows.
"""

import keras
import numpy as np
import pytest
from keras import ops

from common.autodiff import compile_gradients
from common.backend import to_tensor
from reproductions.ppgn.conditions import CaptionCondition
from reproductions.ppgn.words import MISC, VOCABULARY, convert_words_into_numbers
from tests.reproductions.ppgn.references import (
    CAPTION,
    FORWARD,
    GRADIENT,
    error_of_maximum,
    error_of_sums,
    flags_of,
    relative_error,
    rows,
)

pytestmark = [pytest.mark.reference, pytest.mark.long_to_compile]

#: Of words, as a part; an independent LSTM in float64 is 2.6e-6 from Caffe's.
PROBABILITY = 2e-5
#: Of the states, absolute, likewise: Caffe's own twenty equal streams differ by 1e-5.
STATE = 5e-5


@pytest.fixture(scope="module")
def wanted():
    return rows(CAPTION)


@pytest.fixture(scope="module")
def words(captioner, wanted):
    """What the captioner makes of the recorded inputs, and each word's gradient.

    The original's calls, one for each word, are steps in time here; images are streams.
    """
    layers = [captioner.get_layer(name).output for name in ("lstm1", "lstm2", "predict")]
    model = keras.Model(captioner.inputs, [*layers, captioner.output])
    cont, before = (to_tensor(wanted[f"{name}_seen"].T) for name in ("cont", "input"))
    chosen = to_tensor(wanted["words"].T[..., None])

    def function(features):
        first, second, scores, log = model([cont, before, features])
        log = ops.take_along_axis(log, chosen, axis=-1)[..., 0]
        return ops.unstack(ops.sum(log, 1), len(chosen)), (first, second, scores, log)

    compiled = compile_gradients(function, ((3, 1000), "float32"))
    gradients, blobs = compiled(wanted["fc8"])
    return np.stack(gradients, 1), [np.moveaxis(np.asarray(blob), 0, 1) for blob in blobs]


def test_words_and_inputs(wanted):
    sentence = flags_of(CAPTION).sentence.split("_")
    numbers = convert_words_into_numbers(MISC / VOCABULARY, sentence)
    for row in range(3):
        assert wanted["words"][row].tolist() == numbers
        assert wanted["input_seen"][row].tolist() == [0, *numbers[:-1]]
        assert wanted["cont_seen"][row].tolist() == [0] + 9 * [1]


def test_states(words, wanted):
    first, second, _, _ = words[1]
    for row in range(3):
        np.testing.assert_allclose(
            first[row, :, ::10], wanted["word_lstm1_s10"], atol=STATE, rtol=0
        )
    np.testing.assert_allclose(second[..., ::10], wanted["word_lstm2_s10"], atol=STATE, rtol=0)


def test_scores(words, wanted):
    scores = words[1][2]
    for row in range(3):
        for word in range(10):
            stats = wanted["word_predict__stats"][row, word]
            assert error_of_sums(scores[row, word], stats) < FORWARD


def test_probabilities(words, wanted):
    np.testing.assert_allclose(np.exp(words[1][3]), wanted["word_probs"], rtol=PROBABILITY)


def test_gradient_of_each_word(words, wanted):
    """Truncated: the words before do not count."""
    gradients, _ = words
    found = np.linalg.norm(gradients, axis=-1)
    np.testing.assert_allclose(found, wanted["word_grad_norm"], rtol=GRADIENT)
    for row in range(3):
        for word in range(10):
            thinned = wanted["word_grad_s10"][row, word]
            found = gradients[row, word, ::10]
            assert relative_error(found, thinned) < GRADIENT
            assert error_of_maximum(found, thinned) < GRADIENT


def test_condition_climbs_the_sum_of_all_words(encoder, captioner, wanted):
    sentence = [int(word) for word in wanted["words"][0]]
    condition = CaptionCondition(encoder, "fc8", captioner, sentence)

    def function(features):
        climb = condition.climb(features, None)
        return [climb.scalar], climb.probability

    [gradient], probability = compile_gradients(function, ((3, 1000), "float32"))(wanted["fc8"])
    for row in range(3):
        assert relative_error(np.asarray(gradient)[row], wanted["grad_sum0"][row]) < GRADIENT
    np.testing.assert_allclose(probability, wanted["prob"], rtol=PROBABILITY)
    np.testing.assert_allclose(probability, wanted["word_probs"].mean(1), rtol=PROBABILITY)


def test_features_are_fc8(evaluated, encoder, wanted):
    """The codes' images make the recorded features."""
    model = keras.Model(encoder.inputs, encoder.get_layer("fc8").output)
    found = np.asarray(model([evaluated(CAPTION).terms.images]))
    for row in range(3):
        assert error_of_maximum(found[row], wanted["fc8"][row]) < FORWARD
