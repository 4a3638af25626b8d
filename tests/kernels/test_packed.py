"""Products in panels have the bits of those in blocks, whole or in parts, and write nothing beside them."""

import subprocess
import sys

import numpy as np
import pytest

from handgrad.kernels import matmul, packed
from handgrad.kernels.blocks import ROWS, VECTOR_BYTES

WIDTH = 2 * VECTOR_BYTES // 4
SIZES = ((ROWS, WIDTH, 1), (4 * ROWS + 3, 3 * WIDTH + 5, packed.INNER + 9), (3, WIDTH - 1, 7), (2 * ROWS, 2 * WIDTH, 9))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
def test_the_bits_of_blocks(sizes, dtype):
    m, n, inner = sizes
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(m, inner)).astype(dtype), generator.normal(size=(inner, n)).astype(dtype)
    expected, room = np.empty(m * n, dtype), np.full(m * n + 2 * WIDTH, np.nan, dtype)
    matmul.product(m, n, inner, a.ravel(), inner, 1, b.ravel(), expected, 0, n)
    for turned, steps in ((a, (inner, 1)), (np.ascontiguousarray(a.T), (1, m))):
        room[:] = np.nan
        middle = n // 2 // WIDTH * WIDTH
        for first, last in ((0, middle), (middle, n)):
            if first < last:
                packed.packed_product(m, n, inner, turned.ravel(), *steps, b.ravel(), room[WIDTH:-WIDTH], first, last)
        assert room[WIDTH:-WIDTH].tobytes() == expected.tobytes()
        assert np.isnan(room[:WIDTH]).all()
        assert np.isnan(room[-WIDTH:]).all()


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 40), (33, 5)])
def test_transposing(shape):
    a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    out = np.full((shape[1], shape[0] + 3), -1, np.float32)
    packed.transpose(a.ravel(), *shape, out.ravel(), shape[0] + 3)
    np.testing.assert_array_equal(out[:, : shape[0]], a.T)
    assert (out[:, shape[0] :] == -1).all()


def test_large_products_take_panels_and_keep_their_bits():
    m, n, inner = 4 * ROWS, 512, 512
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=m * inner).astype("f4"), generator.normal(size=inner * n).astype("f4")
    whole, blocks, parts = np.empty((3, m * n), np.float32)
    matmul.matmul(m, n, inner, a, b, whole, 0, n)
    matmul.product(m, n, inner, a, inner, 1, b, blocks, 0, n)
    for first in (0, 256):
        matmul.matmul(m, n, inner, a, b, parts, first, first + 256)
    assert whole.tobytes() == blocks.tobytes() == parts.tobytes()


@pytest.mark.parametrize("inner", [33, matmul.MOST + 1])
def test_dw_of_large_layers_keeps_its_bits_in_parts_of_any_size(inner):
    m, n = 403, 512
    generator = np.random.default_rng(3)
    x, dy = generator.normal(size=inner * m).astype("f4"), generator.normal(size=inner * n).astype("f4")
    blocks, parts = np.empty((2, m * n), np.float32)
    matmul.product(m, n, inner, x, 1, m, dy, blocks, 0, n)
    for first, last in ((0, 205), (205, 208), (208, m)):
        matmul.matmul_transposed_a(m, n, inner, x, dy, parts, first, last)
    assert parts.tobytes() == blocks.tobytes()


BEFORE_A_WALL = """
import ctypes, mmap, sys
import numpy as np
from handgrad.kernels import packed

def at_the_end(array):
    "A copy whose last number lies before a page that nobody may read."
    room = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, room + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mprotect(ctypes.c_void_p(start + room), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    out = np.frombuffer(memory, array.dtype, array.size, room - array.nbytes)
    out[:] = array.ravel()
    return out

generator = np.random.default_rng(1)
for sizes in sys.argv[1:]:
    m, n, inner = map(int, sizes.split())
    a, b = generator.normal(size=(m, inner)).astype("f4"), generator.normal(size=(inner, n)).astype("f4")
    c = np.empty(m * n, "f4")
    packed.packed_product(m, n, inner, at_the_end(a), inner, 1, at_the_end(b), c, 0, n)
    np.testing.assert_allclose(c.reshape(m, n), a @ b, rtol=1e-4, atol=1e-4)
"""


def test_nothing_is_read_beyond_the_matrices():
    sizes = (2 * ROWS + 1, 2 * WIDTH, 3000), (1, WIDTH + 3, 2000)
    words = [sys.executable, "-c", BEFORE_A_WALL, *(" ".join(map(str, each)) for each in sizes)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
