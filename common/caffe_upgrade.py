"""Caffe's two older layer formats, brought to the names of the present one.

V0LayerParameter (2013) has one flat list of fields and types such as "conv". V1LayerParameter
(2014) has today's parameter messages, but an enum as type. Both sit in NetParameter's `layers`.
"""

from google.protobuf.message import Message

from common.caffe_schema import ENUMS, LAYER_TYPES, message_class
from common.caffe_wire import DamageError, RawLayer

_V2_TYPES = {int(number): v2 for number, _, v2, _ in LAYER_TYPES}
_V1_TYPES = {v0: int(number) for number, _, _, v0 in LAYER_TYPES if v0 != "-"}

_SIZES = {"pad": "pad", "kernelsize": "kernel_size", "stride": "stride"}
_LEARNED = {
    "num_output": "num_output",
    "biasterm": "bias_term",
    "weight_filler": "weight_filler",
    "bias_filler": "bias_filler",
}

# For each V0 type its V1 parameter message, and there the name of each V0 field. As in Caffe, a
# field that is set but not listed for its type has no meaning and is dropped.
_V0_FIELDS = {
    "conv": ("convolution_param", {**_LEARNED, **_SIZES, "group": "group"}),
    "innerproduct": ("inner_product_param", _LEARNED),
    "pool": ("pooling_param", {**_SIZES, "pool": "pool"}),
    "dropout": ("dropout_param", {"dropout_ratio": "dropout_ratio"}),
    "lrn": ("lrn_param", {name: name for name in ("local_size", "alpha", "beta", "k")}),
    "concat": ("concat_param", {"concat_dim": "concat_dim"}),
    "data": (
        "data_param",
        {"source": "source", "batchsize": "batch_size", "rand_skip": "rand_skip"},
    ),
}


def layer_type(message: Message) -> str:
    """Returns a layer's type by its present name, such as "Convolution"; "" if it has none.

    Args:
        message: a LayerParameter or V1LayerParameter.
    """
    return message.type if isinstance(message.type, str) else _V2_TYPES.get(message.type, "")


def upgrade_v0(layers: list[RawLayer]) -> list[RawLayer]:
    """Turns each layer that holds a V0LayerParameter into one of the V1 format.

    A "padding" layer disappears into the convolution or pooling that follows it.

    Args:
        layers: the network's V1LayerParameter in order; others are returned as they are.

    Raises:
        DamageError: an unknown V0 type, or a padding layer before anything else.
    """
    if not any(_is_v0(layer.message) for layer in layers):
        return layers
    upgraded = []
    maker = {}  # of each blob: the layer that wrote it last
    for layer in layers:
        old = layer.message
        if old.layer.type != "padding":
            new = _upgraded(old) if old.HasField("layer") else old
            for index, bottom in enumerate(old.bottom):
                source = maker.get(bottom)
                if source is not None and source.layer.type == "padding":
                    _fold_padding(source, old, new, index)
            upgraded.append(RawLayer(new, layer.blobs))
        elif any(maker[name].layer.type == "padding" for name in old.bottom if name in maker):
            raise DamageError(f"padding layer {old.layer.name!r} follows another padding layer")
        maker.update(dict.fromkeys(old.top, old))
    return upgraded


def _is_v0(message: Message) -> bool:
    return message.DESCRIPTOR.name == "V1LayerParameter" and message.HasField("layer")


def _fold_padding(padding: Message, old: Message, new: Message, index: int) -> None:
    name = padding.layer.name
    if old.layer.type not in ("conv", "pool"):
        raise DamageError(
            f"padding layer {name!r} precedes a layer that cannot pad: {old.layer.name!r}"
        )
    if not len(old.bottom) == len(padding.bottom) == len(padding.top) == 1:
        raise DamageError(
            f"padding layer {name!r} or the layer after it has several inputs or outputs"
        )
    new.bottom[index] = padding.bottom[0]
    if old.layer.type == "conv":
        new.convolution_param.pad[:] = [padding.layer.pad]
    else:
        new.pooling_param.pad = padding.layer.pad


def _upgraded(old: Message) -> Message:
    v0 = old.layer
    if v0.HasField("type") and v0.type not in _V1_TYPES:
        raise DamageError(f"layer {v0.name!r} has the unknown type {v0.type!r}")
    new = message_class("V1LayerParameter")(bottom=old.bottom, top=old.top, name=v0.name)
    new.type = _V1_TYPES.get(v0.type, ENUMS["LayerType"]["NONE"])
    parameter, names = _V0_FIELDS.get(v0.type, (None, {}))
    values = {}
    for old_name, new_name in names.items():
        if v0.HasField(old_name):
            value = getattr(v0, old_name)
            # Only a convolution has several paddings, kernel sizes and strides.
            several = parameter == "convolution_param" and old_name in _SIZES
            values[new_name] = [value] if several else value
    if parameter:
        getattr(new, parameter).MergeFrom(type(getattr(new, parameter))(**values))
    return new
