"""What a hostile folder cannot do: all of it is tried, in a real process."""

import os
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tests.verify.faults import STYLES

from handgrad.errors import UsageError
from handgrad.verify import sandbox, wire
from handgrad.verify.sandbox import ProcessSession, StoppedError, isolation

NETWORK = (STYLES / "plain_lists" / "network.py").read_text()
needs_isolation = pytest.mark.skipif(not isolation(), reason="neither bubblewrap nor unshare works on this machine")


def loaded(folder, code, seconds=25.0):
    """Load a hostile module, and say how it ended."""
    (folder / "bad.py").write_text(code)
    session = ProcessSession(folder)
    try:
        return session.ask("load", seconds), session
    except StoppedError as error:
        return str(error), session


def value_of(session, name):
    rows = session.ask("describe")
    module = next(row for row in rows if row.get("is_module") and row["module"] == "bad")
    return session.ask("get", target=module["object"], name=name)


@needs_isolation
@pytest.mark.slow
def test_a_hostile_folder_does_no_harm(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    folder = tmp_path / "folder"
    folder.mkdir()
    code = f"""
import os, shutil, socket
home = os.path.expanduser("~")
removed = written = sent = 0
try:
    shutil.rmtree({str(outside)!r}); removed = 1
except OSError: pass
try:
    open({str(outside / "new")!r}, "w"); written = 1
except OSError: pass
shutil.rmtree(home, ignore_errors=True)
try:
    socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=2); sent = 1
except OSError: pass
try:
    with open("big", "wb") as f:
        for _ in range(10 << 10): f.write(b"x" << 20 if False else bytes(1 << 20))
    size = 10
except OSError: size = 0
try:
    import ctypes; remounted = 1 - ctypes.CDLL(None).mount(b"none", b"/", None, 32, None) * -1
except Exception: remounted = 0
rights = int([l for l in open("/proc/self/status") if l.startswith("CapEff")][0].split()[1], 16)
"""
    _, session = loaded(folder, code)
    found = {name: value_of(session, name) for name in ("removed", "written", "sent", "size", "remounted", "rights")}
    session.close()
    assert found == dict.fromkeys(found, 0)
    assert (outside / "precious").read_text() == "kept"
    assert not (outside / "new").exists()
    assert Path.home().is_dir()
    assert sorted(path.name for path in folder.iterdir()) == ["bad.py"]
    with pytest.raises(TimeoutError):
        server.accept()
    server.close()


@needs_isolation
@pytest.mark.slow
def test_a_fork_bomb_ends_with_its_process(tmp_path):
    code = "import os\nwhile True:\n    try:\n        os.fork()\n    except BaseException:\n        pass\n"
    start = time.monotonic()
    answer, session = loaded(tmp_path, code)
    session.close()
    assert isinstance(answer, str)
    assert time.monotonic() - start < 60
    deadline = time.monotonic() + 20  # the system ends hundreds of processes one after another
    while (left := _named(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
    assert not os.path.exists(session.scratch)


def _named(folder):
    """The processes whose command names a folder."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(folder).encode() in _read(path)]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


@needs_isolation
@pytest.mark.slow
def test_a_loop_without_end_is_stopped(tmp_path):
    code = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})\nwhile True: pass\n"
    answer, session = loaded(tmp_path, code, seconds=6.0)
    session.close()
    assert "too long" in answer


@needs_isolation
@pytest.mark.slow
def test_a_printed_result_is_none(tmp_path):
    """It writes on every descriptor; what it writes carries no number of a request."""
    forged = wire.pack({"value": {"modules": []}, "nonce": "0" * 32})
    code = f"import os\nfor fd in range(64):\n    try: os.write(fd, {forged!r})\n    except OSError: pass\n"
    answer, session = loaded(tmp_path, code)
    session.close()
    assert isinstance(answer, str)
    assert "somebody else" in answer


@pytest.mark.slow
def test_memory_is_limited(tmp_path):
    answer, session = loaded(tmp_path, "x = bytearray(20 << 30)\n")
    session.close()
    assert "MemoryError" in answer["skipped"][0]["why"]


def test_without_isolation_it_asks_for_trust(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "isolation", lambda: "")
    with pytest.raises(UsageError, match="--trust"):
        ProcessSession(tmp_path)


def test_messages_hold_arrays_and_nothing_else():
    value = {"a": [np.arange(6.0).reshape(2, 3), (1, 2.5, None)], "b": np.array([1, 2], np.int32), "c": "text"}
    found = wire.unpack(wire.pack(value)[8:])
    assert np.array_equal(found["a"][0], value["a"][0])
    assert found["a"][1] == (1, 2.5, None)
    assert found["b"].dtype == np.int32
    with pytest.raises(TypeError, match="cannot be sent"):
        wire.pack(threading.Lock())
    with pytest.raises(ValueError, match="cut off"):
        wire.unpack(wire.pack(np.ones(9))[8:-8])
