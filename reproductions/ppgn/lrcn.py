"""LRCN's language half: from CaffeNet's fc8 features and words to the next word."""

import keras

from common.caffe_dense import InnerProduct
from common.caffe_log import Log
from common.caffe_weights import WeightSource
from reproductions.ppgn.caffe.embed import Embed
from reproductions.ppgn.caffe.recurrent import LSTM

#: Words, and 0 for the sentence's begin and end.
WORDS = 8801
#: Length of the image features, of an embedded word, and of the states of both LSTMs.
FEATURES = 1000


def lrcn(weights: WeightSource, steps: int) -> keras.Model:
    """Builds the network for sentences of so many words.

    Donahue et al., "Long-term Recurrent Convolutional Networks for Visual Recognition and
    Description" (arXiv 1411.4389): the words go through one LSTM, the image joins in the second.
    The original calls its network once a word and carries the states over, which cuts gradients
    at each word; here all words go through at once, and are cut likewise.

    Args:
        weights: the blobs of embedding, lstm1, lstm2 and predict, see `common.caffe_weights`.
        steps: words, the end of the sentence included.

    Returns:
        A model from [cont_sentence, (steps, n), 0 at a begin and 1 after it; input_sentence,
        (steps, n), the previous words; image_features, (n, 1000)] to the logarithms of the
        words' probabilities, (steps, n, 8801).
    """
    cont = keras.Input(batch_shape=(steps, None), name="cont_sentence")
    words = keras.Input(batch_shape=(steps, None), name="input_sentence")
    image = keras.Input((FEATURES,), name="image_features")

    (matrix,) = weights("embedding", ((WORDS, FEATURES),), 1)
    embedded = Embed(matrix, name="embedding")(words)
    gates, state = (4 * FEATURES, FEATURES), FEATURES
    own, bias, recurrent = weights("lstm1", (gates, gates[:1], gates), state)
    language = LSTM(own, bias, recurrent, truncated=True, name="lstm1")([embedded, cont])
    own, bias, static, recurrent = weights("lstm2", (gates, gates[:1], gates, gates), state)
    joined = LSTM(own, bias, recurrent, static, truncated=True, name="lstm2")
    joined = joined([language, cont, image])
    matrix, bias = weights("predict", ((WORDS, FEATURES), (WORDS,)), FEATURES)
    scores = InnerProduct(matrix, bias, axis=2, name="predict")(joined)
    probabilities = keras.layers.Softmax(name="probs")(scores)
    log = Log(name="log_prob")(probabilities)
    return keras.Model([cont, words, image], log, name="lrcn")
