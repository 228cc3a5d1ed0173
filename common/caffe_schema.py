"""The protobuf messages of Caffe's model files, built when first used.

The tables give fields of BVLC Caffe 1.0 by name, number, type and default, which is all that its
files depend on: whole messages, but only of the layers that networks here are made of. The
messages live in a pool of their own, so that they cannot collide with those of an installed Caffe.
"""

import functools
from typing import NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_PACKAGE = "caffe_file"

# Number and name in V1LayerParameter, name in LayerParameter, name in V0LayerParameter.
LAYER_TYPES = [
    tuple(line.split())
    for line in """
    1 ACCURACY Accuracy accuracy
    2 BNLL BNLL bnll
    3 CONCAT Concat concat
    4 CONVOLUTION Convolution conv
    5 DATA Data data
    6 DROPOUT Dropout dropout
    7 EUCLIDEAN_LOSS EuclideanLoss euclidean_loss
    8 FLATTEN Flatten flatten
    9 HDF5_DATA HDF5Data hdf5_data
    10 HDF5_OUTPUT HDF5Output hdf5_output
    11 IM2COL Im2col im2col
    12 IMAGE_DATA ImageData images
    13 INFOGAIN_LOSS InfogainLoss infogain_loss
    14 INNER_PRODUCT InnerProduct innerproduct
    15 LRN LRN lrn
    16 MULTINOMIAL_LOGISTIC_LOSS MultinomialLogisticLoss multinomial_logistic_loss
    17 POOLING Pooling pool
    18 RELU ReLU relu
    19 SIGMOID Sigmoid sigmoid
    20 SOFTMAX Softmax softmax
    21 SOFTMAX_LOSS SoftmaxWithLoss softmax_loss
    22 SPLIT Split split
    23 TANH TanH tanh
    24 WINDOW_DATA WindowData window_data
    25 ELTWISE Eltwise -
    26 POWER Power -
    27 SIGMOID_CROSS_ENTROPY_LOSS SigmoidCrossEntropyLoss -
    28 HINGE_LOSS HingeLoss -
    29 MEMORY_DATA MemoryData -
    30 ARGMAX ArgMax -
    31 THRESHOLD Threshold -
    32 DUMMY_DATA DummyData -
    33 SLICE Slice -
    34 MVN MVN -
    35 ABSVAL AbsVal -
    36 SILENCE Silence -
    37 CONTRASTIVE_LOSS ContrastiveLoss -
    38 EXP Exp -
    39 DECONVOLUTION Deconvolution -
    """.strip().splitlines()
]

ENUMS = {
    "DB": {"LEVELDB": 0, "LMDB": 1},
    "DimCheckMode": {"STRICT": 0, "PERMISSIVE": 1},
    "EltwiseOp": {"PROD": 0, "SUM": 1, "MAX": 2},
    "Engine": {"DEFAULT": 0, "CAFFE": 1, "CUDNN": 2},
    "LayerType": {"NONE": 0, **{name: int(number) for number, name, *_ in LAYER_TYPES}},
    "NormalizationMode": {"FULL": 0, "VALID": 1, "BATCH_SIZE": 2, "NONE": 3},
    "NormRegion": {"ACROSS_CHANNELS": 0, "WITHIN_CHANNEL": 1},
    "Phase": {"TRAIN": 0, "TEST": 1},
    "PoolMethod": {"MAX": 0, "AVE": 1, "STOCHASTIC": 2},
    "RoundMode": {"CEIL": 0, "FLOOR": 1},
    "VarianceNorm": {"FAN_IN": 0, "FAN_OUT": 1, "AVERAGE": 2},
}

