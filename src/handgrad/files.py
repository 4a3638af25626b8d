"""Files and folders that are whole or absent: the one place that writes to a final path, and that reads from any.

Whatever stands where a file should be, reading never waits for it: a pipe, a device or a folder is refused. A new
folder appears with all that belongs into it, locked by its maker. A JSON file carries a digest of its own content.
"""

import errno
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import IO, Any

from handgrad.errors import CorruptDataError, FileSystemError, UsageError

TEMPORARY_PREFIX = ".handgrad-partial-"
LARGEST_BYTES = 1 << 32
LOCK, KILLED_SECONDS = ".lock", 1.0  # a killed process holds its locks for a moment
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
DIGEST = "digest"


def open_file(path: Path, flags: int = os.O_RDONLY) -> IO[Any]:
    """A regular file, for reading; with `flags` such as os.O_WRONLY | os.O_APPEND | os.O_CREAT, for writing at its end.

    Raises  FileSystemError in one line when it is missing, cannot be opened, or is something else than a file.
    """
    verb, mode = ("read", "rb") if flags == os.O_RDONLY else ("write", "ab")
    try:
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)
    except (OSError, ValueError) as error:  # a path with a null byte
        why = _file_type(path) or getattr(error, "strerror", None) or error
        raise FileSystemError(f"cannot {verb} {path}: {why}. Check the path and its permissions") from error
    if file_type := _file_type(descriptor):
        os.close(descriptor)
        raise FileSystemError(f"cannot {verb} {path}: {file_type}. Check the path")
    return open(descriptor, mode)


def path_of(value: Any, what: str) -> Path:
    """A path from a text or a path.  Raises  UsageError for anything else."""
    if isinstance(value, str | os.PathLike):
        return Path(value)
    raise UsageError(f"{what} must be a path, got {value!r:.60}")


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


def _file_type(path: Path | int) -> str:
    """What stands there, in words, if it is something else than a regular file."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISREG(mode):
        return ""
    file_type = "a folder" if stat.S_ISDIR(mode) else "a socket" if stat.S_ISSOCK(mode) else "a pipe or device"
    return f"not a regular file: it is {file_type}, expected a file"


@contextmanager
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
            with suppress(FileNotFoundError):
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


def lock_folder(folder: Path, seconds: float = 0.0) -> int | None:
    """The lock of a folder; as `lock_file`."""
    return lock_file(folder / LOCK, seconds)


def lock_file(path: Path, seconds: float = 0.0) -> int | None:
    """The descriptor that holds the lock of a file, until it is closed or its process ends; None: another has it.

    A lock that is held is tried again for some `seconds`, since a process that was killed takes a moment to end.

    The package filelock does not do the same: where a file system has no locks it makes a marker file, which outlives
    a killed process; and it cannot look at a lock without taking it, or in a folder that is read only.

    Raises  OSError.
    """
    lock, deadline = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666), time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                return None
            time.sleep(0.02)


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


def json_text(content: Mapping[str, Any]) -> str:
    """The text of a file that `read_json` reads back; NaN is refused by a ValueError."""
    plain = {name: value for name, value in content.items() if name != DIGEST}
    return _with_digest(plain, _sha256(_with_digest(plain, "", nan=False))).decode()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file, its digest apart; empty when there is nothing at all. One without a digest is believed.

    Raises  CorruptDataError when it was damaged or altered; FileSystemError when it cannot be read.
    """
    if not os.path.lexists(path):
        return {}
    text = read_file(path)
    content = _object(path, text)
    digest = content.pop(DIGEST, None)
    if digest is not None and digest not in map(_sha256, _digested(text, digest, content)):
        raise CorruptDataError(f"{path} was altered after it was written: its digest does not match its content")
    return content


def write_object(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain data as JSON that `read_object` reads back, atomically; NaN is refused by a ValueError."""
    atomic_write(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.  Raises  FileSystemError; CorruptDataError when there is no such thing in it."""
    return _object(path, read_file(path))


def _object(path: Path, text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise CorruptDataError(f"{path} holds no JSON object")
    return content


def _digested(text: bytes, digest: Any, content: Mapping[str, Any]) -> Iterator[bytes]:
    """What the digest may be of, the quickest first."""
    yield text.replace(str(digest).encode(), b"")
    yield _with_digest(content, "")  # an editor has laid out the same content in another way
    yield json.dumps(content, sort_keys=True).encode()  # an earlier version has written it


def _with_digest(content: Mapping[str, Any], digest: str, nan: bool = True) -> bytes:
    return (json.dumps({**content, DIGEST: digest}, indent=2, allow_nan=nan) + "\n").encode()


def _sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def read_tables(package: str, name: str, delimiter: str = "=") -> dict[str, dict[str, str]]:
    """The sections of an .ini file of a package: what stands behind the delimiter by what stands in front of it."""
    found = ConfigParser(delimiters=(delimiter,), comment_prefixes=("#",), allow_no_value=True, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string((files(package) / name).read_text(encoding="utf-8"))
    return {section: {key: text or "" for key, text in found[section].items()} for section in found.sections()}
