"""The axes of Caffe's blobs, and those of the same blobs here.

In Caffe an image has the shape (n, channels, height, width), here (n, height, width, channels);
`keras_axis` tells which axis is which.
"""

from collections.abc import Sequence

from keras import ops


def caffe_axis(axis: int, dimensions: int) -> int:
    """The axis, 0 or more, that Caffe's `axis` of a blob of so many dimensions is there.

    Raises:
        ValueError: there is no such axis.
    """
    if not -dimensions <= axis < dimensions:
        raise ValueError(f"there is no axis {axis} among {dimensions}")
    return axis % dimensions


def keras_axis(axis: int, dimensions: int) -> int:
    """The axis, 0 or more, that Caffe's `axis` of a blob of so many dimensions is here.

    Raises:
        ValueError: there is no such axis.
    """
    axis = caffe_axis(axis, dimensions)
    return (0, 3, 1, 2)[axis] if dimensions == 4 else axis


def caffe_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """The shape that a blob has in Caffe."""
    if len(shape) == 4:
        frames, height, width, channels = shape
        return (frames, channels, height, width)
    return tuple(shape)


def keras_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """The shape here of a blob that has this one in Caffe."""
    if len(shape) == 4:
        frames, channels, height, width = shape
        return (frames, height, width, channels)
    return tuple(shape)


def to_caffe(blob):
    """A blob with its axes in Caffe's order."""
    return ops.transpose(blob, (0, 3, 1, 2)) if len(blob.shape) == 4 else blob


def from_caffe(blob):
    """The way back of `to_caffe`."""
    return ops.transpose(blob, (0, 2, 3, 1)) if len(blob.shape) == 4 else blob
