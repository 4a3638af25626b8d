"""Files for Keras: their layout, and every layer of the registry read by Keras itself (`make test-keras`)."""

import io

import numpy as np
import pytest
from tests.exports.written import NOT_IN_KERAS, cases, made
from tests.ingredients import nn

from handgrad.exports import export
from handgrad.exports.keras_file import keras_weights

# Keras asks PyTorch so.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation", "ignore:.*np.object")
LARGEST = 1e-5


def seen_by_keras(images):
    """With the channels last."""
    return (np.moveaxis(images, 1, -1) if images.ndim == 4 else images).astype(np.float32)


def test_the_layout_of_weights():
    """layers/CLASS_NUMBER/vars/NUMBER, as Keras numbers the layers of a class."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed: make keras")
    network, _ = made((3, 6, 5), [nn.Conv2D(2, (3, 2)), nn.BatchNorm(), nn.Dense(7), nn.Tanh(), nn.Dense(4)])
    views = network.views
    with h5py.File(io.BytesIO(keras_weights(network))) as file:
        assert file["layers/conv2d/vars/0"].shape == (3, 2, 3, 2)
        np.testing.assert_array_equal(file["layers/conv2d/vars/0"][1, 0, 2], views["0.weight"][:, 2, 1, 0])
        order = [views[f"1.{name}"] for name in ("gamma", "beta", "running_mean", "running_variance")]
        np.testing.assert_array_equal([file[f"layers/batch_normalization/vars/{k}"] for k in range(4)], order)
        np.testing.assert_array_equal(file["layers/dense/vars/0"], views["2.weight"])
        np.testing.assert_array_equal(file["layers/dense_1/vars/1"], views["4.bias"])


def test_keras_reads_every_layer(keras, tmp_path):
    for name, shape, layers in cases(NOT_IN_KERAS):
        network, images = made(shape, layers)
        export(network, tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")
        logits = keras.ops.convert_to_numpy(model(seen_by_keras(images)))
        np.testing.assert_allclose(logits, network.logits(images), rtol=0, atol=LARGEST, err_msg=name)


def test_keras_reads_weights(keras, tmp_path):
    """Into a model as people write it."""
    network, images = made((6, 5), [nn.Flatten(), nn.Dense(7), nn.ReLU(), nn.Dense(4)])
    export(network, tmp_path / "w.weights.h5")
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6, 5)), layers.Flatten(), layers.Dense(7, activation="relu"), layers.Dense(4)]
    )
    model.load_weights(tmp_path / "w.weights.h5")
    logits = keras.ops.convert_to_numpy(model(network.scaling(images, np.float32)))
    np.testing.assert_allclose(logits, network.logits(images), rtol=0, atol=LARGEST)
