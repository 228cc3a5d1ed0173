"""CaffeNet's and the generator's layers, for the alternatives, which build them on their own."""

#: The layer of CaffeNet -> stride, pad and groups.
CONVOLUTIONS = {
    "conv1": (4, 0, 1),
    "conv2": (1, 2, 2),
    "conv3": (1, 1, 1),
    "conv4": (1, 1, 2),
    "conv5": (1, 1, 2),
}
#: The generator's layers with their strides.
DECONVOLUTIONS = (
    *(("deconv5", 2), ("conv5_1", 1), ("deconv4", 2), ("conv4_1", 1), ("deconv3", 2)),
    *(("conv3_1", 1), ("deconv2", 2), ("deconv1", 2), ("deconv0", 2)),
)
#: Rows and columns of the generator's image that CaffeNet sees.
CROP = slice(14, 241)
