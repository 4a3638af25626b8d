"""What each layer puts out: the arena is read in the right places and the right way round."""

import numpy as np
import pytest
from tests.ingredients import nn
from tests.nn import passes
from tests.rounding import assert_close, gamma

from handgrad.nn import ACTIVATIONS, Network

STAGE = [nn.Conv2D(3, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)]
NETWORKS = {
    "dense": [nn.Flatten(), nn.Dense(6), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.5), nn.Dense(4)],
    "softmax regression": [nn.Flatten(), nn.Dense(4)],
    "convolutions": [*STAGE, *STAGE, nn.Flatten(), nn.Dense(5), nn.Tanh(), nn.Dense(4)],
    "columns to the end": [nn.Conv2D(4, 3), nn.GlobalAveragePool()],
    "functions in both layouts": [
        nn.Tanh(),
        nn.Conv2D(2, 3),
        nn.Tanh(),
        nn.Flatten(),
        nn.Tanh(),
        nn.Dense(4),
        nn.Tanh(),
    ],
    "every activation": [nn.Flatten(), nn.Dense(5), *(cls() for cls in ACTIVATIONS.values()), nn.Dense(4)],
}


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS.keys())
def test_each_output_is_that_of_the_network_cut_there(layers):
    images = np.random.default_rng(0).random((7, 9, 8))
    whole = Network(layers, (9, 8), dtype="float64", seed=3)
    found = whole.activations(images)
    assert list(found) == list(range(len(layers)))
    for last, output in found.items():
        if not any(plan.parameters for plan in whole.plans[: last + 1]):
            continue  # no network may be without parameters
        cut = Network(layers[: last + 1], (9, 8), dtype="float64")
        cut.parameters[:] = whole.parameters[: cut.parameters.size]
        cut.buffers[:] = whole.buffers[: cut.buffers.size]
        assert output.shape == (7, *whole.plans[last].output)
        np.testing.assert_array_equal(output.reshape(7, -1), cut.logits(images))


def test_inputs_are_scaled_and_flatten_hands_them_on():
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    found = Network([nn.Flatten(), nn.Dense(2)], (2, 3)).activations(images)
    np.testing.assert_allclose(found[0], images.reshape(2, 6) / 255, rtol=gamma(3, "float32"))


def test_many_images_go_through_in_parts():
    """More than one evaluation batch, the last of them smaller; only the layers asked for are kept."""
    images = np.random.default_rng(1).random((600, 8, 8)).astype(np.float32)
    network = Network([*STAGE, nn.Flatten(), nn.Dense(4)], (8, 8), seed=1)
    found = network.activations(images, [3, 5])
    assert list(found) == [3, 5]
    np.testing.assert_array_equal(found[5], network.logits(images))
    below = Network(STAGE, (8, 8), seed=1)
    allowed = passes.rounding(below, images, np.zeros(600, int))["logits"]
    for row in (0, 255, 256, 599):
        alone = network.activations(images[row : row + 1], [3])[3][0]
        assert_close(found[3][row], alone, allowed, f"layer 3, image {row}")


def test_no_images_no_outputs():
    network = Network([nn.Flatten(), nn.Dense(4)], (8, 8))
    assert network.activations(np.empty((0, 8, 8), np.uint8))[1].shape == (0, 4)
