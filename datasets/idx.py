"""IDX, the file format of MNIST: reading and writing."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files import written_whole

#: Third byte of a file -> the type of its numbers (big-endian).
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

#: No file of digits is larger, unpacked: MNIST's largest has 47 million bytes.
_LARGEST = 2**31

#: Nor has it more dimensions, which is what NumPy can have.
_MOST_AXES = 32


def read_idx(path: str | Path) -> np.ndarray:
    """Reads an IDX file, plain or compressed by gzip.

    Args:
        path: the file.

    Returns:
        The array in it, in the machine's byte order.

    Raises:
        UserError: it cannot be read, is none, is cut short or too long, or claims too much.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _TYPES:
                raise UserError(f"{path} is no IDX file")
            if start[3] > _MOST_AXES:
                raise UserError(f"{path} is damaged: it claims {start[3]} dimensions")
            dtype = np.dtype(_TYPES[start[2]])
            shape = np.frombuffer(file.read(4 * start[3]), ">u4").tolist()
            size = math.prod(shape) * dtype.itemsize
            if len(shape) < start[3] or not 0 < size <= _LARGEST:
                raise UserError(f"{path} is damaged: it claims the shape {tuple(shape)}")
            data = _read(file, size + 1)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot read {path}: {reason}") from None
    if len(data) != size:
        what = "cut short" if len(data) < size else "too long"
        raise UserError(f"{path} is {what}: its header tells of {size} bytes")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _read(file, most: int) -> bytearray:
    """Reads as many bytes, or those that there are; takes no memory for what is only claimed."""
    data = bytearray()
    while len(data) < most and (part := file.read(min(2**20, most - len(data)))):
        data += part
    return data


def write_idx(array: np.ndarray, path: str | Path) -> None:
    """Writes bytes as an IDX file, compressed if its name ends in `.gz`, whole or not at all.

    Args:
        array: uint8, of any shape, not empty.
        path: the file.

    Raises:
        UserError: it cannot be written.
    """
    head = bytes([0, 0, 0x08, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    data = head + np.ascontiguousarray(array, np.uint8).tobytes()
    with written_whole(path) as temporary:
        # Without a time in it the same array gives the same file.
        temporary.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
