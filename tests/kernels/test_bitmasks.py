"""Bits of numbers that are not zero, and lists of bits, against NumPy."""

import numpy as np
import pytest

from handgrad.kernels import sparse
from handgrad.kernels.compile import strict_kernel


@strict_kernel
def ask(array, start, select):
    return sparse.nonzero_bits(array, start, select)


@strict_kernel
def append(bits, base, out, count):
    return sparse.list_bits(bits, base, out, count)


@strict_kernel
def append_one_by_one(bits, base, out, count):
    return sparse.one_by_one(bits, base, out, count)


def in_bits(flags):
    return sum(1 << int(place) for place in np.flatnonzero(flags))


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
def test_a_bit_for_each_number_that_is_not_zero(dtype):
    random = np.random.default_rng(0)
    numbers = (random.normal(size=40) * 9 * (random.random(40) < 0.5)).astype(dtype)
    everything = (1 << (8 * numbers.itemsize - 1)) - 1
    for start in (0, 3, 24):
        assert ask(numbers, start, everything) == in_bits(numbers[start : start + 16] != 0)


def test_a_negative_zero_is_zero_and_a_nan_is_not():
    numbers = np.zeros(16, np.float32)
    numbers[[2, 5, 9]] = -0.0, np.nan, -np.inf
    assert ask(numbers, 0, (1 << 31) - 1) == 1 << 5 | 1 << 9


def test_only_selected_bits_count():
    numbers = np.arange(16, dtype=np.int32)
    assert ask(numbers, 0, 0b100) == in_bits(numbers & 0b100)


@pytest.mark.parametrize("how", [append, append_one_by_one])
def test_the_bits_that_are_set_in_order(how):
    for bits in (0, 1, 0xFFFF, 0x8001, 0b1011_0000_0110):
        out = np.full(24, -1, np.int32)
        count = how(bits, 100, out, 3)
        assert out[:count].tolist() == [-1] * 3 + [100 + place for place in range(16) if bits >> place & 1]
        assert (out[19:] == -1).all()
