"""A process for somebody's code, and how it is asked: requests go in and arrays come out, through pipes of our own.

What runs there can say anything, as it shares its interpreter with the one who reports: what can be recomputed is
recomputed here, and inputs are drawn here after their modules were loaded.
"""

import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.errors import HandgradError, UsageError
from handgrad.verify import wire
from handgrad.verify.host import Host

START_SECONDS, CALL_SECONDS, LOAD_SECONDS = 20.0, 10.0, 25.0
MOST_PROCESSES = 64
FOLDER = Path(__file__).parent
TRUST = "this machine can isolate no process (neither bubblewrap nor unshare works). --trust runs the code all the same"


class Handle(NamedTuple):
    """An object that lives in the other process."""

    number: int
    type: str


class Flags(NamedTuple):
    """Settings, which arrive as an object with these attributes and items."""

    values: tuple[tuple[str, Any], ...]


class TheirError(Exception):
    """An error in somebody's code, and where it was raised."""

    def __init__(self, message: str, type_: str = "", where: str = "") -> None:
        super().__init__(message)
        self.type, self.where = type_, where

    def __str__(self) -> str:
        return f"{self.args[0]} ({self.where})" if self.where else str(self.args[0])


class StoppedError(HandgradError):
    """Somebody's process used too much of something, or ended itself."""


class Session:
    """Requests to a host; a subclass brings the bytes there and back."""

    left_out: Sequence[Any] = ()
    isolation = "none"

    def ask(self, do: str, /, seconds: float = CALL_SECONDS, **values: Any) -> Any:
        """The value of one request.  Raises  TheirError; StoppedError."""
        nonce = secrets.token_hex(16)
        body = self._exchange(wire.pack({"do": do, "with": values, "nonce": nonce}, _tree), seconds)
        try:
            reply = wire.unpack(body, lambda tree: Handle(int(tree["h"]), str(tree["type"])))
            fits = isinstance(reply, dict) and reply.get("nonce") == nonce
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            fits = False
        if not fits:
            raise StoppedError("a reply is none to the request: somebody else has written it")
        if "error" in reply:
            raise TheirError(str(reply["error"]), str(reply.get("type")), str(reply.get("where")))
        return reply["value"]

    def call(self, target: Handle, name: str | None = None, *values: Any, **named: Any) -> Any:
        """What an object, or its method, returns."""
        return self.ask("call", target=target, name=name, values=list(values), named=named)["result"]

    def make(self, target: Handle, values: Sequence[Any] = (), named: Any = None, name: str | None = None) -> Handle:
        """What it returns, as an object that stays there."""
        reply = self.ask("call", target=target, name=name, values=list(values), named=named, hold=True)
        return Handle(*reply["held"])

    def _exchange(self, message: bytes, seconds: float) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        """End it."""


class LocalSession(Session):
    """In this process: for code that is ours, as in tests."""

    def __init__(self, folder: Path, light: bool = False) -> None:
        self.host = Host(folder, light)

    def _exchange(self, message: bytes, seconds: float) -> bytes:
        request = wire.unpack(message[8:], self.host.resolve)
        nonce = request.pop("nonce")
        return wire.pack({**self.host.obey(request), "nonce": nonce}, self.host.keep)[8:]

    def close(self) -> None:
        self.host.close()


