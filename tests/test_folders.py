"""Folders that appear whole, locked by their maker, or not at all."""

import os
import subprocess
import sys

import pytest

from handgrad.errors import FileSystemError
from handgrad.files import LOCK, TEMPORARY_PREFIX, lock_folder, new_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fill(folder):
    (folder / "file").write_text("whole")


def test_it_is_seen_whole_and_locked(tmp_path):
    def look(folder):
        fill(folder)
        assert not (tmp_path / "a" / "new").exists()
        assert lock_folder(folder) is None

    path, lock = new_folder(tmp_path / "a", ["new"], look)
    assert path == tmp_path / "a" / "new"
    assert names(path) == [LOCK, "file"]
    assert lock_folder(path) is None
    os.close(lock)
    os.close(lock_folder(path))


def test_the_first_name_that_is_free(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "something").touch()
    (tmp_path / "b").touch()
    (tmp_path / "c").symlink_to("nowhere")
    (tmp_path / "empty").mkdir()
    taken = ["a", "b", "c", "empty"]
    assert new_folder(tmp_path, taken, fill) is None
    assert names(tmp_path) == taken
    path, lock = new_folder(tmp_path, [*taken, "d"], fill)
    assert path.name == "d"
    os.close(lock)


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_one_that_fails(tmp_path, failure):
    def half(folder):
        fill(folder)
        raise failure

    with pytest.raises(failure):
        new_folder(tmp_path, ["new"], half)
    assert names(tmp_path) == []


def test_an_error_speaks_of_the_name_that_was_asked_for(tmp_path):
    def full(folder):
        raise FileSystemError(f"cannot write {folder / 'file'}: No space left on device")

    with pytest.raises(FileSystemError, match=f"cannot write {tmp_path}/new/file: No space"):
        new_folder(tmp_path, ["new"], full)


MAKER = """
import sys
from pathlib import Path
from handgrad.files import new_folder
def fill(folder):
    (folder / "file").write_text("half")
    print("half", flush=True)
    sys.stdin.read()
new_folder(Path(sys.argv[1]), ["new"], fill)
"""


def test_what_a_killed_maker_leaves_is_swept_and_that_of_a_living_one_is_not(tmp_path):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command, pipes = [sys.executable, "-c", MAKER, tmp_path], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as killed, subprocess.Popen(command, **pipes) as living:
        for maker in (killed, living):
            assert maker.stdout.readline() == b"half\n"
        assert len(names(tmp_path)) == 2
        killed.kill()
        killed.wait()
        (tmp_path / f"{TEMPORARY_PREFIX}empty").mkdir()
        _, lock = new_folder(tmp_path, ["other"], fill)
        os.close(lock)
        kept, other = names(tmp_path)
        assert (kept.startswith(TEMPORARY_PREFIX), other) == (True, "other")
        living.communicate(b"")
    assert names(tmp_path) == ["new", "other"]


MANY = """
import os, sys
from pathlib import Path
from handgrad.files import new_folder
for number in range(40):
    made = new_folder(Path(sys.argv[1]), (f"run-{n}" for n in range(1000)), lambda folder: (folder / "file").touch())
    os.close(made[1])
"""


def test_several_makers_at_once_lose_nothing(tmp_path):
    makers = [subprocess.Popen([sys.executable, "-c", MANY, tmp_path]) for _ in range(3)]
    assert [maker.wait() for maker in makers] == [0, 0, 0]
    assert names(tmp_path) == sorted(f"run-{n}" for n in range(120))
    assert all(names(path) == [LOCK, "file"] for path in tmp_path.iterdir())
