"""Files as they should not be, as bytes, and the sound ones beside them."""

import gzip
import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from handgrad.training.models import read_tensors, write_tensors

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
LABELS = np.arange(40) % 10
PAGE = b"<!DOCTYPE html><html><title>403 Forbidden</title></html>"
PICKLE = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."


def npz(**arrays):
    """An .npz file of these arrays."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array):
    """An .npy file of it."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def saved(image, kind="PNG", **more):
    """The file of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


def checkpoint(_):
    """A sound file of tensors that is no model, in place of any."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.safetensors")
        write_tensors(path, {"parameters": IMAGES}, {"kind": "checkpoint", "step": 3})
        return path.read_bytes()


def png(pixels):
    """The file of a grey picture."""
    return saved(Image.fromarray(np.asarray(pixels, np.uint8)))


def animation():
    """A PNG of three frames."""
    frames = [Image.new("L", (9, 9), shade) for shade in (0, 100, 200)]
    return saved(frames[0], save_all=True, append_images=frames[1:])


def huge_png(side):
    """A few bytes whose header promises `side` x `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(bytes(999)), b"IEND"]
    framed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def idx(magic, *sizes, body=b""):
    """An IDX file with this header."""
    return struct.pack(f">I{len(sizes)}I", magic, *sizes) + body


def idx_gzip():
    """Two images of noise, whole."""
    return gzip.compress(idx(0x803, 2, 28, 28, body=np.random.default_rng(1).bytes(2 * 28 * 28)))


def cut(content):
    """The first half of a file."""
    return content[: len(content) // 2]


def flipped(content):
    """A file with one bit changed in its middle."""
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    return bytes(changed)


def rewritten(kind="model", tensors=None, **document):
    """What turns the bytes of a model or checkpoint into one with other tensors (None: without it) or another document.

    Its digest is right, as a program that wrote it so would have left it.
    """

    def rewrite(content):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "file.safetensors")
            path.write_bytes(content)
            old_tensors, old_document = read_tensors(path, kind)
            new = {name: tensor for name, tensor in (old_tensors | (tensors or {})).items() if tensor is not None}
            write_tensors(path, new, old_document | document)
            return path.read_bytes()

    return rewrite
