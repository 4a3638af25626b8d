"""JSON files with a digest of their own content: sound, or recognised as damaged or altered."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handgrad.errors import CorruptDataError
from handgrad.files import read_file

DIGEST = "digest"


def json_text(content: Mapping[str, Any]) -> str:
    """The text of a file that `read_json` reads back; NaN is refused by a ValueError."""
    plain = {name: value for name, value in content.items() if name != DIGEST}
    return json.dumps({**plain, DIGEST: _digest(plain)}, indent=2, allow_nan=False) + "\n"


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file, its digest apart; empty when there is nothing at all. One without a digest is believed.

    Raises  CorruptDataError when it was damaged or altered; FileSystemError when it cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    content = read_object(path)
    digest = content.pop(DIGEST, None)
    if digest not in (None, _digest(content)):
        raise CorruptDataError(f"{path} was altered after it was written: its digest does not match its content")
    return content


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises  FileSystemError; CorruptDataError when there is no such thing in it.
    """
    try:
        content = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise CorruptDataError(f"{path} holds no JSON object")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    """Of what a reader will find: JSON has no tuples, and names that are numbers become texts."""
    found = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
