"""Where data sets may lie on this machine, and in what order they are looked for."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

import pooch

from handgrad.errors import CorruptDataError, FileSystemError

DATA_VARIABLE = "HANDGRAD_DATA_DIR"
CACHE_VARIABLE = "HANDGRAD_CACHE_DIR"
# Debian's dataset-fashion-mnist installs here.
SYSTEM_FOLDER = Path("/usr/share/datasets")


class Place(NamedTuple):
    """A folder that may hold a data set; what lies in one that the user named is never skipped."""

    folder: Path
    named_by_user: bool


def cache_root() -> Path:
    """The folder for downloads and decoded arrays: $HANDGRAD_CACHE_DIR, or the user's cache folder."""
    return Path(os.path.expanduser(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("handgrad")))


def download_folder(name: str) -> Path:
    """Where a downloaded data set is kept."""
    return cache_root() / "data" / name


def places(name: str) -> list[Place]:
    """The folders where the data set `name` is looked for, first to last.

    Raises  FileSystemError when HANDGRAD_DATA_DIR is set to something that is no folder.
    """
    spellings = dict.fromkeys((name, name.replace("_", "-")))
    found = [Place(download_folder(name), False), *(Place(SYSTEM_FOLDER / spelling, False) for spelling in spellings)]
    user = os.environ.get(DATA_VARIABLE)
    if not user:
        return found
    root = Path(os.path.expanduser(user))
    if not root.is_dir():
        raise FileSystemError(f"{DATA_VARIABLE} is {user!r}, expected a folder. Correct the variable or unset it")
    return [Place(root / spelling, True) for spelling in spellings] + found


def find_file(folder: Path, name: str) -> Path | None:
    """The file `name` in `folder`, plain or with .gz, if there is one."""
    candidates = (folder / name, folder / f"{name}.gz")
    return next((path for path in candidates if os.path.lexists(path)), None)


def require_file(path: Path) -> int:
    """The size of a regular file in bytes.

    Raises  FileSystemError for a missing file, and for a folder, a pipe or a device: reading a pipe would hang.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileSystemError(f"cannot read {path}: {reason}. Check the path and its permissions") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
        raise FileSystemError(f"cannot read {path}: it is {kind}, expected a file. Put the file in its place")
    return status.st_size


def read_file(path: Path, max_bytes: int) -> bytes:
    """All bytes of a regular file.

    Raises  FileSystemError as `require_file`; CorruptDataError when there are none, or more than `max_bytes`.
    """
    size = require_file(path)
    if not 0 < size <= max_bytes:
        raise CorruptDataError(f"{path}: file has {size} bytes, expected 1 to {max_bytes}. Replace or remove it")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FileSystemError(f"cannot read {path}: {error.strerror or error}. Check its permissions") from error
