"""Matrix products from every installed BLAS against einsum."""

import numpy as np
import pytest

from handgrad.errors import UsageError
from handgrad.kernels import blas

INSTALLED = ["scipy", *(["mkl"] if blas.mkl_library() else [])]
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
SHAPES = [(1, 1, 1), (5, 3, 7), (1, 64, 10), (17, 1, 4), (64, 33, 1)]
PRODUCTS = {
    "plain": (blas.matmul, "mk,kn->mn"),
    "a transposed": (blas.matmul_transposed_a, "km,kn->mn"),
    "b transposed": (blas.matmul_transposed_b, "mk,nk->mn"),
}


@pytest.fixture(autouse=True)
def _put_back():
    before = blas.in_use()
    yield
    blas.use(before)


def factors(equation, sizes, dtype):
    generator = np.random.default_rng(2)
    named = dict(zip("mkn", sizes, strict=True))
    a, b = equation.split("->")[0].split(",")
    return [generator.normal(size=[named[axis] for axis in axes]).astype(dtype) for axes in (a, b)]


@pytest.mark.parametrize("library", INSTALLED)
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("sizes", SHAPES, ids=str)
def test_product(sizes, name, dtype, library):
    assert blas.use(library) == library
    product, equation = PRODUCTS[name]
    a, b = factors(equation, sizes, dtype)
    c = np.full((sizes[0], sizes[2]), np.nan, dtype)  # what stood there before must not shine through
    product(a, b, c)
    np.testing.assert_allclose(c, np.einsum(equation, a, b), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("library", INSTALLED)
def test_nan_reaches_the_product(library):
    blas.use(library)
    c = np.empty((2, 2))
    blas.matmul(np.array([[np.nan, 0.0], [1.0, 1.0]]), np.zeros((2, 2)), c)
    assert np.isnan(c[0]).all()
    assert not c[1].any()


def test_the_library_in_use_is_known_by_name():
    for library in INSTALLED:
        blas.use(library)
        assert blas.in_use() == library
    assert blas.use("auto") == INSTALLED[-1]


def test_unknown_library():
    with pytest.raises(UsageError, match=r"unknown BLAS 'blis': choose auto, mkl, scipy \(--blas\)"):
        blas.use("blis")


def test_library_that_is_not_installed(monkeypatch):
    before = blas.in_use()
    monkeypatch.setitem(blas.LIBRARIES, "mkl", lambda routine: None)
    with pytest.raises(UsageError, match=r"BLAS 'mkl' is not installed \(--blas\): python -m pip install mkl"):
        blas.use("mkl")
    assert blas.in_use() == before
