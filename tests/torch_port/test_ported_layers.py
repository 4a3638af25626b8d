"""Every layer in PyTorch: a contract for each row of LAYERS and ACTIVATIONS, and networks of many shapes."""

from dataclasses import dataclass

import numpy as np
import pytest
from numba import njit
from tests.ingredients import nn
from tests.nn import passes
from tests.nn.rows import closed, suiting_shape

from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, LAYERS, LOSSES, Network, concat, residual
from handgrad.nn.layer import Activation
from handgrad.torch_port import to_torch
from handgrad.torch_port.port import Port

pytestmark = pytest.mark.usefixtures("torch")
KEY = 77  # of a step's random numbers


def layer_of(kind):
    return kind(3) if kind in (nn.Dense, nn.Conv2D, nn.PadChannels) else kind()


def filled(layers, shape, **changes):
    """A network in float64 none of whose numbers has the value that it starts from."""
    network = Network(layers, shape, dtype="float64", seed=5, **changes)
    generator = np.random.default_rng(3)
    network.parameters += generator.normal(0, 0.1, network.parameters.size)
    network.buffers += generator.random(network.buffers.size)
    return network


def agree(torch, network, rows=5):
    """Loss and gradients in training, with masks; then the logits in evaluation, of the port and of the copy."""
    generator = np.random.default_rng(8)
    x = generator.normal(0, 2, (rows, *network.input_shape))
    labels = generator.integers(0, network.classes, rows)
    theirs = Network(network.layers, network.input_shape, loss=network.loss, dtype="float64")
    theirs.parameters[:], theirs.buffers[:] = network.parameters, network.buffers
    port = Port(theirs)
    loss = port.loss_and_gradients(torch.from_numpy(x), torch.from_numpy(labels), KEY)[0]
    expected = {"loss": loss, "gradients": theirs.gradients, "buffers": theirs.buffers}
    with torch.inference_mode():
        expected["logits"] = port.logits(torch.from_numpy(x)).numpy()
    passes.check(network, x, labels, expected, key=KEY)
    with torch.inference_mode():  # the copy has the buffers that the pass has left
        copied = to_torch(network)(torch.from_numpy(x)).flatten(1).numpy()
    passes.check(network, x, labels, {"logits": copied}, training=False)


@pytest.mark.parametrize("name", [*LAYERS, *ACTIVATIONS])
def test_every_layer(name, torch):
    """First on images, then on what a convolution gives, then on vectors where it takes them."""
    kind = (LAYERS | ACTIVATIONS)[name]
    layer = layer_of(kind)
    agree(torch, filled([nn.Conv2D(2, 2), *closed(layer), nn.Dense(4)], (6, 5)))
    if kind is not nn.BatchNorm:
        agree(torch, filled([*closed(layer), nn.Dense(4)], (6, 5)))
    if suiting_shape(layer) == (6,):
        agree(torch, filled([nn.Dense(7), *closed(layer), nn.Dense(4)], (6,)))


