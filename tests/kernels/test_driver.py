"""The pieces of the training loop alone: gathering a batch, the gradient's norm, transforms, blocks of an update."""

import math

import numpy as np
import pytest
from tests import naive
from tests.ingredients import nn, optim
from tests.rounding import assert_close, gamma

from handgrad.kernels import driver
from handgrad.kernels.program import Batches
from handgrad.nn import Network
from handgrad.optim import OPTIMIZERS, GradientTransforms

DTYPES = ["float32", "float64"]
LINKED = 12  # operations on each element, by gradient transforms and a step of plain descent


def wide_network(dtype="float64"):
    """More parameters than two blocks, in segments that are no multiple of a block."""
    network = Network([nn.Dense(97), nn.Dense(50)], (30,), dtype=dtype, seed=3)
    assert network.parameters.size > 2 * driver.BLOCK
    network.gradients[:] = np.random.default_rng(4).normal(size=network.gradients.size)
    return network


def is_weight(network):
    """1 where a parameter belongs to a matrix, 0 where to a bias."""
    parts = [slot.part for slot in network.parameter_slots]
    return np.concatenate([np.full(part.size, float(len(part.shape) == 2)) for part in parts])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("source", ["uint8", "float32", "float64"])
def test_gather(source, dtype):
    images = np.random.default_rng(0).integers(0, 256, (9, 4)).astype(source)
    labels, rows = np.arange(9) * 3, np.array([7, 0, 7, 5])
    real = np.dtype(dtype).type
    scaling = np.array([1 / 255], real), np.array([-0.5], real)
    batches = Batches(images, labels, np.empty(0), rows, 4, *scaling, np.uint64(0), np.empty(0))
    x, out = np.full(16, 7.5, dtype), np.zeros(4, np.int64)
    driver.gather(batches, rows, x, out)
    # scale * pixel + shift, the scale rounded too; no number on the way is above 1
    assert_close(x.reshape(4, 4), images[rows].astype(float) / 255 - 0.5, gamma(4, dtype), "gather: x")
    assert list(out) == [21, 0, 21, 15]


def norm_error(size, dtype):
    """Relative: of sums of squares within a block in `dtype` and over the blocks in float64; the root halves it."""
    return gamma(min(size, driver.BLOCK) + 2, dtype) + gamma(size // driver.BLOCK + 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 2047, 2048, 2049, 10_000])
def test_gradient_norm(size, dtype):
    gradients = np.random.default_rng(size).normal(size=size).astype(dtype)
    expected = math.fsum(gradients.astype(float) ** 2) ** 0.5
    assert driver.gradient_norm(gradients) == pytest.approx(expected, rel=norm_error(size, dtype))


def test_gradient_norm_is_not_finite_when_a_gradient_is_not():
    for bad in (math.nan, math.inf):
        gradients = np.ones(5000, np.float32)
        gradients[3000] = bad
        assert not math.isfinite(driver.gradient_norm(gradients))


TRANSFORMS = {
    "none": GradientTransforms(),
    "clipping": GradientTransforms(clip_norm=0.7),
    "clipping that is not reached": GradientTransforms(clip_norm=1e4),
    "l1": GradientTransforms(l1=0.03),
    "weight_decay": GradientTransforms(weight_decay=0.2),
    "all": GradientTransforms(clip_norm=2.0, l1=0.01, weight_decay=0.05),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_transforms_before_the_step(transforms, dtype):
    network = wide_network(dtype)
    w, g = network.parameters.astype(float), network.gradients.astype(float)
    step = naive.penalised(
        w, naive.clipped(g, transforms.clip_norm), is_weight(network), transforms.l1, transforms.weight_decay
    )
    optimization = optim.SGD(learning_rate=0.5).bind(network, transforms)
    norm = driver.optimizer_step(network.program(1), optimization, 1, 0.5, 1.0, True)
    measured = norm_error(g.size, dtype)
    sizes = abs(w) + 0.5 * naive.penalised(abs(w), abs(g), is_weight(network), transforms.l1, transforms.weight_decay)
    clipped = measured * 0.5 * abs(step) if transforms.clip_norm else 0.0
    name = f"SGD(0.5) after {transforms}: w"
    assert_close(network.parameters, w - 0.5 * step, 2 * gamma(LINKED, dtype) * sizes + clipped, name)
    assert norm == pytest.approx(np.linalg.norm(g), rel=measured), "the norm is that before clipping"


def test_the_norm_is_measured_only_when_asked_for_or_needed():
    network = wide_network()
    free, clipping = optim.SGD().bind(network), optim.SGD().bind(network, GradientTransforms(clip_norm=1.0))
    assert math.isnan(driver.optimizer_step(network.program(1), free, 1, 0.1, 1.0, False))
    assert driver.optimizer_step(network.program(1), clipping, 1, 0.1, 1.0, False) > 0


def test_decoupled_decay_shrinks_weights_and_spares_biases():
    network = wide_network()
    network.gradients[:] = 0
    network.parameters[:] = 2.0
    optimization = OPTIMIZERS["adamw"]().bind(network, GradientTransforms(weight_decay=0.1))
    driver.optimizer_step(network.program(1), optimization, 1, 0.5, 1.0, False)
    # With no gradient Adam moves nothing: weights become 2 * (1 - 0.5 * 0.1) = 1.9, biases stay.
    np.testing.assert_allclose(network.parameters, np.where(is_weight(network) > 0, 1.9, 2.0), rtol=gamma(LINKED))


def test_l1_leaves_a_weight_of_zero_where_it_is():
    network = wide_network()
    network.parameters[:], network.gradients[:] = 0, 0
    driver.optimizer_step(network.program(1), optim.SGD().bind(network, GradientTransforms(l1=1.0)), 1, 0.1, 1.0, False)
    assert not network.parameters.any()


def test_an_infinite_norm_does_not_freeze_the_weights():
    """A gradient whose float32 norm overflows: clipping leaves it alone, so that the loss shows what happened."""
    network = Network([nn.Dense(2)], (3,))
    optimization = optim.SGD(1.0).bind(network, GradientTransforms(clip_norm=1.0))
    network.gradients[:] = 1e30
    before = network.parameters.copy()
    driver.optimizer_step(network.program(1), optimization, 1, 1.0, 1.0, False)
    assert not np.array_equal(network.parameters, before)
