"""Files that are whole or absent, whatever happens while they are written."""

import json
import os
import stat
import subprocess
import sys
import threading

import pytest

from handgrad.errors import CorruptDataError, FileSystemError
from handgrad.files import (
    TEMPORARY_PREFIX,
    atomic_write,
    atomic_writer,
    json_text,
    lock_file,
    read_json,
    sweep_temporaries,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", [b"\0\1bytes", "text – and more", ""])
def test_writes_and_replaces(tmp_path, content):
    path = tmp_path / "file.txt"
    for _ in range(2):
        atomic_write(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
        assert names(tmp_path) == ["file.txt"]
    atomic_write(path, "other")
    assert path.read_text() == "other"


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_raises_leaves_the_old_file(tmp_path, failure):
    path = tmp_path / "file"
    atomic_write(path, "old")

    def write_half():
        with atomic_writer(path) as file:
            file.write(b"new, and half of it")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_nothing_is_seen_before_the_end(tmp_path):
    path = tmp_path / "file"
    with atomic_writer(path) as file:
        file.write(b"new")
        file.flush()
        assert not path.exists()
        assert [name.startswith(TEMPORARY_PREFIX) for name in names(tmp_path)] == [True]
    assert path.read_text() == "new"


def test_the_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    """fsync of the file, the rename, fsync of the folder: in this order."""
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (events.append(kind(file)), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *paths: (events.append("rename"), replace(*paths)))
    atomic_write(tmp_path / "file", "new")
    assert events == ["file", "rename", "folder"]


def kind(descriptor):
    return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        atomic_write(tmp_path / "file", "new")
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


def test_errors_are_one_line(tmp_path):
    with pytest.raises(FileSystemError, match=r"cannot write .*/no/file: No such file or directory\. Check"):
        atomic_write(tmp_path / "no" / "file", "new")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileSystemError, match=r"cannot write .*/folder: Is a directory\. Check"):
        atomic_write(tmp_path / "folder", "new")
    assert names(tmp_path) == ["folder"]


FULL = """
import resource, sys
from handgrad.errors import FileSystemError
from handgrad.files import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    atomic_write(sys.argv[1], b"x" * 5000)
except FileSystemError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_file_and_no_temporary(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, "old")
    done = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"cannot write {path}: File too large. Check free space and permissions\n"
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


KILLED = """
import sys
import threading
from handgrad.files import atomic_writer
with atomic_writer(sys.argv[1]) as file:
    file.write(b"x" * 5000)
    file.flush()
    print("half", flush=True)
    input()
"""


def test_a_killed_writer_leaves_the_old_file_and_the_sweep_takes_the_rest(tmp_path):
    path = tmp_path / "file"
    atomic_write(path, "old")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", KILLED, path], **pipes, text=True) as writer:
        assert writer.stdout.readline() == "half\n"
        writer.kill()
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    assert sweep_temporaries(tmp_path) == 1
    assert names(tmp_path) == ["file"]
    assert sweep_temporaries(tmp_path) == 0


HOLDER = """
import sys
import threading
from handgrad.files import lock_file
assert lock_file(sys.argv[1]) is not None
print("held", flush=True)
input()
"""


def test_a_lock_is_waited_for_while_its_holder_ends(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / "lock"], **pipes, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        assert lock_file(tmp_path / "lock", 0.1) is None
        threading.Timer(0.3, holder.kill).start()
        lock = lock_file(tmp_path / "lock", 20)
        assert lock is not None
        os.close(lock)


def test_sweeping_takes_nothing_else(tmp_path):
    (tmp_path / ".hidden").touch()
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / f"{TEMPORARY_PREFIX}x").touch()
    assert sweep_temporaries(tmp_path) == sweep_temporaries(tmp_path / "nowhere") == 0
    assert names(tmp_path) == [".hidden", "below"]


BUSY = """
import sys
import threading
from pathlib import Path
from handgrad.files import atomic_write
for _ in range(30):
    for content in (b"a" * 100_000, b"b" * 200_000):
        atomic_write(Path(sys.argv[1]), content)
"""


def test_readers_never_see_half_of_it(tmp_path):
    """A reader beside a writer that replaces the file again and again finds one of the contents, always."""
    path, contents = tmp_path / "file", {b"", b"a" * 100_000, b"b" * 200_000}
    atomic_write(path, b"")
    seen = set()
    with subprocess.Popen([sys.executable, "-c", BUSY, path]) as writer:
        while writer.poll() is None:
            seen.add(path.read_bytes())
    assert writer.returncode == 0
    assert seen <= contents


def test_a_file_with_a_digest_may_be_laid_out_anew_but_not_altered(tmp_path):
    path, content = tmp_path / "run.json", {"b": [1e-05, 0.1, None, "ü"], "a": {"1": True}}
    path.write_text(json_text(content), encoding="utf-8")
    laid_out = json.dumps(json.loads(path.read_text()), ensure_ascii=False, indent="\t").replace("\n", "\r\n")
    for text in (path.read_text(), laid_out):
        path.write_text(text, encoding="utf-8", newline="")
        assert read_json(path) == content
        for written in ("2e-05", "NaN", "1"):
            path.write_text(text.replace("1e-05", written), encoding="utf-8")
            with pytest.raises(CorruptDataError, match="altered"):
                read_json(path)
