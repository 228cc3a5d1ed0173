"""CaffeNet's blobs and gradients against Caffe's."""

import keras
import numpy as np
import pytest

from common.autodiff import compile_gradients
from reproductions.ppgn.conditions import UnitCondition
from reproductions.ppgn.ends import after_activation, before_activation
from tests.reproductions.ppgn.references import (
    FORWARD,
    GRADIENT,
    arrays,
    error_of_maximum,
    error_of_sums,
    from_caffe,
    relative_error,
    strided,
    to_caffe,
)

pytestmark = pytest.mark.reference

#: After the ReLU, where there is one: what Caffe's blobs hold after a full forward pass.
TOPS = ("conv1", "pool1", "norm1", "conv2", "pool2", "norm2", "conv3", "conv4", "conv5", "pool5")
TOPS = (*TOPS, "fc6", "fc7", "fc8", "prob", "log")
#: What Caffe's blobs hold where a forward pass ends at them.
ENDS = ("conv1", "conv5", "fc6")

#: A probability is off by as large a part as its score is off in absolute numbers. Scores go up to
#: 15, and float32's sums, in whatever order a backend takes them, are off by 2e-6 of that.
PROBABILITY = 3e-5

CASES = ("fc8_unit13", "fc8_unit980", "fc8_unit261", "conv5_unit196_xy6", "conv5_unit189_xy6")


@pytest.fixture(scope="module")
def data():
    return from_caffe(arrays("caffenet_data")["data"])


@pytest.fixture(scope="module")
def blobs(encoder, data):
    outputs = {name: after_activation(encoder, name) for name in TOPS}
    outputs |= {f"{name}_prerelu": before_activation(encoder, name) for name in ENDS}
    return {k: to_caffe(v) for k, v in keras.Model(encoder.inputs, outputs)([data]).items()}


@pytest.mark.parametrize("name", [*TOPS, *(f"{name}_prerelu" for name in ENDS)])
def test_blob(name, blobs):
    references = arrays("caffenet_forward")
    [(key, stride)] = strided(references, name)
    found, largest = blobs[name], references.get(f"{name}_max")
    tolerance = PROBABILITY if name == "prob" else FORWARD
    if largest is not None:
        assert np.abs(found).max() == pytest.approx(float(largest), rel=tolerance)
    found = found if stride == 1 else found[..., ::stride, ::stride]
    assert error_of_maximum(found, references[key], largest) < tolerance
    assert error_of_sums(blobs[name], references[f"{name}__stats"]) < FORWARD


@pytest.fixture(scope="module")
def climb(encoder, data):
    """From a layer to its activations, and from units to gradients at the data and the rest."""
    compiled = {}

    def run(layer, unit):
        if layer not in compiled:
            region = (6, 6, 7, 7) if layer == "conv5" else None
            condition = UnitCondition(encoder, layer, region)
            model = keras.Model(encoder.inputs, condition.features)

            def function(images, units):
                features = model(images)
                one = condition.climb(features, units)
                return [one.scalar], (features, tuple(one)[1:])

            shapes = ((1, 227, 227, 3), "float32"), ((1,), "int32")
            compiled[layer] = condition, compile_gradients(function, *shapes)
        condition, gradients = compiled[layer]
        return condition, gradients(data, np.array([unit], np.int32))

    return run


@pytest.mark.parametrize("case", CASES)
@pytest.mark.long_to_compile
def test_gradient_at_the_data(case, climb):
    layer, unit = case.split("_")[:2]
    unit, references = int(unit.removeprefix("unit")), arrays("caffenet_backward")
    condition, ([gradient], (features, (probability, best, best_probability))) = climb(layer, unit)
    gradient = to_caffe(gradient)
    wanted = references[f"{case}_grad_data_s4"]
    assert relative_error(gradient[..., ::4, ::4], wanted) < GRADIENT
    assert error_of_sums(gradient, references[f"{case}_grad_data__stats"]) < GRADIENT

    features, probabilities = np.asarray(features), references[f"{case}_probs"]
    acts = features[0, 6, 6] if layer == "conv5" else features[0]
    assert error_of_maximum(acts, references[f"{case}_acts"]) < FORWARD
    assert int(best[0]) == references[f"{case}_best"]
    assert float(probability[0]) == pytest.approx(probabilities[unit], rel=1e-4)
    assert float(best_probability[0]) == pytest.approx(probabilities.max(), rel=1e-4)
    everywhere = np.repeat(features, condition.units, 0)
    every = condition.climb(everywhere, np.arange(condition.units)).probability
    # Exponentials of activations up to 20, which are of the accuracy above.
    np.testing.assert_allclose(every, probabilities, rtol=1e-4)
