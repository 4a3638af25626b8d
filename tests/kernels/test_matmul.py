"""Matrix products from register blocks against einsum, at every size around the edges of the blocks."""

import numpy as np
import pytest
from tests.rounding import gamma

from handgrad.kernels import matmul
from handgrad.kernels.blocks import ROWS, VECTOR_BYTES

LANES = VECTOR_BYTES // 4
PRODUCTS = {
    "plain": (matmul.matmul, "mk,kn->mn"),
    "a transposed": (matmul.matmul_transposed_a, "km,kn->mn"),
    "b transposed": (matmul.matmul_transposed_b, "mk,nk->mn"),
}
ROW_COUNTS = (1, 2, 3, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 3)
COLUMN_COUNTS = (1, 10, LANES - 1, LANES, LANES + 1, 2 * LANES, 3 * LANES + 2, 4 * LANES)


def multiply(name, sizes, dtype):
    """The product by handgrad, in a room of NaN within a larger array, by einsum, and how far they may part."""
    product, equation = PRODUCTS[name]
    generator, named = np.random.default_rng(2), dict(zip("mnk", sizes, strict=True))
    factors = equation.split("->")[0].split(",")
    a, b = (generator.normal(size=[named[axis] for axis in axes]).astype(dtype) for axes in factors)
    room = np.full(sizes[0] * sizes[1] + 2 * LANES, np.nan, dtype)
    parts = sizes[0] if name == "a transposed" else sizes[1]
    product(*sizes, a.ravel(), b.ravel(), room[LANES:-LANES], 0, parts)
    assert np.isnan(np.concatenate([room[:LANES], room[-LANES:]])).all()  # nothing is written beside the product
    rounding = 2 * gamma(sizes[2], dtype) * np.einsum(equation, abs(a), abs(b))
    return room[LANES:-LANES].reshape(sizes[:2]), np.einsum(equation, a, b), rounding


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("inner", [1, 5, 64])
def test_every_edge_of_a_block(name, inner, dtype):
    for m in ROW_COUNTS:
        for n in COLUMN_COUNTS:
            ours, expected, rounding = multiply(name, (m, n, inner), dtype)
            assert (abs(ours - expected) <= rounding).all(), f"{m} {n}"


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_sizes_of_a_network(name):
    ours, expected, rounding = multiply(name, (64, 500, 784), "float64")
    assert (abs(ours - expected) <= rounding).all()


def test_float32_is_about_as_exact_as_blas():
    """Sums of 784 terms against float64: within a factor of three of what NumPy's BLAS loses."""
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(16, 784)).astype("float32"), generator.normal(size=(784, 128)).astype("float32")
    c = np.empty(16 * 128, np.float32)
    matmul.matmul(16, 128, 784, a.ravel(), b.ravel(), c, 0, 128)
    exact = a.astype(float) @ b.astype(float)
    assert abs(c.reshape(16, 128) - exact).mean() < 3 * abs(a @ b - exact).mean()


def test_a_result_does_not_depend_on_where_the_arrays_lie():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=7 * 33).astype("float32"), generator.normal(size=33 * 37).astype("float32")
    results = set()
    for offset in range(5):
        shifted = [np.concatenate([np.zeros(offset, "float32"), x])[offset:] for x in (a, b)]
        c = np.empty(7 * 37 + offset, np.float32)[offset:]
        matmul.matmul(7, 37, 33, *shifted, c, 0, 37)
        results.add(c.tobytes())
    assert len(results) == 1


def test_nan_reaches_the_product():
    c = np.empty(4)
    matmul.matmul(2, 2, 2, np.array([np.nan, 0.0, 1.0, 1.0]), np.zeros(4), c, 0, 2)
    assert np.isnan(c[:2]).all()
    assert not c[2:].any()
