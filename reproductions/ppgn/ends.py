"""Where a forward pass ends: at a layer, before its activation or after it."""

import difflib

import keras
import numpy as np
from keras import ops

from common.errors import UserError
from common.layers import LeakyReLU
from reproductions.ppgn.caffe.params import keras_name

_ACTIVATIONS = (
    keras.layers.Activation,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
    keras.layers.Identity,
    LeakyReLU,
)


_FEW = 12  # layers, which an error lists


def _is_activation(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, _ACTIVATIONS)


def _has_activation(layer: keras.layers.Layer) -> bool:
    """Whether a layer ends with an activation of its own, as a Dense may."""
    separable = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
    if _is_activation(layer) or not (hasattr(layer, "kernel") or isinstance(layer, separable)):
        return False
    return getattr(layer, "activation", None) not in (None, keras.activations.linear)


def before_activation(model: keras.Model, layer: str):
    """What a layer makes, at its first use, without the activation that follows it.

    This is what the original's `net.forward(end=layer)` leaves: Caffe's activations are layers of
    their own.

    Args:
        model: a Functional model whose activations are layers, see `with_activation_layers`.
        layer: a name, Caffe's or Keras'.

    Raises:
        UserError: there is no such layer.
    """
    names = [one.name for one in model.layers]
    name = layer if layer in names else keras_name(layer)
    if name not in names:
        near = difflib.get_close_matches(name, names, 3, 0.3)
        known = f"similar ones: {', '.join(near)}"
        if len(names) <= _FEW or not near:
            known = f"its layers: {', '.join(names)}"
        raise UserError(f"the network {model.name} has no layer {layer}; {known}")
    if isinstance(model.get_layer(name), keras.Model):
        raise UserError(f"the layer {layer} of {model.name} is a network itself, not a layer")
    output = model.get_layer(name).output
    if not hasattr(output, "shape"):
        raise UserError(f"the layer {layer} of {model.name} makes more than one output")
    return output


def after_activation(model: keras.Model, layer: str):
    """What a layer makes, after the activation and the dropout that follow it.

    This is what the original's blob of that name holds after a full forward pass.

    Raises:
        UserError: there is no such layer.
    """
    output = before_activation(model, layer)
    while True:
        readers = [one for one in model.layers if _reads(one, output)]
        if len(readers) != 1 or not _is_activation(readers[0]):
            return output
        output = readers[0].output


def _reads(layer: keras.layers.Layer, tensor) -> bool:
    try:
        inputs = layer.input
    except (AttributeError, ValueError):  # a layer that is called more than once
        return False
    return any(one is tensor for one in (inputs if isinstance(inputs, list) else [inputs]))


def with_activation_layers(model: keras.Model) -> keras.Model:
    """A copy of a network, with the activations of its layers as layers of their own.

    Args:
        model: Functional or Sequential.

    Raises:
        UserError: it has layers whose copies make other numbers.
    """
    ends = [one[0] if len(one) == 1 else one for one in (model.inputs, model.outputs)]
    functional = keras.Model(*ends, name=model.name)
    taken = {layer.name for layer in functional.layers}
    originals, activations = {}, {}

    def clone(layer):
        # Also where nothing changes: a layer of two networks has the outputs of both.
        originals[layer.name], config = layer, layer.get_config()
        if _has_activation(layer):
            config["activation"] = "linear"
            name = f"{layer.name}_activation"
            while name in taken:
                name += "_"
            taken.add(name)
            activations[layer.name] = keras.layers.Activation(layer.activation, name=name)
        return layer.__class__.from_config(config)

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        if layer.name in originals:
            layer.set_weights(originals[layer.name].get_weights())
            _finalise(layer)
        return activations[layer.name](output) if layer.name in activations else output

    copied = keras.models.clone_model(functional, clone_function=clone, call_function=call)
    _check_same(functional, copied)
    return copied


def _finalise(layer: keras.layers.Layer) -> None:
    """Lets layers that derive numbers from their weights, such as Normalization, do so again."""
    for one in (layer, *getattr(layer, "layers", ())):
        if one is not layer:
            _finalise(one)
        elif hasattr(one, "finalize_state"):
            one.finalize_state()


def _check_same(model: keras.Model, copied: keras.Model) -> None:
    if any(None in one.shape[1:] for one in model.inputs):
        return  # it is for images of any size, which is refused elsewhere
    random = np.random.default_rng(0)
    inputs = [
        random.uniform(-100, 100, (2, *one.shape[1:])).astype(np.float32) for one in model.inputs
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    for wanted, found in zip(_arrays(model(inputs)), _arrays(copied(inputs)), strict=True):
        largest = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
        if not np.allclose(wanted, found, rtol=1e-4, atol=1e-5 * largest, equal_nan=True):
            raise UserError(
                f"the network {model.name} has layers that cannot be copied: its copy makes other "
                "numbers"
            )


def _arrays(outputs) -> list[np.ndarray]:
    return [
        ops.convert_to_numpy(one) for one in (outputs if isinstance(outputs, list) else [outputs])
    ]
