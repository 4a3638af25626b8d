"""Damages the cache of compiled kernels, again and again: a program, as the damage might kill it.

A line of JSON for each trial tells what was done, and of the two processes that came next, whether each computed what
is right, and how many warnings it printed.
"""

import json
import os
import random
import shutil
import sys
from pathlib import Path

import numpy as np

from handgrad.kernels.compile import fast_kernel, strict_kernel

TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "9"))


@fast_kernel
def scale(x, factor):
    for i in range(x.size):
        x[i] *= factor


@strict_kernel
def total(x):
    result = 0.0
    for i in range(x.size):
        result += x[i]
    return result


def right():
    """Loads every entry: one that nobody loads is not found damaged."""
    vectors = [np.arange(5, dtype=dtype) for dtype in (np.float32, np.float64)]
    for x in vectors:
        scale(x, x.dtype.type(2))
    return all(total(x) == 20 for x in vectors)


def in_a_child(log):
    """(whether it computed what is right and ended well, the warnings that it printed)"""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        os._exit(0 if right() else 1)
    status = os.waitpid(child, 0)[1]
    return status == 0, log.read_text().count("are damaged or")


def truncated(path, draw):
    os.truncate(path, draw.randrange(path.stat().st_size))


def bit_flipped(path, draw):
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def zeroed(path, draw):
    path.write_bytes(bytes(path.stat().st_size))


def swapped(path, draw):
    other = draw.choice([p for p in path.parent.iterdir() if p.is_file() and p != path])
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def lengthened(path, draw):
    with path.open("ab") as file:
        file.write(b"more")


def deleted(path, draw):
    path.unlink()


def a_folder(path, draw):
    path.unlink()
    path.mkdir()
    (path / "file").write_text("in the way")


def a_pipe(path, draw):
    path.unlink()
    os.mkfifo(path)


def a_link(path, draw):
    path.unlink()
    path.symlink_to("/dev/zero")


WAYS = [truncated, bit_flipped, zeroed, swapped, lengthened, deleted, a_folder, a_pipe, a_link]


def main():
    folder = Path(os.environ["HANDGRAD_CACHE_DIR"])
    draw, log = random.Random(0), folder / "log"
    assert in_a_child(log) == (True, 0)
    for trial in range(TRIALS):
        ways = [WAYS[trial % len(WAYS)] for _ in range(draw.randint(1, 2))]
        for way, path in zip(ways, draw.sample(sorted((folder / "kernels").iterdir()), len(ways)), strict=True):
            if path.is_file():
                way(path, draw)
        outcomes = [in_a_child(log) for _ in range(2)]
        report = {"ways": [way.__name__ for way in ways]}
        print(json.dumps(report | dict(zip(("right", "warnings"), zip(*outcomes, strict=True), strict=True))))
    shutil.rmtree(folder / "kernels")


if __name__ == "__main__":
    main()