NETWORKS = {
    "even kernels": ((8, 7), [nn.Conv2D(3, 2), nn.Tanh(), nn.Conv2D(2, (4, 1)), nn.Dense(4)]),
    "strides": ((3, 9, 8), [nn.Conv2D(3, 3, 2), nn.ReLU(), nn.Conv2D(4, (3, 2), (2, 1)), nn.Dense(4)]),
    "asymmetric and dilated": (
        (3, 9, 8),
        [nn.Conv2D(4, 3, 2, (0, 1, 2, 1), dilation=(1, 2)), nn.Tanh(), nn.Conv2D(3, 2, padding=(1, 0)), nn.Dense(4)],
    ),
    "groups, depthwise, no bias": (
        (4, 7, 6),
        [
            *(nn.Conv2D(6, 3, groups=2), nn.Conv2D(6, 3, 2, 1, groups=6, bias=False)),
            *(nn.Conv2D(8, 1, bias=False), nn.GlobalAveragePool(), nn.Dense(4)),
        ],
    ),
    "residual": (
        (3, 6, 6),
        [
            *(nn.Conv2D(4), *residual([nn.Conv2D(4), nn.BatchNorm(), nn.Dropout(0.3)]), nn.ReLU()),
            *residual([nn.Conv2D(5, 3, 2), nn.Sigmoid()], [nn.Conv2D(5, 1, 2)]),
            *(nn.Dense(6), *residual([nn.Dense(6)]), nn.Dense(4)),
        ],
    ),
    "of channels": (
        (4, 3, 2),
        [
            *(nn.GroupNorm(2), nn.PReLU(per_channel=True), nn.LayerNorm(over="channels"), nn.Transpose()),
            *(nn.Conv2D(6, 1), nn.Transpose((3, 2)), nn.PadChannels(8), nn.Dense(4)),
        ],
    ),
    "concat within residual": (
        (2, 5, 4),
        [
            *residual(concat([nn.Conv2D(1)], [nn.LayerNorm(), nn.Conv2D(1, 1)])),
            *concat([], [nn.Tanh()], []),
            nn.Dense(4),
        ],
    ),
    "valid": ((2, 11, 12), [nn.Conv2D(3, (3, 2), 2, "valid"), nn.Sigmoid(), nn.Dense(4)]),
    "pools": ((10, 9), [nn.MaxPool2D(2, 1), nn.AveragePool2D((2, 3)), nn.Flatten(), nn.Dense(4)]),
    "masks of columns and rows": (
        (6, 6),
        [nn.Conv2D(3), nn.Dropout(0.4), nn.ReLU(), nn.Dense(9), nn.Dropout(0.2), nn.Dense(4)],
    ),
    "dropout first": ((6, 6), [nn.Dropout(0.4), nn.Dense(4)]),
    "ends with channels": (
        (3, 6, 6),
        [nn.BatchNorm(0.3, 1e-2), nn.Conv2D(4, 3, 2), nn.ELU(0.5), nn.GlobalAveragePool()],
    ),
    "ends with an activation": ((5,), [nn.Dense(4), nn.LeakyReLU(0.3)]),
}


@pytest.mark.parametrize(("shape", "layers"), NETWORKS.values(), ids=NETWORKS.keys())
def test_networks(shape, layers, torch):
    agree(torch, filled(layers, shape))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss(name, torch):
    agree(torch, filled([nn.Dense(4)], (6,), loss=LOSSES[name]()))


def test_softplus_of_large_numbers(torch):
    network = filled([nn.Dense(4), ACTIVATIONS["softplus"]()], (3,))
    x = np.random.default_rng(2).normal(0, 60, (40, 3))
    expected = to_torch(network)(torch.from_numpy(x)).detach().numpy()
    passes.check(network, x, np.zeros(40, int), {"logits": expected})


def test_parameters_are_the_networks_own(torch):
    """What changes on one side changes on the other, in place: that is why checkpoints work."""
    network = filled([nn.Dense(3), nn.BatchNorm(), nn.Dense(4)], (5,))
    port = Port(network)
    network.parameters[:] = 0.5
    assert all((parameter == 0.5).all() for parameter in port.model.parameters())
    with torch.no_grad():
        port.model.get_submodule("0").weight[2, 1] = 7
    assert network.views["0.weight"][1, 2] == 7
    port.model.get_submodule("1").running_var[1] = 9
    assert network.views["1.running_variance"][1] == 9


@njit
def relu6_forward(x, y, parameters, buffers, saved, shape, settings, key, training):
    """y = min(max(x, 0), 6)."""
    for i in range(x.size):
        y[i] = min(max(x[i], 0), 6)


@njit
def relu6_backward(dy, dx, x, y, parameters, dparameters, saved, shape, settings):
    """dx = dy where 0 < x < 6."""
    for i in range(dx.size):
        dx[i] = dy[i] if 0 < x[i] < 6 else 0


@dataclass(frozen=True)
class ReLU6(Activation):
    """A layer from outside the package."""

    kernels = relu6_forward, relu6_backward


def test_a_layer_from_outside(torch, monkeypatch):
    """Refused until it names a class of torch.nn, or any other one by its path."""
    network = filled([nn.Dense(3), ReLU6(), nn.Dense(4)], (5,))
    with pytest.raises(UsageError, match=r"layer 1, ReLU6, names no module of PyTorch's: give .* `torch`"):
        Port(network)
    for kind in ("ReLU6", "torch.nn.modules.activation.ReLU6"):
        monkeypatch.setattr(ReLU6, "torch", (kind, {}))
        agree(torch, network)
