"""Random numbers: the bits of SplitMix64, and what statistics must hold of any good generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import naive

from handgrad.kernels import random
from handgrad.kernels.compile import strict_kernel

# The first outputs of Vigna's splitmix64.c (2015) for the state 1234567.
REFERENCE = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]
KEYS = st.integers(0, 2**64 - 1)


@strict_kernel
def fill_uniform(key, out):
    """The first numbers of one stream."""
    for i in range(out.size):
        out[i] = random.uniform(key, i)


@strict_kernel
def fill_normal(key, out):
    """The first numbers of one stream."""
    for i in range(out.size):
        out[i] = random.normal(key, i)


@strict_kernel
def fill_first_of_subkeys(key, out):
    """The first number of each stream below `key`."""
    for i in range(out.size):
        out[i] = random.uniform(random.subkey(key, i), 0)


def drawn(kernel, key, size=100_000):
    out = np.empty(size)
    kernel(np.uint64(key), out)
    return out


def chi_square(counts):
    expected = counts.sum() / counts.size
    return np.sum((counts - expected) ** 2) / expected


def assert_even(counts):
    """Chi-square has mean k and variance 2k; 5 standard deviations above are passed once in millions of seeds."""
    freedom = counts.size - 1
    assert chi_square(counts) < freedom + 5 * np.sqrt(2 * freedom)


def test_bits_are_those_of_splitmix64():
    assert [int(random.bits(np.uint64(1234567), i)) for i in range(5)] == REFERENCE


@settings(deadline=None)  # the first example may compile
@given(KEYS, st.integers(0, 2**40))
def test_bits_and_subkeys_agree_with_unbounded_integers(key, index):
    assert int(random.bits(np.uint64(key), index)) == naive.mix((key + (index + 1) * naive.GOLDEN) & naive.MASK)
    assert int(random.subkey(np.uint64(key), index)) == naive.subkey(key, index)


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
@pytest.mark.parametrize("kernel", [fill_uniform, fill_first_of_subkeys], ids=["one stream", "many streams"])
def test_uniform(kernel, key):
    values = drawn(kernel, key)
    assert values.min() >= 0
    assert values.max() < 1
    assert_even(np.histogram(values, bins=100, range=(0, 1))[0])


@pytest.mark.parametrize("kernel", [fill_uniform, fill_first_of_subkeys], ids=["one stream", "many streams"])
def test_neighbours_are_independent(kernel):
    values = drawn(kernel, 7)
    assert_even(np.histogram2d(values[:-1], values[1:], bins=10, range=((0, 1), (0, 1)))[0].ravel())


@pytest.mark.parametrize("other", [1, 2, 2**32, 2**64 - 1])
def test_neighbouring_seeds_are_independent(other):
    pairs = drawn(fill_uniform, 0), drawn(fill_uniform, other)
    assert_even(np.histogram2d(*pairs, bins=10, range=((0, 1), (0, 1)))[0].ravel())


def test_streams_below_a_key_do_not_overlap():
    keys = [np.uint64(random.subkey(np.uint64(3), i)) for i in range(200)]
    assert len({int(random.bits(key, i)) for key in keys for i in range(50)}) == 200 * 50


def test_normal_moments():
    values = drawn(fill_normal, 11)
    # The k-th sample moment of n normal numbers scatters by sqrt(variance / n); variances 1, 2, 15 and 96.
    for power, moment, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs(np.mean(values**power) - moment) < 5 * np.sqrt(variance / values.size)


def test_normal_pairs_are_independent():
    values = drawn(fill_normal, 12)
    assert abs(np.mean(values[:-1] * values[1:])) < 5 / np.sqrt(values.size)


def test_purposes_give_different_numbers():
    step = np.uint64(random.subkey(np.uint64(5), 1))
    assert random.bits(step, 0) != random.bits(np.uint64(random.subkey(step, 0)), 0)
    assert random.subkey(step, 0) != random.subkey(step, 1)
    assert random.subkey(step, 0) != step
