"""Reading IDX, the format of MNIST: a big-endian header, then one byte per pixel or label.

    bytes 0-3    magic: 0, 0, type (8 = unsigned byte), number of dimensions
    bytes 4-     one 32-bit size per dimension, then the data

QMNIST's labels have type 12 (a 32-bit integer) and eight numbers an image, the first of which is the label.

A file is taken as gzip or as raw by its first bytes, not by its name.
"""

import contextlib
import gzip
import hashlib
import io
import math
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np

from handgrad.data.dataset import Images
from handgrad.data.places import MAX_EXPANSION, SMALL_BYTES, read_file
from handgrad.errors import CorruptDataError

FileType = Literal["images", "labels"]
Stream = io.BytesIO | gzip.GzipFile

DIMENSIONS: dict[FileType, int] = {"images": 3, "labels": 1}
MAX_BYTES = 1 << 30
WIDE_LABELS = b"\0\0\x0c\2"
NUMBERS = range(8, 15)  # the third byte of an IDX file: bytes, whole numbers, fractions
GZIP_MAGIC = b"\x1f\x8b"
REMEDY = "Replace it with a fresh download"


def read_idx(path: Path, file_type: FileType, classes: int | None = None) -> Images:
    """The array in an IDX file, gzipped or not: (N, H, W) images, or (N,) labels, each below `classes` if given."""
    return decode_idx(read_file(path, MAX_BYTES), str(path), file_type, classes)


def decode_idx(content: bytes, origin: str, file_type: FileType, classes: int | None = None) -> Images:
    """The array in the bytes of an IDX file; `origin` is what messages call them. Otherwise as `read_idx`.

    Raises  CorruptDataError when the bytes are not a whole and right file of this type.
    """
    zipped = content.startswith(GZIP_MAGIC)
    stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if zipped else io.BytesIO(content)
    try:
        array = _decode_stream(
            stream, origin, file_type, min(MAX_BYTES, max(SMALL_BYTES, MAX_EXPANSION * len(content)))
        )
    except EOFError as error:
        raise CorruptDataError(f"{origin}: gzip stream breaks off after {len(content)} bytes. {REMEDY}") from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise CorruptDataError(f"{origin}: gzip stream is damaged ({error}). {REMEDY}") from error
    if classes is not None and array.max() >= classes:
        row = int(np.argmax(array >= classes))
        raise CorruptDataError(f"{origin}: label {array[row]} in row {row}, expected 0 to {classes - 1}. {REMEDY}")
    return array


def decode_any(content: bytes, origin: str) -> Images:
    """The images or labels in the bytes of an IDX file, whichever its header says; otherwise as `decode_idx`."""
    zipped = content.startswith(GZIP_MAGIC)
    with contextlib.suppress(EOFError, zlib.error, gzip.BadGzipFile):
        start = gzip.GzipFile(fileobj=io.BytesIO(content)).read(4) if zipped else content[:4]
        return decode_idx(content, origin, "labels" if start == _magic(1) else "images")
    return decode_idx(content, origin, "images")


def content_digest(array: Images) -> str:
    """SHA-256 of the uncompressed IDX file that holds `array`: its header, rebuilt from the shape, and its bytes."""
    sha = hashlib.sha256(_magic(array.ndim) + struct.pack(f">{array.ndim}I", *array.shape))
    sha.update(array.data)
    return sha.hexdigest()


def is_idx(path: Path) -> bool:
    """By the first bytes, gzipped or not."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start[:2] == GZIP_MAGIC:
            with gzip.open(path) as file:
                start = file.read(4)
    except (OSError, EOFError, ValueError):
        return False
    return len(start) == 4 and start[:2] == b"\0\0" and start[2] in NUMBERS and start[3] in (1, 2, 3)


def _decode_stream(stream: Stream, origin: str, file_type: FileType, limit: int) -> Images:
    shape, bytes_each = _read_shape(stream, origin, file_type)
    promised = math.prod(shape) * bytes_each
    sizes = " x ".join(map(str, shape))
    if not 0 < promised <= limit:
        raise CorruptDataError(f"{origin}: header promises {sizes} bytes, expected 1 to {limit}. {REMEDY}")
    # One byte more than promised: it runs the gzip reader into its end, where alone it compares the CRC.
    body = stream.read(promised + 1)
    if len(body) > promised:
        raise CorruptDataError(
            f"{origin}: {file_type} go on after the {promised} bytes ({sizes}) of its header. {REMEDY}"
        )
    if len(body) < promised:
        raise CorruptDataError(f"{origin}: {file_type} have {len(body)} bytes, expected {promised} ({sizes}). {REMEDY}")
    if bytes_each == 1:
        return np.frombuffer(body, np.uint8).reshape(shape)
    return np.frombuffer(body, ">i4").reshape(shape)[:, 0].clip(0, 255).astype(np.uint8)


def _read_shape(stream: Stream, origin: str, file_type: FileType) -> tuple[tuple[int, ...], int]:
    dimensions, bytes_each = DIMENSIONS[file_type], 1
    magic = stream.read(4)
    if magic == WIDE_LABELS and file_type == "labels":
        dimensions, bytes_each, magic = 2, 4, _magic(2)
    if len(magic) == 4 and magic != _magic(dimensions):
        raise CorruptDataError(_explain_magic(magic + stream.read(12), origin, file_type))
    sizes = stream.read(4 * dimensions)
    got, needed = len(magic) + len(sizes), 4 + 4 * dimensions
    if got < needed:
        raise CorruptDataError(f"{origin}: header has {got} bytes, expected {needed} of an IDX file. {REMEDY}")
    return struct.unpack(f">{dimensions}I", sizes), bytes_each


def _magic(dimensions: int) -> bytes:
    return bytes((0, 0, 8, dimensions))


def _explain_magic(start: bytes, origin: str, file_type: FileType) -> str:
    expected = _magic(DIMENSIONS[file_type]).hex()
    wrong = f"{origin}: magic number is 0x{start[:4].hex()}, expected 0x{expected} of IDX {file_type}"
    for other, dimensions in DIMENSIONS.items():
        if start[:4] == _magic(dimensions):
            return f"{wrong}: this file holds {other}. Put the {file_type} file in its place"
        if start[:4] == _magic(dimensions)[::-1]:
            return f"{wrong}: this header is little-endian. {REMEDY}"
    if start.lstrip().startswith(b"<"):
        return f"{wrong}: this is a web page, it starts with {start!r}. {REMEDY}"
    if start[:2] == b"\0\0" and start[2] in NUMBERS and start[3] == DIMENSIONS[file_type]:
        return f"{wrong}: its numbers are no bytes. Save them as uint8"
    return f"{wrong}: this is no IDX file. {REMEDY}"
