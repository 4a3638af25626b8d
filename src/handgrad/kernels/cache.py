"""Compiled kernels on disk, of which nothing is unpickled before its digest is verified; and the notice of a compile.

An entry is a file: what Numba pickled, and a SHA-256 over that and over the file's name. The name says by digests which
kernel it is, for which types and processor, and what it was compiled from. So an entry that is torn, altered or in
another's place is found out. Against somebody who would forge the SHA-256 too, the folder is private to its owner.
"""

import contextlib
import functools
import hashlib
import logging
import multiprocessing
import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from numba.core import event
from numba.core.caching import IndexDataCacheFile, _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from handgrad.errors import FileSystemError
from handgrad.files import atomic_write
from handgrad.kernels.sources import Kernel, changed, closed_over, compiler_state, digest_of, values

SUFFIX = ".nbc"
DIGEST_BYTES = hashlib.sha256().digest_size
# A link is not followed, and a pipe not waited for.
READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
DAMAGED = "compiled kernels in %s are damaged or not this user's: they are compiled again"
UNWRITABLE = "compiled kernels cannot be written to %s (%s): the next start compiles them again"

log = logging.getLogger("handgrad")
warn_once = functools.cache(log.warning)


@functools.cache
def cache_folder() -> Path | None:
    """Where compiled kernels are kept: under $HANDGRAD_CACHE_DIR or the user's cache; else in a temporary folder.

    None where neither can be had: then every process compiles for itself.
    """
    root = os.environ.get("HANDGRAD_CACHE_DIR") or platformdirs.user_cache_dir("handgrad")
    folder = Path(os.path.expanduser(root)) / "kernels"
    try:
        return _private(folder)
    except OSError as error:
        reason = error.strerror or str(error)
    with contextlib.suppress(OSError):
        substitute = _private(Path(tempfile.gettempdir()) / f"handgrad-kernels-{_user()}")
        log.warning("compiled kernels are kept in %s, not in %s: %s", substitute, folder, reason)
        return substitute
    log.warning("compiled kernels are not kept, neither in %s (%s) nor in a temporary folder", folder, reason)
    return None


def _private(folder: Path) -> Path:
    """The folder, made if need be, when nobody but this user can put entries into it.

    Raises  OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise OSError("it is a link")
    if status.st_uid != _user():
        raise OSError(f"it belongs to another user, number {status.st_uid}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OSError("other users may write to it (chmod 700 it if you trust what it holds, else delete it)")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError("it cannot be written to")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        folder.chmod(0o700)
    return folder


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


def verified(path: Path) -> bool:
    """Whether there is such an entry, whole, and of this user; warns when what is there is something else."""
    try:
        with open(os.open(path, READ), "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read() if stat.S_ISREG(status.st_mode) and status.st_uid == _user() else b""
    except FileNotFoundError:
        return False
    except OSError:
        content = b""
    whole = content[-DIGEST_BYTES:] == _digest(path, content[:-DIGEST_BYTES])
    if not whole:
        warn_once(DAMAGED, path.parent)
    return whole


def write(path: Path, content: bytes) -> None:
    """Write an entry in the place of all that were compiled from earlier sources, if the disk permits."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        atomic_write(path, content + _digest(path, content), durable=False)
        for other in path.parent.glob(f"{path.name.rpartition('-')[0]}-*{SUFFIX}"):
            if other != path:
                other.unlink()
    except (OSError, FileSystemError) as error:
        cause = error.__cause__ or error
        warn_once(UNWRITABLE, path.parent, getattr(cause, "strerror", cause))


def _digest(path: Path, content: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + content).digest()


