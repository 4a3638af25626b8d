"""Memory for parameters, gradients and activations."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from handgrad.kernels.program import CACHE_LINE_BYTES, HUGE_PAGE_BYTES, LARGE_BYTES, aligned_zeros

SIZES = [1, 5, LARGE_BYTES // 4 - 1, LARGE_BYTES // 4, 3 * HUGE_PAGE_BYTES // 4 + 1]
FORKING = """
import os
from handgrad.kernels.program import LARGE_BYTES, aligned_zeros

vector = aligned_zeros(LARGE_BYTES, "u1")
child = os.fork()
if child == 0:
    vector[:] = 1
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not vector.any()
"""
SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.parametrize("size", SIZES)
def test_zeros_begin_at_a_cache_line(size):
    vector = aligned_zeros(size, np.float32)
    assert vector.shape == (size,)
    assert vector.dtype == np.float32
    assert vector.ctypes.data % CACHE_LINE_BYTES == 0
    assert not vector.any()


def test_vectors_that_live_together_do_not_overlap():
    vectors = [aligned_zeros(size, np.float32) for size in SIZES for _ in range(3)]
    for number, vector in enumerate(vectors):
        vector[:] = number
    assert all((vector == number).all() for number, vector in enumerate(vectors))


def test_a_large_vector_lies_in_huge_pages():
    if not SETTING.exists() or "[never]" in SETTING.read_text():
        pytest.skip("this system has no huge pages that a program may ask for")
    before, refused = _huge_bytes(), _refused()
    vector = aligned_zeros(16 * HUGE_PAGE_BYTES, np.uint8)
    vector[:] = 1
    got = _huge_bytes() - before
    if _refused() > refused:
        pytest.skip("this system's memory is too scattered for huge pages")
    assert got >= 15 * HUGE_PAGE_BYTES


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_a_forked_process_has_a_copy_of_its_own():
    subprocess.run([sys.executable, "-c", FORKING], check=True)


def _huge_bytes():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages"))


def _refused():
    lines = Path("/proc/vmstat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("thp_fault_fallback "))