# One field: name, number, type ("*": repeated, "**": repeated and packed), then its default if any.
_MESSAGES = {
    "NetParameter": """
        name 1 string; layers 2 V1LayerParameter*; input 3 string*; input_dim 4 int32*;
        force_backward 5 bool false; state 6 NetState; debug_info 7 bool false;
        input_shape 8 BlobShape*; layer 100 LayerParameter*""",
    "NetState": "phase 1 Phase TEST; level 2 int32 0; stage 3 string*",
    "NetStateRule": """
        phase 1 Phase; min_level 2 int32; max_level 3 int32; stage 4 string*;
        not_stage 5 string*""",
    "BlobShape": "dim 1 int64**",
    "BlobProto": """
        num 1 int32 0; channels 2 int32 0; height 3 int32 0; width 4 int32 0; data 5 float**;
        diff 6 float**; shape 7 BlobShape; double_data 8 double**; double_diff 9 double**""",
    # A blob as the binary reader wants it. Caffe writes the shape as a message; taken as bytes,
    # its length can be checked before it is parsed.
    "LooseBlob": """
        num 1 int32 0; channels 2 int32 0; height 3 int32 0; width 4 int32 0; data 5 float*;
        shape 7 bytes; double_data 8 double*""",
    "LayerParameter": """
        name 1 string; type 2 string; bottom 3 string*; top 4 string*; loss_weight 5 float*;
        param 6 ParamSpec*; blobs 7 BlobProto*; include 8 NetStateRule*; exclude 9 NetStateRule*;
        phase 10 Phase; propagate_down 11 bool*; transform_param 100 TransformationParameter;
        loss_param 101 LossParameter; accuracy_param 102 AccuracyParameter;
        concat_param 104 ConcatParameter; convolution_param 106 ConvolutionParameter;
        data_param 107 DataParameter; dropout_param 108 DropoutParameter;
        eltwise_param 110 EltwiseParameter; inner_product_param 117 InnerProductParameter;
        lrn_param 118 LRNParameter; pooling_param 121 PoolingParameter;
        power_param 122 PowerParameter; relu_param 123 ReLUParameter;
        sigmoid_param 124 SigmoidParameter; softmax_param 125 SoftmaxParameter;
        tanh_param 127 TanHParameter; reshape_param 133 ReshapeParameter;
        log_param 134 LogParameter; flatten_param 135 FlattenParameter;
        embed_param 137 EmbedParameter; batch_norm_param 139 BatchNormParameter;
        scale_param 142 ScaleParameter; input_param 143 InputParameter;
        crop_param 144 CropParameter; recurrent_param 146 RecurrentParameter""",
    "V1LayerParameter": """
        layer 1 V0LayerParameter; bottom 2 string*; top 3 string*; name 4 string; type 5 LayerType;
        blobs 6 BlobProto*; blobs_lr 7 float*; weight_decay 8 float*; loss_weight 35 float*;
        include 32 NetStateRule*; exclude 33 NetStateRule*; param 1001 string*;
        blob_share_mode 1002 DimCheckMode*; concat_param 9 ConcatParameter;
        convolution_param 10 ConvolutionParameter; data_param 11 DataParameter;
        dropout_param 12 DropoutParameter; inner_product_param 17 InnerProductParameter;
        lrn_param 18 LRNParameter; pooling_param 19 PoolingParameter;
        power_param 21 PowerParameter; eltwise_param 24 EltwiseParameter;
        accuracy_param 27 AccuracyParameter; relu_param 30 ReLUParameter;
        transform_param 36 TransformationParameter; tanh_param 37 TanHParameter;
        sigmoid_param 38 SigmoidParameter; softmax_param 39 SoftmaxParameter;
        loss_param 42 LossParameter""",
    "V0LayerParameter": """
        name 1 string; type 2 string; num_output 3 uint32; biasterm 4 bool true;
        weight_filler 5 FillerParameter; bias_filler 6 FillerParameter; pad 7 uint32 0;
        kernelsize 8 uint32; group 9 uint32 1; stride 10 uint32 1; pool 11 PoolMethod MAX;
        dropout_ratio 12 float 0.5; local_size 13 uint32 5; alpha 14 float 1; beta 15 float 0.75;
        source 16 string; scale 17 float 1; meanfile 18 string; batchsize 19 uint32;
        cropsize 20 uint32 0; mirror 21 bool false; k 22 float 1; blobs 50 BlobProto*;
        blobs_lr 51 float*; weight_decay 52 float*; rand_skip 53 uint32 0;
        concat_dim 65 uint32 1""",
    "ParamSpec": """
        name 1 string; share_mode 2 DimCheckMode; lr_mult 3 float 1; decay_mult 4 float 1""",
    "FillerParameter": """
        type 1 string constant; value 2 float 0; min 3 float 0; max 4 float 1; mean 5 float 0;
        std 6 float 1; sparse 7 int32 -1; variance_norm 8 VarianceNorm FAN_IN""",
    "TransformationParameter": """
        scale 1 float 1; mirror 2 bool false; crop_size 3 uint32 0; mean_file 4 string;
        mean_value 5 float*; force_color 6 bool false; force_gray 7 bool false""",
    "LossParameter": """
        ignore_label 1 int32; normalize 2 bool; normalization 3 NormalizationMode VALID""",
    "AccuracyParameter": "top_k 1 uint32 1; axis 2 int32 1; ignore_label 3 int32",
    "BatchNormParameter": """
        use_global_stats 1 bool; moving_average_fraction 2 float 0.999; eps 3 float 1e-5""",
    "ConcatParameter": "concat_dim 1 uint32 1; axis 2 int32 1",
    "ConvolutionParameter": """
        num_output 1 uint32; bias_term 2 bool true; pad 3 uint32*; kernel_size 4 uint32*;
        group 5 uint32 1; stride 6 uint32*; weight_filler 7 FillerParameter;
        bias_filler 8 FillerParameter; pad_h 9 uint32 0; pad_w 10 uint32 0; kernel_h 11 uint32;
        kernel_w 12 uint32; stride_h 13 uint32; stride_w 14 uint32; engine 15 Engine DEFAULT;
        axis 16 int32 1; force_nd_im2col 17 bool false; dilation 18 uint32*""",
    "CropParameter": "axis 1 int32 2; offset 2 uint32*",
    "DataParameter": """
        source 1 string; scale 2 float 1; mean_file 3 string; batch_size 4 uint32;
        crop_size 5 uint32 0; mirror 6 bool false; rand_skip 7 uint32 0; backend 8 DB LEVELDB;
        force_encoded_color 9 bool false; prefetch 10 uint32 4""",
    "DropoutParameter": "dropout_ratio 1 float 0.5",
    "EltwiseParameter": "operation 1 EltwiseOp SUM; coeff 2 float*; stable_prod_grad 3 bool true",
    "EmbedParameter": """
        num_output 1 uint32; input_dim 2 uint32; bias_term 3 bool true;
        weight_filler 4 FillerParameter; bias_filler 5 FillerParameter""",
    "FlattenParameter": "axis 1 int32 1; end_axis 2 int32 -1",
    "InnerProductParameter": """
        num_output 1 uint32; bias_term 2 bool true; weight_filler 3 FillerParameter;
        bias_filler 4 FillerParameter; axis 5 int32 1; transpose 6 bool false""",
    "InputParameter": "shape 1 BlobShape*",
    "LogParameter": "base 1 float -1; scale 2 float 1; shift 3 float 0",
    "LRNParameter": """
        local_size 1 uint32 5; alpha 2 float 1; beta 3 float 0.75;
        norm_region 4 NormRegion ACROSS_CHANNELS; k 5 float 1; engine 6 Engine DEFAULT""",
    "PoolingParameter": """
        pool 1 PoolMethod MAX; kernel_size 2 uint32; stride 3 uint32 1; pad 4 uint32 0;
        kernel_h 5 uint32; kernel_w 6 uint32; stride_h 7 uint32; stride_w 8 uint32;
        pad_h 9 uint32 0; pad_w 10 uint32 0; engine 11 Engine DEFAULT;
        global_pooling 12 bool false; round_mode 13 RoundMode CEIL""",
    "PowerParameter": "power 1 float 1; scale 2 float 1; shift 3 float 0",
    "RecurrentParameter": """
        num_output 1 uint32 0; weight_filler 2 FillerParameter; bias_filler 3 FillerParameter;
        debug_info 4 bool false; expose_hidden 5 bool false""",
    "ReLUParameter": "negative_slope 1 float 0; engine 2 Engine DEFAULT",
    "ReshapeParameter": "shape 1 BlobShape; axis 2 int32 0; num_axes 3 int32 -1",
    "ScaleParameter": """
        axis 1 int32 1; num_axes 2 int32 1; filler 3 FillerParameter; bias_term 4 bool false;
        bias_filler 5 FillerParameter""",
    "SigmoidParameter": "engine 1 Engine DEFAULT",
    "SoftmaxParameter": "engine 1 Engine DEFAULT; axis 2 int32 1",
    "TanHParameter": "engine 1 Engine DEFAULT",
}


