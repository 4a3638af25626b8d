"""Denormal numbers vanish inside compiled code and are there again outside; bits become floats."""

import platform

import numpy as np
import pytest

from handgrad.kernels.compile import strict_kernel
from handgrad.kernels.processor import float32_from_bits, flush_denormals, restore

DENORMAL = {"float32": np.float32(1e-40), "float64": np.float64(1e-310)}
KNOWN = platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")


@strict_kernel
def halved_while_flushing(x):
    """Halves the array where denormals are flushed."""
    word = flush_denormals()
    for i in range(x.size):
        x[i] = x[i] * x.dtype.type(0.5)
    restore(word)


@strict_kernel
def floats_from_bits(bits, out):
    """Element by element."""
    for i in range(bits.size):
        out[i] = float32_from_bits(bits[i])


@pytest.mark.skipif(not KNOWN, reason="on this processor denormals are left alone")
@pytest.mark.parametrize("dtype", DENORMAL)
def test_denormals_vanish_inside_and_return_outside(dtype):
    x = np.array([DENORMAL[dtype], 4.0], dtype)
    halved_while_flushing(x)
    assert list(x) == [0.0, 2.0]
    caller = np.array([DENORMAL[dtype]]) * np.array(0.5, dtype)
    assert caller[0] > 0


@pytest.mark.skipif(not KNOWN, reason="on this processor denormals are left alone")
def test_results_below_the_normal_range_vanish():
    x = np.array([np.finfo(np.float32).tiny])  # the smallest normal number: half of it is denormal
    halved_while_flushing(x)
    assert x[0] == 0


def test_float32_from_bits():
    numbers = np.array([0.0, 1.0, -2.5, 3.14159, 1e-40, np.inf], np.float32)
    out = np.empty_like(numbers)
    floats_from_bits(numbers.view(np.int32), out)
    assert np.array_equal(out, numbers)