class KernelCache(_Cache):
    """What Numba asks for a kernel's machine code before it compiles, and hands it to afterwards.

    `written` is when the kernel was defined: of files that were edited since, its machine code is not kept.
    """

    def __init__(self, kernel: Kernel, policy: dict[str, Any], written: float) -> None:
        self._kernel = kernel
        self._policy = {name: sorted(flags) if isinstance(flags, set) else flags for name, flags in policy.items()}
        self._source = digest_of(kernel)
        self._edited = changed(kernel) > written

    @property
    def cache_path(self) -> str:
        """For Numba's statistics."""
        return str(cache_folder())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The machine code for these types, or None."""
        with INTERRUPTS:
            rtsys.initialize(target_context)  # all that machine code needs: what a compile does, costs half a second
            path = self._path(sig, target_context.codegen())
            if path is None or not verified(path):
                return None
            try:
                # Its pickle ends before the digest.
                payload = IndexDataCacheFile(str(path.parent), "", "")._load_data(path.name)
                return CompileResult._rebuild(target_context, *payload)
            except Exception:  # a class in it cannot be imported any more, or the file is gone by now
                return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, unless it holds addresses of this process."""
        path = self._path(sig, data.codegen)
        if path and not data.library.has_dynamic_globals and all(lifted.can_cache for lifted in data.lifted):
            write(path, dumps(data._reduce()))

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        folder, code = None if self._edited else cache_folder(), self._kernel.__code__
        line = code.co_firstlineno if "<" in self._kernel.__qualname__ else 0  # others may have this name too
        identity = code.co_filename, line, self._policy, sig, codegen.magic_tuple(), compiler_state()
        texts = [repr(identity), *closed_over(self._kernel)], [self._source, *values(self._kernel)]
        if folder is None or " at 0x" in texts[0][0]:  # an address, as in the type of a function
            return None
        digests = (hashlib.sha256("\n".join(lines).encode()).hexdigest()[:20] for lines in texts)
        return folder / f"{self._kernel.__module__}.{self._kernel.__name__}-{'-'.join(digests)}{SUFFIX}"

    def flush(self) -> None:
        """Numba's `recompile` means to start from the source, and finds what was compiled from the same."""

    def enable(self) -> None:
        """It always is."""

    def disable(self) -> None:
        """It is never."""


class _Interrupts:
    """While a kernel is compiled or loaded, Ctrl-C waits: the exception would be lost in a callback of LLVM's."""

    def __init__(self) -> None:
        self._depth, self._came, self._holding = 0, False, False

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():  # Python delivers signals there only
            return
        self._depth += 1
        if self._depth == 1 and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._holding = True
            signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._depth -= 1
        if self._depth == 0 and self._holding:
            self._holding, came, self._came = False, self._came, False
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if came:
                signal.raise_signal(signal.SIGINT)

    def _note(self, number: int, frame: object) -> None:
        self._came = True


INTERRUPTS = _Interrupts()


@functools.cache
def report_compiling() -> None:
    """Tell the user, once, why nothing happens: on stderr, as whoever calls from Python sees no log.

    Of several processes that were spawned together, and so compile the same at the same time, the first one speaks.
    """
    name = multiprocessing.current_process().name
    if name == "MainProcess" or name.endswith("-1"):
        with contextlib.suppress(OSError, ValueError):  # stderr is closed
            message = "compiling the kernels for this processor … (each of them once, all of them some 20 s)"
            print(f"handgrad: {message}", file=sys.stderr, flush=True)


class CompilingNotice(event.Listener):
    """Calls `report` as soon as this process has compiled kernels for a second, all together, while it goes on."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.report: Callable[[], None] = report_compiling
        self._left, self._depth, self._since = seconds, 0, 0.0
        self._timer: threading.Timer | None = None

    def on_start(self, event: Any) -> None:
        """A kernel, perhaps for another one that compiles already."""
        INTERRUPTS.__enter__()
        self._depth += 1
        if self._depth == 1 and self._left > 0 and _is_ours(event):
            self._since = time.monotonic()
            self._timer = threading.Timer(self._left, lambda: self.report())
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: Any) -> None:
        """It is compiled, or cannot be."""
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self._left -= time.monotonic() - self._since
            self._timer.cancel()
            self._timer.join()  # whoever forks now must have no thread
            self._timer = None
        INTERRUPTS.__exit__()


def _is_ours(event: Any) -> bool:
    return isinstance(event.data["dispatcher"]._cache, KernelCache)


NOTICE = CompilingNotice()
event.register("numba:compile", NOTICE)
