"""Random numbers as a pure function of (seed, purpose, step, index): no state, so any step can be replayed alone.

Ref     Steele, Lea & Flood, Fast splittable pseudorandom number generators (SplitMix64), OOPSLA 2014: its i-th output
        is `mix(key + i * GOLDEN)`, which makes the generator a counter-based one.
"""

import math

import numpy as np

from handgrad.kernels.compile import strict_kernel

U = np.uint64
GOLDEN = U(0x9E3779B97F4A7C15)
UNIT = 2.0**-53


@strict_kernel
def mix(z):
    """SplitMix64's output function: a bijection on 64 bits in which every input bit moves half of the output's."""
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    return z ^ (z >> U(31))


@strict_kernel
def subkey(key, index):
    """An independent key for the `index`-th step, layer or purpose below `key`."""
    return mix(mix(U(key) + GOLDEN) ^ (U(index) * GOLDEN))


@strict_kernel
def bits(key, index):
    """64 random bits, the `index`-th of the stream `key`."""
    return mix(U(key) + (U(index) + U(1)) * GOLDEN)


@strict_kernel
def uniform(key, index):
    """A float64 uniform on [0, 1) with 53 random bits."""
    return float(bits(key, index) >> U(11)) * UNIT


@strict_kernel
def normal(key, index):
    """A standard normal float64.  Math  sqrt(-2 log u1) cos(2 pi u2)  (Box & Muller 1958)."""
    u1, u2 = 1.0 - uniform(key, 2 * index), uniform(key, 2 * index + 1)
    return math.sqrt(-2.0 * math.log(u1)) * math.cos(2.0 * math.pi * u2)