class Field(NamedTuple):
    """One field of a message; `type` is a protobuf scalar, or a name in `ENUMS` or `FIELDS`."""

    name: str
    number: int
    type: str
    repeated: bool
    packed: bool
    default: str | None


def _field(text: str) -> Field:
    name, number, kind, *default = text.split()
    return Field(
        name,
        int(number),
        kind.rstrip("*"),
        repeated="*" in kind,
        packed="**" in kind,
        default=default[0] if default else None,
    )


FIELDS = {
    message: tuple(_field(text) for text in fields.split(";"))
    for message, fields in _MESSAGES.items()
}


@functools.cache
def message_class(name: str) -> type[Message]:
    """Returns the class of one of Caffe's messages.

    Args:
        name: Caffe's name of the message, such as "NetParameter": a key of `FIELDS`.

    Returns:
        A protobuf message class.
    """
    descriptor = _pool().FindMessageTypeByName(f"{_PACKAGE}.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_pool()).GetPrototype(descriptor)  # protobuf < 4.22


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, values in ENUMS.items():
        # Enums share value names (MAX, SUM, NONE), so each sits in a message of its own.
        enum = file.message_type.add(name=name).enum_type.add(name="Value")
        for value, number in values.items():
            enum.value.add(name=value, number=number)
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _describe(field, message.field.add())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _describe(field: Field, proto: descriptor_pb2.FieldDescriptorProto) -> None:
    proto.name = field.name
    proto.number = field.number
    proto.label = proto.LABEL_REPEATED if field.repeated else proto.LABEL_OPTIONAL
    if field.type in ENUMS:
        proto.type = proto.TYPE_ENUM
        proto.type_name = f".{_PACKAGE}.{field.type}.Value"
    elif field.type in FIELDS:
        proto.type = proto.TYPE_MESSAGE
        proto.type_name = f".{_PACKAGE}.{field.type}"
    else:
        proto.type = getattr(proto, f"TYPE_{field.type.upper()}")
    if field.default is not None:
        proto.default_value = field.default
    if field.packed:
        proto.options.packed = True
