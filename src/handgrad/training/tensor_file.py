"""Named arrays and a JSON document in one safetensors file, with a digest over both: whole, or recognised as not."""

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
from numpy.typing import NDArray
from safetensors import numpy as tensors_as_bytes

from handgrad.errors import CorruptDataError
from handgrad.files import atomic_write, read_file

Tensors = dict[str, NDArray[Any]]


def write_tensors(path: Path, tensors: Tensors, document: dict[str, Any], durable: bool = True) -> None:
    """Write both to `path` atomically; `durable` is as for `atomic_write`.

    Raises  FileSystemError when the disk is full or the folder cannot be written.
    """
    text = json.dumps(document, sort_keys=True)
    whole = json.dumps({"digest": _digest(tensors, text), "document": text})
    # One entry only: safetensors writes several in an order that changes from process to process.
    atomic_write(path, tensors_as_bytes.save(tensors, {"handgrad": whole}), durable)


def read_tensors(path: Path, kind: str) -> tuple[Tensors, dict[str, Any]]:
    """The arrays and the document of a file written by `write_tensors` whose document has this `kind`.

    Raises  FileSystemError when it cannot be read; CorruptDataError when it is torn, altered or of another kind.
    """
    content = read_file(path)
    try:
        tensors = tensors_as_bytes.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        whole = json.loads(header["__metadata__"]["handgrad"])
        text, digest = whole["document"], whole["digest"]
        document = json.loads(text)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise CorruptDataError(f"{path} is not a {kind} written by handgrad, or it is torn: {error}") from error
    if digest != _digest(tensors, text):
        raise CorruptDataError(f"{path} was altered after it was written: its digest does not match its content")
    if not isinstance(document, dict):
        raise CorruptDataError(f"{path} is not a {kind} written by handgrad: it describes nothing")
    if document.get("kind") != kind:
        raise CorruptDataError(f"{path} is a {document.get('kind')}, expected a {kind}")
    return tensors, document


def _digest(tensors: Tensors, text: str) -> str:
    sha = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        sha.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        sha.update(tensors[name].tobytes())
    return sha.hexdigest()
