"""What layers' descriptions say of Keras and TensorFlow, held against Keras; `make test-keras` runs this."""

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import BoundLayer
from tests.rounding import gamma

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras asks PyTorch so


def test_batch_norms_momentum_is_one_minus_ours(keras):
    x = np.random.default_rng(0).normal(3, 2, (50, 4))
    ours, theirs = BoundLayer(nn.BatchNorm(momentum=0.3), (4,), 50), keras.layers.BatchNormalization(momentum=0.7)
    ours.forward(x)
    theirs(x, training=True)
    # A sum of 50 in float32, and a step of the running mean.
    mean = keras.ops.convert_to_numpy(theirs.moving_mean)
    assert ours.buffers[:4] == pytest.approx(mean, rel=2 * gamma(50 + 4, "float32"))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_same_padding_is_tensorflows(kernel, stride, keras):
    """And a convolution is a cross-correlation there too."""
    x = np.random.default_rng(1).normal(size=(3, 2, 7, 8))
    ours = BoundLayer(nn.Conv2D(4, kernel, stride, "same"), (2, 7, 8), 3)
    weight, bias = ours.named(ours.parameters).values()
    there = np.moveaxis(x, 1, -1), weight.transpose(2, 3, 1, 0)
    y = keras.ops.convert_to_numpy(keras.ops.conv(*there, strides=stride, padding="same")) + bias
    ours.check(x, np.ones(ours.forward(x).shape), {"y": np.moveaxis(y, -1, 1)})


def test_a_linear_layer_is_an_activation_in_keras(keras):
    """Which is why --layers takes the word for neither: it names a dense layer in PyTorch."""
    assert keras.activations.get("linear")(3.0) == 3.0
