"""Files that are either whole or absent: the one place that writes to a final path, and the one that reads from any.

Whatever stands where a file should be, reading never waits for it: a pipe, a device or a folder is refused.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from handgrad.errors import CorruptDataError, FileSystemError

TEMPORARY_PREFIX = ".handgrad-partial-"
LARGEST_BYTES = 1 << 32


def open_file(path: Path, flags: int = os.O_RDONLY) -> IO[Any]:
    """A regular file, for reading; with `flags` such as os.O_WRONLY | os.O_APPEND | os.O_CREAT, for writing at its end.

    Raises  FileSystemError in one line when it is missing, cannot be opened, or is something else than a file.
    """
    verb, mode = ("read", "rb") if flags == os.O_RDONLY else ("write", "ab")
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    except (OSError, ValueError) as error:  # a path with a null byte
        why = _kind(path) or getattr(error, "strerror", None) or error
        raise FileSystemError(f"cannot {verb} {path}: {why}. Check the path and its permissions") from error
    if kind := _kind(descriptor):
        os.close(descriptor)
        raise FileSystemError(f"cannot {verb} {path}: {kind}. Check the path")
    return open(descriptor, mode)


def read_file(path: Path, most: int = LARGEST_BYTES) -> bytes:
    """All bytes of a regular file.

    Raises  FileSystemError as `open_file`; CorruptDataError when there are more than `most`.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise CorruptDataError(f"{path} has {size} bytes, expected at most {most}. Replace or remove it")
        try:
            return bytes(file.read())
        except OSError as error:
            raise FileSystemError(f"cannot read {path}: {error.strerror or error}") from error


def _kind(path: Path | int) -> str:
    """What stands there, in words, if it is something else than a regular file."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(mode):
        return ""
    kind = "a folder" if stat.S_ISDIR(mode) else "a socket" if stat.S_ISSOCK(mode) else "a pipe or device"
    return f"not a regular file: it is {kind}, expected a file"


@contextlib.contextmanager
def atomic_writer(path: Path, durable: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary neighbour of `path` for writing, and put it in place when the block ends well.

    The content is flushed to the disk before the rename and the folder after it, so that a crash at any
    moment leaves the old file or the new one. When the block raises, the old file stays and no temporary is left.
    Unless it is to be `durable`, that holds for a killed process, but not for a power cut before `flush_folder`.

    Raises  FileSystemError when the folder is missing, the disk is full, or permission is denied.
    """
    path = Path(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix=path.suffix, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
        if durable:
            sync(path.parent)
    except OSError as error:
        why = f"{error.strerror or error}. Check free space and permissions"
        raise FileSystemError(f"cannot write {path}: {why}") from error


def atomic_write(path: Path, content: bytes | str, durable: bool = True) -> None:
    """Write `content` (text as UTF-8) to `path` so that the file is never seen half-written.

    Raises  FileSystemError as `atomic_writer`.
    """
    with atomic_writer(path, durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def flush_folder(folder: Path) -> None:
    """Bring the files in `folder`, and their names, to the disk: those that were written without waiting for it.

    Raises  OSError.
    """
    for path in Path(folder).iterdir():
        if path.is_file():
            sync(path)
    sync(folder)


def sweep_temporaries(folder: Path) -> int:
    """Delete what killed writers left in `folder`; returns how many files that were."""
    stale = list(Path(folder).glob(TEMPORARY_PREFIX + "*"))
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk.  Raises  OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