class ProcessSession(Session):
    """In a process with limits, in a copy of the folder; isolated unless it is trusted."""

    def __init__(self, folder: Path, light: bool = False, trust: bool = False) -> None:
        self.isolation = "none (--trust)" if trust else isolation()
        if not self.isolation:
            raise UsageError(TRUST)
        self.scratch = tempfile.mkdtemp(prefix="handgrad-verify-")
        inward, self.sink = os.pipe()
        self.source, outward = os.pipe()
        mode = "trusted" if trust else self.isolation
        host = [str(FOLDER / "host.py"), str(folder.resolve()), "light" if light else "full"]
        words = [*_prefix(mode, self.scratch), sys.executable, "-I", *host, str(inward), str(outward)]
        words += [mode, self.scratch]
        self.process = subprocess.Popen(
            words,
            pass_fds=(inward, outward),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(self.scratch),
            start_new_session=True,
        )
        os.close(inward)
        os.close(outward)
        try:
            ready = wire.unpack(self._message(START_SECONDS))
        except HandgradError:
            self.close()
            raise
        self.left_out = [tuple(each) for each in ready["left_out"]]

    def _exchange(self, message: bytes, seconds: float) -> bytes:
        try:
            os.write(self.sink, message) if len(message) < 4096 else self._write(message)
        except OSError as error:
            raise StoppedError("their code ended its process") from error
        return self._message(seconds)

    def _write(self, message: bytes) -> None:
        view = memoryview(message)
        while view:
            view = view[os.write(self.sink, view) :]

    def _message(self, seconds: float) -> bytes:
        end = time.monotonic() + seconds
        head = self._read(8, end)
        length = int.from_bytes(head, "little")
        if length > wire.MOST_BYTES:
            self.close()
            raise StoppedError("their process sent more than it may")
        return self._read(length, end)

    def _read(self, size: int, end: float) -> bytes:
        parts, left = [], size
        while left:
            ready, _, _ = select.select([self.source], [], [], 0.1)
            if ready:
                part = os.read(self.source, min(left, 1 << 20))
                if not part:
                    self.close()
                    raise StoppedError("their code ended its process, or went beyond its memory or processor time")
                parts.append(part)
                left -= len(part)
            elif time.monotonic() > end:
                self.close()
                raise StoppedError("their code took too long")
            elif _processes(self.process.pid) > MOST_PROCESSES:
                self.close()
                raise StoppedError(f"their code started more than {MOST_PROCESSES} processes")
        return b"".join(parts)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()  # its namespace ends with it, and all processes in there
        for number in _group(self.process.pid):
            _kill(number)
        self.process.wait()
        for descriptor in (self.sink, self.source):
            try:
                os.close(descriptor)
            except OSError:
                continue
        self.sink = self.source = -1
        shutil.rmtree(self.scratch, ignore_errors=True)


@cache
def isolation() -> str:
    """ "bubblewrap", "unshare", or nothing where neither works here."""
    scratch = tempfile.mkdtemp(prefix="handgrad-verify-")
    try:
        for mode, program in (("bubblewrap", "bwrap"), ("unshare", "unshare")):
            if shutil.which(program) and _isolates(
                [*_prefix(mode, scratch), sys.executable, "-I", "-S"], mode, scratch
            ):
                return mode
        return ""
    finally:
        os.rmdir(scratch)


def _isolates(words: list[str], mode: str, scratch: str) -> bool:
    script = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import isolation as i; "
    steps = f"i.close_mounts({scratch!r}); i.drop_rights()" if mode == "unshare" else "pass"
    try:
        return (
            subprocess.run([*words, "-c", script + steps], capture_output=True, timeout=10, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _prefix(mode: str, scratch: str) -> list[str]:
    if mode == "bubblewrap":
        binds = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", scratch]
        return ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", *binds]
    if mode == "unshare":
        spaces = ["--map-root-user", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork"]
        return ["unshare", *spaces, "--kill-child", "--mount-proc"]
    return []


def _environment(scratch: str) -> Mapping[str, str]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    quiet = {"WANDB_MODE": "disabled", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), scratch)
    return {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", **one, **quiet, **places}


def _processes(number: int) -> int:
    """How many processes descend from one."""
    found, count = [number], 0
    while found and count <= MOST_PROCESSES:
        count += 1
        with suppress(OSError):
            found += map(int, Path(f"/proc/{found[0]}/task/{found[0]}/children").read_text().split())
        found.pop(0)
    return count


def _group(leader: int) -> list[int]:
    """The processes of a session that are still there."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(path.name)) == leader:
                found.append(int(path.name))
        except OSError:
            continue
    return found


def _kill(number: int) -> None:
    try:
        os.kill(number, 9)
    except OSError:
        return


def _tree(value: Any) -> Any:
    if isinstance(value, Handle):
        return {"h": value.number}
    if isinstance(value, Flags):
        return {"flags": [[name, wire.pack_plain(each)] for name, each in value.values]}
    raise TypeError(f"{type(value).__name__} cannot be sent")
