"""The cache of compiled kernels, seen from other processes; and kernels that do not fit their role."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import types
from numba.core.errors import TypingError

from handgrad.kernels.compile import address, fast_kernel, source_digest, strict_kernel

INNER = """
from handgrad.kernels.compile import fast_kernel

@fast_kernel
def factor(x):
    return x * {factor}
"""
OUTER = """
from inner import factor
from handgrad.kernels.compile import fast_kernel

@fast_kernel
def scaled(x):
    return factor(x) + 1.0

print(scaled(10.0), sum(scaled.stats.cache_hits.values()), sum(scaled.stats.cache_misses.values()))
"""


def run(folder: Path, cache: Path) -> list[float]:
    """[result, cache hits, cache misses] of outer.py in a process of its own."""
    source = str(Path(source_digest.__wrapped__.__code__.co_filename).parents[2])
    environment = os.environ | {"HANDGRAD_CACHE_DIR": str(cache), "PYTHONPATH": source}
    command = [sys.executable, "-W", "error", str(folder / "outer.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


@pytest.fixture
def kernels(tmp_path):
    """A folder with a kernel that calls a kernel of a second file."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "inner.py").write_text(INNER.format(factor=2.0))
    (folder / "outer.py").write_text(OUTER)
    return folder


def test_a_second_process_compiles_nothing_until_an_imported_kernel_changes(kernels, tmp_path):
    cache = tmp_path / "cache"
    assert run(kernels, cache) == [21, 0, 1]
    assert list(cache.glob("kernels/*/*.nbi")), "kept where HANDGRAD_CACHE_DIR says"
    assert run(kernels, cache) == [21, 1, 0]
    (kernels / "inner.py").write_text(INNER.format(factor=3.0))
    assert run(kernels, cache) == [31, 0, 1]
    assert run(kernels, cache) == [31, 1, 0]


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(kernels, tmp_path):
    (tmp_path / "file").write_text("")
    assert run(kernels, tmp_path / "file" / "cache") == [21, 0, 1]


def test_the_digest_notices_every_edit(tmp_path):
    def digest():
        source_digest.cache_clear()
        return source_digest(tmp_path)

    seen = [digest()]
    for name, content in [("a.py", "1"), ("a.py", "2"), ("b.py", "2")]:
        (tmp_path / name).write_text(content)
        seen.append(digest())
    (tmp_path / "notes.txt").write_text("no kernel")
    assert digest() == seen[-1]
    assert len(set(seen)) == 4


@strict_kernel
def returns_an_integer(x):
    """Not what its caller expects."""
    return x.size


def test_a_kernel_that_stands_compiled_with_another_result_is_refused():
    vector = types.Array(types.float64, 1, "C")
    assert address(returns_an_integer, types.int64(vector)) > 0
    with pytest.raises((TypeError, TypingError), match=r"return.* float64"):
        address(returns_an_integer, types.float64(vector))


def test_a_kernel_typed_in_has_no_file_and_still_compiles():
    room = {}
    exec(compile("def twice(x):\n    return 2 * x", "<typed in>", "exec"), room)
    assert fast_kernel(room["twice"])(21) == 42
