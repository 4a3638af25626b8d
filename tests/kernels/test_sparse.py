"""Leaving zeros out changes no bit, whatever the sizes and wherever the zeros are."""

import numpy as np
import pytest
from tests.ingredients import nn

from handgrad.kernels import matmul, sparse
from handgrad.kernels.blocks import VECTOR_BYTES
from handgrad.kernels.sparse import FEW, GROUP, VECTORS
from handgrad.nn import Network

LANES = VECTOR_BYTES // 4
SIZES = [  # images, units, pixels
    (1, 1, 1),
    (3, 10, 30),
    (FEW, 2 * LANES, 20),
    (FEW + 3, 2 * LANES + 5, 40),
    (2 * FEW + 1, LANES + 1, GROUP + 1),
    (FEW, 5, GROUP - 1),
    (33, VECTORS * LANES, 64),
    (16, (VECTORS + 2) * LANES, 49),
    (20, (VECTORS + 2) * LANES + 3, 31),
]
PATTERNS = {
    "half the columns": lambda a, random: a * (random.random(a.shape[1]) < 0.5),
    "scattered": lambda a, random: a * (random.random(a.shape) < 0.3),
    "everything": lambda a, random: a * 0,
    "nothing": lambda a, random: a,
}


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("m", "n", "inner"), SIZES)
def test_same_bits_as_the_whole_product(m, n, inner, dtype, pattern):
    random = np.random.default_rng(3)
    a = PATTERNS[pattern](random.normal(size=(m, inner)), random).astype(dtype)
    b, dy = random.normal(size=inner * n).astype(dtype), random.normal(size=m * n).astype(dtype)
    whole, left_out = np.full((2, m * n), np.nan, dtype)
    matmul.matmul(m, n, inner, a.ravel(), b, whole, 0, n)
    sparse.sparse_matmul(m, n, inner, a.ravel(), b, left_out)
    np.testing.assert_array_equal(whole, left_out)
    whole, left_out = np.full((2, inner * n), np.nan, dtype)
    matmul.matmul_transposed_a(inner, n, m, a.ravel(), dy, whole, 0, inner)
    sparse.sparse_matmul_transposed_a(inner, n, m, a.ravel(), dy, left_out)
    np.testing.assert_array_equal(whole, left_out)


def test_share_of_zeros_counts_pixels_dark_in_a_whole_group_of_images():
    images = np.ones((2 * GROUP, 4), np.uint8)
    images[:GROUP, 0] = 0  # dark in the first group
    images[:, 1] = 0  # dark in both
    images[0, 2] = 0  # in one image only
    assert sparse.share_of_zeros(images, 0) == 3 / 8


def test_a_network_chooses_by_its_images_and_computes_the_same():
    random = np.random.default_rng(4)
    images = (random.integers(1, 256, (40, 6, 6)) * (random.random((6, 6)) < 0.4)).astype(np.uint8)
    labels = random.integers(0, 3, 40)
    networks = [Network([nn.Flatten(), nn.Dense(33), nn.ReLU(), nn.Dense(3)], (6, 6)) for _ in range(2)]
    networks[1].select_kernels(images)
    assert [network.sparsity for network in networks] == [0, (images[0] == 0).mean()]
    first = [int(network.program(40).table[0]["forward"]) for network in networks]
    assert first[0] != first[1]
    losses = {network.loss_and_gradients(images, labels) for network in networks}
    assert len(losses) == 1
    np.testing.assert_array_equal(networks[0].gradients, networks[1].gradients)
    networks[1].select_kernels(np.full((40, 6, 6), 7, np.uint8))
    assert int(networks[1].program(40).table[0]["forward"]) == first[0]


def test_lists_pay_for_wide_layers_only():
    images = np.zeros((GROUP, 6, 6), np.uint8)
    images[:, :4] = 9  # a third is black
    chosen = []
    for units in (17, 19):
        network = Network([nn.Flatten(), nn.Dense(units)], (6, 6))
        before = int(network.program(2).table[0]["forward"])
        network.select_kernels(images)
        chosen.append(int(network.program(2).table[0]["forward"]) != before)
    assert chosen == [False, True]
