"""Folders that appear with all that belongs into them, locked by whoever makes them, or not at all; locks of files."""

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

from handgrad.errors import FileSystemError
from handgrad.files import TEMPORARY_PREFIX, sync

LOCK = ".lock"
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def lock_folder(folder: Path) -> int | None:
    """The lock of a folder; as `lock_file`."""
    return lock_file(folder / LOCK)


def lock_file(path: Path) -> int | None:
    """The descriptor that holds the lock of a file, until it is closed or its process ends; None: another has it.

    The package filelock does not do the same: where a file system has no locks it makes a marker file, which outlives
    a killed process; and it cannot look at a lock without taking it, or in a folder that is read only.

    Raises  OSError.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_locked(path: Path) -> bool:
    """Whether another process has the lock of a file; not where there is no such file."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def new_folder(
    parent: Path, names: Iterable[str], fill: Callable[[Path], None], durable: bool = True
) -> tuple[Path, int] | None:
    """Make a folder below `parent`, put into it what `fill` writes, and give it the first of `names` that is free.

    It is seen under that name when it is whole, and its maker has the lock of it (see `lock_folder`) already; None
    when no name is free. What killed processes have left half-made is deleted.

    Raises  OSError; FileSystemError as `fill`.
    """
    parent, names = Path(parent), iter(names)
    parent.mkdir(parents=True, exist_ok=True)
    sweep_folders(parent)
    temporary, lock = _temporary(parent)
    try:
        first = next(names)
        try:
            fill(temporary)
        except FileSystemError as error:
            raise FileSystemError(str(error).replace(str(temporary), str(parent / first))) from error
        for path in (parent / name for name in chain([first], names)):
            if _renamed(temporary, path):
                if durable:
                    sync(parent)
                return path, lock
    except BaseException:
        _discard(temporary, lock)
        raise
    _discard(temporary, lock)
    return None


def sweep_folders(parent: Path) -> None:
    """Delete the half-made folders below `parent` whose makers were killed."""
    for name in os.listdir(parent):
        path = parent / name
        if not name.startswith(TEMPORARY_PREFIX) or not path.is_dir():
            continue
        with suppress(OSError):
            if not (path / LOCK).exists():
                path.rmdir()  # its maker may be about to lock it, and then to fill it: never with what is in it
            elif (lock := lock_folder(path)) is not None:
                _discard(path, lock)


def _temporary(parent: Path) -> tuple[Path, int]:
    """A new hidden folder, and its lock. Another process may sweep it away before it is locked: once more then."""
    while True:
        path = parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        path.mkdir()
        with suppress(FileNotFoundError):
            lock = lock_folder(path)
            if lock is not None and os.stat(path / LOCK).st_ino == os.fstat(lock).st_ino:
                return path, lock


def _renamed(temporary: Path, path: Path) -> bool:
    if os.path.lexists(path):  # also an empty folder, which a rename would replace
        return False
    try:
        os.rename(temporary, path)
    except OSError as error:
        if error.errno in TAKEN:
            return False
        raise
    return True


def _discard(folder: Path, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)
