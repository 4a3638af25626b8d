"""Convolutions as products, whole or in tiles, against the plain ones, which naive loops check; bits of parts."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import SENTINEL, BoundLayer

from handgrad.kernels.grouped_convolution import grouped_convolution_backward, grouped_convolution_forward
from handgrad.kernels.implicit_gemm import implicit_gemm_backward, implicit_gemm_forward
from handgrad.kernels.winograd import winograd_backward, winograd_forward

CONVOLUTIONS = {
    "3 by 3": ((16, 4, 5), 3, nn.Conv2D(16)),
    "more taps than a block has": ((48, 3, 3), 16, nn.Conv2D(9)),
    "more numbers in a row than a block has": ((2, 3, 18), 67, nn.Conv2D(8)),
    "stride 2": ((3, 7, 9), 5, nn.Conv2D(13, 3, 2)),
    "two strides valid": ((9, 10, 11), 33, nn.Conv2D(20, (3, 2), (3, 2), "valid")),
    "1 by 1 with gaps": ((16, 10, 8), 4, nn.Conv2D(16, 1, 3)),
    "a stride beyond the kernel": ((8, 11, 13), 3, nn.Conv2D(17, 2, (4, 3), "valid")),
    "four margins": ((8, 9, 9), 7, nn.Conv2D(12, 5, padding=(1, 2, 3, 0))),
    "no bias, holes, one image": ((12, 9, 7), 1, nn.Conv2D(11, padding=(4, 1, 0, 2), dilation=(2, 3), bias=False)),
    "more weights than numbers": ((24, 2, 3), 3, nn.Conv2D(20)),
    "groups": ((6, 6, 7), 9, nn.Conv2D(24, 3, 2, groups=3, dilation=2)),
    "a margin as wide as the kernel": ((4, 6, 9), 10, nn.Conv2D(8, (1, 7), (2, 3), (0, 6))),
}
TILED = {
    "whole tiles": ((32, 4, 6), 16, nn.Conv2D(32)),
    "odd sizes": ((32, 5, 3), 19, nn.Conv2D(33)),
    "valid": ((35, 4, 6), 3, nn.Conv2D(40, padding="valid")),
    "four margins, no bias, one image": ((32, 3, 4), 1, nn.Conv2D(34, padding=(2, 0, 1, 2), bias=False)),
    "a single pixel": ((33, 1, 1), 5, nn.Conv2D(32)),
    "more images than a tile takes at a time": ((32, 2, 3), 300, nn.Conv2D(32)),
    "more channels than a block has": ((140, 2, 2), 2, nn.Conv2D(32)),
}
PRODUCT, IN_TILES = (implicit_gemm_forward, implicit_gemm_backward), (winograd_forward, winograd_backward)
EACH = {name: (PRODUCT, *case) for name, case in CONVOLUTIONS.items()}
EACH |= {name: (IN_TILES, *case) for name, case in TILED.items()}
each_one = pytest.mark.parametrize(("kernels", "shape", "rows", "layer"), EACH.values(), ids=EACH.keys())


def arrays(shape, rows, layer, dtype):
    generator, output = np.random.default_rng(3), layer.plan(shape).output
    return [generator.normal(size=(rows, *each)).astype(dtype) for each in (shape, output)]


@each_one
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_the_plain_one(kernels, shape, rows, layer, dtype):
    bound, plain = BoundLayer(layer, shape, rows, dtype), BoundLayer(layer, shape, rows)
    assert bound.plan.kernels == kernels
    plain.plan = replace(plain.plan, kernels=(grouped_convolution_forward, grouped_convolution_backward), shared=False)
    plain.parameters[:] = bound.parameters
    reach = prod(size + kernel * 16 for size, kernel in zip(shape[1:], plain.sizes[4:6], strict=True))
    plain.saved = np.zeros(shape[0] * reach * rows)
    x, dy = arrays(shape, rows, layer, dtype)
    bound.check(x, dy, plain.passes(x, dy))


@each_one
def test_the_bits_of_parts(kernels, shape, rows, layer):
    forward, backward = kernels
    bound = BoundLayer(layer, shape, rows, "float32")
    x, dy = arrays(shape, rows, layer, "float32")
    whole = bound.passes(x, dy)
    flat, numbers = (bound.x, bound.laid_out(dy)), (bound.saved, bound.sizes, bound.settings)
    for parts in (3, 4):
        y, dparameters, dx = (np.full_like(each, SENTINEL) for each in (bound.y, bound.dparameters, bound.x))
        for part in range(parts):
            forward(flat[0], y, bound.parameters, bound.buffers, *numbers, np.uint64(0), True, (part, parts))
            backward(flat[1], dx, flat[0], y, bound.parameters, dparameters, *numbers, (part, parts))
        assert bound.y.tobytes() == y.tobytes()
        assert bound.dparameters.tobytes() == dparameters.tobytes()
        np.testing.assert_array_equal(bound.brought_back(dx, shape), whole["dx"])
