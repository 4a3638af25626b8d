"""Decoded arrays kept as .npy, so that a load maps pages which all processes share instead of gunzipping again.

`decoded/<sha>.npy` is named by the SHA-256 of the uncompressed file it came from and checked against it whenever it
is mapped. `decoded/<sha>.json` lists the sources that were read and found to have this content, each with its size
and modification time: a source that changed since is read again.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from handgrad.data.dataset import Images
from handgrad.data.idx import content_digest
from handgrad.data.places import cache_root, require_file
from handgrad.errors import FileSystemError, HandgradError
from handgrad.files import TEMPORARY_PREFIX, atomic_write, atomic_writer, read_file

log = logging.getLogger("handgrad")

MAX_SOURCES = 20
STALE_SECONDS = 3600.0


def through_cache(digest: str, source: Path, read: Callable[[], Images]) -> Images:
    """The array with this content: mapped when `source` was read before and is unchanged, else `read()` and kept."""
    stamp = _stamp(source)
    if stamp is not None and _sources(digest).get(os.path.abspath(source)) == stamp:
        kept = mapped(digest)
        if kept is not None:
            return kept
    array = read()
    try:
        return _keep(digest, array, source, stamp)
    except (OSError, FileSystemError) as error:
        log.info("decoded images are not kept for the next time: %s", error)
        return array


def mapped(digest: str) -> Images | None:
    """The kept array with this content, mapped into memory and verified, or None."""
    path = _folder() / f"{digest}.npy"
    try:
        require_file(path)
        array = np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OSError, ValueError, EOFError, FileSystemError):
        return None
    whole = array.dtype == np.uint8 and array.flags.c_contiguous and content_digest(array) == digest
    return array if whole else None


def _keep(digest: str, array: Images, source: Path, stamp: list[int] | None) -> Images:
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    kept = mapped(digest)
    if kept is None:
        _sweep_stale(folder)
        with atomic_writer(folder / f"{digest}.npy") as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
        kept = mapped(digest)
    sources = {path: known for path, known in _sources(digest).items() if path != os.path.abspath(source)}
    newest = list(sources.items())[1 - MAX_SOURCES :]
    atomic_write(folder / f"{digest}.json", json.dumps({**dict(newest), os.path.abspath(source): stamp}, indent=1))
    return array if kept is None else kept


def _folder() -> Path:
    return cache_root() / "decoded"


def _stamp(source: Path) -> list[int] | None:
    try:
        status = source.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _sources(digest: str) -> dict[str, object]:
    try:
        sources = json.loads(read_file(_folder() / f"{digest}.json"))
    except (HandgradError, ValueError, RecursionError):
        return {}
    return sources if isinstance(sources, dict) else {}


def _sweep_stale(folder: Path) -> None:
    """Delete what killed writers left; a young temporary may belong to a process that is still writing."""
    for path in folder.glob(TEMPORARY_PREFIX + "*"):
        stamp = _stamp(path)
        if stamp is not None and stamp[1] / 1e9 < time.time() - STALE_SECONDS:
            path.unlink(missing_ok=True)
