"""Layers, losses and whole networks beside PyTorch's in float64: values and gradients but for rounding."""

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import BoundLayer
from tests.nn import passes
from tests.rounding import assert_close, gamma

from handgrad.nn import ACTIVATIONS, AbsoluteError, CrossEntropy, Network, SquaredError

COUNTERPARTS = {
    "identity": lambda modules, layer: modules.Identity(),
    "sigmoid": lambda modules, layer: modules.Sigmoid(),
    "tanh": lambda modules, layer: modules.Tanh(),
    "relu": lambda modules, layer: modules.ReLU(),
    "leaky_relu": lambda modules, layer: modules.LeakyReLU(layer.slope),
    "elu": lambda modules, layer: modules.ELU(layer.alpha),
    "gelu": lambda modules, layer: modules.GELU(),
    "silu": lambda modules, layer: modules.SiLU(),
    "softplus": lambda modules, layer: modules.Softplus(threshold=100),
    "arctan": lambda modules, layer: type("Atan", (modules.Module,), {"forward": lambda self, x: x.atan()})(),
}


def module_of(torch, layer, inputs):
    """PyTorch's module for one of our layers on vectors of `inputs` numbers."""
    modules = torch.nn
    if isinstance(layer, nn.Dense):
        return modules.Linear(inputs, layer.units, dtype=torch.float64)
    if isinstance(layer, nn.BatchNorm):
        return modules.BatchNorm1d(inputs, eps=layer.epsilon, momentum=layer.momentum, dtype=torch.float64)
    if isinstance(layer, nn.Flatten):
        return modules.Flatten()
    names = {cls: name for name, cls in ACTIVATIONS.items()}
    return COUNTERPARTS[names[type(layer)]](modules, layer)


def compare(torch, layer, x, dy, training=True):
    """Both passes of a layer alone and of PyTorch's module with the same parameters."""
    bound, module = BoundLayer(layer, x.shape[1:], len(x)), module_of(torch, layer, x.shape[1])
    with torch.no_grad():
        for value, parameter in zip(bound.named(bound.parameters).values(), module.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(value.T))
    module.train(training)
    moved = torch.tensor(x, requires_grad=True)
    out = module(moved)
    out.backward(torch.from_numpy(dy))
    expected = {"y": out.detach().numpy(), "dx": moved.grad.numpy()}
    for name, parameter in zip(bound.named(bound.parameters), module.parameters(), strict=True):
        expected[f"d{name}"] = parameter.grad.numpy().T
    bound.check(x, dy, expected, training=training)


ALONE = [
    *(ACTIVATIONS[name]() for name in COUNTERPARTS if name in ACTIVATIONS),
    nn.LeakyReLU(0.3),
    nn.ELU(2.5),
    nn.Dense(9),
    nn.BatchNorm(),
    nn.BatchNorm(momentum=0.5, epsilon=1e-2),
]


@pytest.mark.parametrize("layer", ALONE, ids=str)
def test_layer(layer, torch):
    generator = np.random.default_rng(3)
    x = generator.normal(0, 4, (6, 5))
    y = layer.plan((5,)).output
    compare(torch, layer, x, generator.normal(size=(6, *y)))


def test_batch_norm_in_evaluation(torch):
    generator = np.random.default_rng(4)
    x, dy = generator.normal(size=(2, 6, 5))
    compare(torch, nn.BatchNorm(), x, dy, training=False)


def test_batch_norm_running_statistics(torch):
    batches = np.random.default_rng(5).normal(2, 3, (5, 7, 4))
    bound, module = BoundLayer(nn.BatchNorm(momentum=0.3), (4,), 7), torch.nn.BatchNorm1d(4, momentum=0.3).double()
    for x in batches:
        bound.forward(x)
        module(torch.from_numpy(x))
    expected = np.concatenate([module.running_mean, module.running_var])
    allowed = 2 * gamma(3 * 7 + 5 * 4) * (1 + np.square(batches).max())  # a variance has squares of differences
    assert_close(bound.buffers, expected, allowed, "BatchNorm: running statistics")


NETWORKS = {
    "linear": [nn.Dense(3)],
    "tanh": [nn.Dense(8), nn.Tanh(), nn.Dense(8), nn.Tanh(), nn.Dense(3)],
    "relu": [nn.Dense(10), nn.ReLU(), nn.Dense(6), nn.ReLU(), nn.Dense(3)],
    "batch norm": [
        nn.Flatten(),
        nn.BatchNorm(),
        nn.Dense(8),
        nn.BatchNorm(),
        nn.ReLU(),
        nn.Dense(6),
        nn.BatchNorm(),
        nn.Sigmoid(),
        nn.Dense(3),
    ],
    "mixed": [
        nn.Dense(7),
        nn.GELU(),
        nn.Dense(7),
        nn.SiLU(),
        nn.Dense(7),
        nn.ELU(),
        nn.Dense(7),
        nn.Softplus(),
        nn.Dense(3),
    ],
    "activation last": [nn.Dense(5), nn.Tanh(), nn.Dense(3), nn.LeakyReLU(0.2)],
}
LOSSES = {
    "cross_entropy": (CrossEntropy(), lambda F, z, labels: F.cross_entropy(z, labels)),
    "label smoothing": (CrossEntropy(0.15), lambda F, z, labels: F.cross_entropy(z, labels, label_smoothing=0.15)),
    "mean_squared_error": (
        SquaredError(),
        lambda F, z, labels: F.mse_loss(F.softmax(z, dim=1), F.one_hot(labels, z.shape[1]).double()),
    ),
    "mean_absolute_error": (
        AbsoluteError(),
        lambda F, z, labels: F.l1_loss(F.softmax(z, dim=1), F.one_hot(labels, z.shape[1]).double()),
    ),
}


def twin(torch, network):
    """The same network in PyTorch, from the same parameters and buffers."""
    sizes = [6, *(int(np.prod(plan.output)) for plan in network.plans)]
    modules = [module_of(torch, layer, size) for layer, size in zip(network.layers, sizes, strict=False)]
    model, ours = torch.nn.Sequential(*modules), network.views
    renamed = {"gamma": "weight", "beta": "bias", "running_variance": "running_var"}
    with torch.no_grad():
        for name, value in ours.items():
            layer, part = name.split(".")
            getattr(model[int(layer)], renamed.get(part, part)).copy_(torch.from_numpy(value.T))
    return model


@pytest.mark.parametrize(("loss", "counterpart"), LOSSES.values(), ids=LOSSES.keys())
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS.keys())
def test_network(layers, loss, counterpart, torch):
    generator = np.random.default_rng(11)
    network = Network(layers, (6,), loss=loss, dtype="float64", seed=5)
    network.parameters += generator.normal(0, 0.1, network.parameters.size)  # no bias is zero
    model = twin(torch, network)
    images, labels = generator.normal(size=(8, 6)), generator.integers(0, 3, 8)
    expected = counterpart(torch.nn.functional, model(torch.from_numpy(images)), torch.from_numpy(labels))
    expected.backward()
    gradients = [parameter.grad.numpy().T.ravel() for parameter in model.parameters()]
    logits = model.eval()(torch.from_numpy(images)).detach()
    theirs = {"loss": expected.item(), "gradients": np.concatenate(gradients), "logits": logits.numpy()}
    passes.check(network, images, labels, theirs | {"probabilities": torch.softmax(logits, dim=1).numpy()})
