"""Values between two processes as JSON and raw arrays: nothing of another process is unpickled or executed.

It stands alone, as the process of somebody's program loads it by its path.
"""

import json
import struct
from typing import Any, BinaryIO

import numpy as np

MOST_BYTES = 1 << 28
DEEPEST = 12
LONGEST = 4096


def pack(value: Any, keep: Any = None) -> bytes:
    """One message: its length, a JSON text, and the bytes of its arrays; `keep` turns other objects into a number."""
    arrays: list[bytes] = []
    text = json.dumps(_tree(value, arrays, keep, 0)).encode()
    body = struct.pack("<Q", len(text)) + text + b"".join(arrays)
    return struct.pack("<Q", len(body)) + body


def unpack(body: bytes, resolve: Any = None) -> Any:
    """What `pack` made a message of; `resolve` turns numbers into objects again.  Raises  ValueError."""
    (length,) = struct.unpack("<Q", body[:8])
    return _value(json.loads(body[8 : 8 + length]), memoryview(body)[8 + length :], [0], resolve)


def read_message(file: BinaryIO) -> bytes:
    """The body of the next message.  Raises  EOFError when there is none; ValueError when it is too long."""
    head = file.read(8)
    if len(head) < 8:
        raise EOFError
    (length,) = struct.unpack("<Q", head)
    if length > MOST_BYTES:
        raise ValueError("a message is too long")
    body = file.read(length)
    if len(body) < length:
        raise EOFError
    return body


def pack_plain(value: Any) -> Any:
    """The tree of a value without arrays, as `unpack_plain` reads it."""
    return _tree(value, [], None, 0)


def unpack_plain(tree: Any) -> Any:
    """A value without arrays."""
    return _value(tree, memoryview(b""), [0], None)


def is_numbers(value: Any) -> bool:
    """Whether a list holds numbers, or rows of as many numbers each: an array of somebody without NumPy."""
    if not isinstance(value, list) or not value or len(value) > LONGEST:
        return False
    if all(type(each) in (int, float) for each in value):
        return any(type(each) is float for each in value)
    return (
        all(isinstance(each, list) for each in value)
        and len({len(each) for each in value}) == 1
        and all(map(is_numbers, value))
    )


def _tree(value: Any, arrays: list[bytes], keep: Any, depth: int) -> Any:
    if keep is not None and hasattr(value, "_fields"):
        return keep(value) if type(value).__name__ in ("Handle", "Flags") else _tree(tuple(value), arrays, keep, depth)
    if value is None or isinstance(value, bool | int | str):
        return {"s": value if not isinstance(value, str) else value[:LONGEST]}
    if isinstance(value, float):
        return {"s": float(value)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"s": value.item(), "dtype": value.dtype.str}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays.append(np.ascontiguousarray(value).tobytes())
        return {"a": value.dtype.str, "shape": list(value.shape)}
    if depth < DEEPEST:
        if isinstance(value, np.ndarray) and value.dtype == object:
            value = list(value.reshape(-1)[:LONGEST])
        if isinstance(value, list | tuple):
            return {"t" if isinstance(value, tuple) else "l": [_tree(e, arrays, keep, depth + 1) for e in value]}
        if isinstance(value, dict):
            return {"d": [[str(key), _tree(each, arrays, keep, depth + 1)] for key, each in value.items()]}
    if keep is None:
        raise TypeError(f"{type(value).__name__} cannot be sent")
    return keep(value)


def _value(tree: Any, data: memoryview, at: list[int], resolve: Any) -> Any:
    if "s" in tree:
        return tree["s"]
    if "a" in tree:
        dtype, shape = np.dtype(tree["a"]), tuple(tree["shape"])
        if dtype.kind not in "biuf" or any(side < 0 for side in shape):
            raise ValueError("no array of numbers")
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if at[0] + size > len(data):
            raise ValueError("an array is cut off")
        found = np.frombuffer(data[at[0] : at[0] + size], dtype).reshape(shape).copy()
        at[0] += size
        return found
    for mark, make in (("l", list), ("t", tuple)):
        if mark in tree:
            return make(_value(each, data, at, resolve) for each in tree[mark])
    if "d" in tree:
        return {key: _value(each, data, at, resolve) for key, each in tree["d"]}
    return resolve(tree) if resolve else tree
