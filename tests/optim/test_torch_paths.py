"""A thousand training steps beside the same thousand in PyTorch, for every optimizer it has.

In float64 the whole compiled loop runs. In float32 two loops part by more than rounding wherever a gradient is nearly
zero, for Adam's first step has the length of the rate whatever the gradient's; so there the update is given PyTorch's.
"""

import numpy as np
import pytest
from tests.ingredients import nn, optim
from tests.optim.paths import walk
from tests.rounding import parting, random_walk
from tests.slow import quick

from handgrad.kernels import driver
from handgrad.kernels.gradients import NO_UNITS
from handgrad.nn import Network
from handgrad.optim import GradientTransforms

STEPS, SIZE, CLASSES = 1000, 5, 3
TERMS = 7 + SIZE  # of the longest sum: forward over the units, backward over the batch


def of(name, **fixed):
    """A maker of PyTorch's optimizer `name`: ours' hyper-parameters in, its own names out."""

    def make(package, groups, rate, **hyper):
        theirs = {"epsilon": "eps", "beta": "alpha"}
        betas = {"betas": (hyper.pop("beta1"), hyper.pop("beta2"))} if "beta1" in hyper else {}
        renamed = {theirs.get(key, key): value for key, value in hyper.items()}
        return getattr(package, name)(groups, lr=rate, **betas, **renamed, **fixed)

    return make


# Our class, PyTorch's, learning rate, hyper-parameters other than the defaults
ROWS = {
    "sgd": (optim.SGD, of("SGD"), 0.1, {}),
    "momentum": (optim.Momentum, of("SGD"), 0.03, {"momentum": 0.6}),
    "nag": (optim.NAG, of("SGD", nesterov=True), 0.03, {"momentum": 0.7}),
    "rmsprop": (optim.RMSprop, of("RMSprop"), 0.003, {"beta": 0.9, "epsilon": 1e-3}),
    "adam": (optim.Adam, of("Adam"), 0.01, {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4}),
    "adamw": (optim.AdamW, of("AdamW"), 0.01, {"beta1": 0.7, "beta2": 0.95, "epsilon": 1e-4}),
    "nadam": (optim.NAdam, of("NAdam"), 0.01, {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4, "momentum_decay": 0.02}),
    "adagrad": (optim.Adagrad, of("Adagrad"), 0.05, {"epsilon": 1e-3}),
}
DEFAULTS, EVERYTHING = (GradientTransforms(), False), (GradientTransforms(weight_decay=0.02, clip_norm=0.3), True)
VARIANTS = {
    "float32": pytest.param("float32", *DEFAULTS, marks=pytest.mark.slow),
    "float64": pytest.param("float64", *DEFAULTS, marks=pytest.mark.slow),
    "decay, clipping, unusual, float64": ("float64", *EVERYTHING),
    "decay, clipping, unusual, float32": pytest.param("float32", *EVERYTHING, marks=pytest.mark.slow),
}


@pytest.fixture
def doubles(torch):
    """PyTorch in float64 throughout: NAdam keeps a product of momenta in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


def problem(dtype):
    """Images whose labels are partly noise, so that no gradient dies; and an order of rows for all steps."""
    generator = np.random.default_rng(8)
    images = generator.normal(size=(40, 6)).astype(dtype)
    meant, noise = (images[:, 0] > 0) + (images[:, 1] > 0.5), generator.integers(0, 3, 40)
    labels = np.where(generator.random(40) < 0.7, meant, noise)
    order = np.concatenate([generator.permutation(40) for _ in range(STEPS * SIZE // 40)])
    return images, labels.astype(np.int64), order


def train(network, optimizer, transforms):
    """STEPS steps of the compiled loop."""
    batches = network.batches(*problem(network.dtype), size=SIZE)
    rates = np.full(STEPS, optimizer.learning_rate)
    optimization, records = optimizer.bind(network, transforms), np.zeros((STEPS, 3))
    assert (
        driver.train_steps(network.program(SIZE), optimization, batches, 0, 0, rates, 100, records, NO_UNITS) == STEPS
    )


def theirs(torch, network, make, hyper, transforms):
    """Parameters after the same steps of PyTorch, from the network's present ones; and every step's gradient."""
    images, labels, order = (torch.from_numpy(array) for array in problem(network.dtype))
    w1, b1, w2, b2 = values = [torch.tensor(view, requires_grad=True) for view in network.views.values()]
    groups = [{"params": [w1, w2], "weight_decay": transforms.weight_decay}, {"params": [b1, b2], "weight_decay": 0.0}]
    optimizer, gradients = make(torch.optim, groups, **hyper), []
    for rows in order.reshape(STEPS, SIZE):
        logits = torch.tanh(images[rows] @ w1 + b1) @ w2 + b2
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, labels[rows]).backward()
        gradients.append(np.concatenate([value.grad.numpy().ravel() for value in values]))
        if transforms.clip_norm:
            torch.nn.utils.clip_grad_norm_(values, transforms.clip_norm)
        optimizer.step()
    return np.concatenate([value.detach().numpy().ravel() for value in values]), gradients


@pytest.mark.parametrize(
    ("dtype", "transforms", "unusual"), quick(VARIANTS.values(), lambda row: row[0] == "float64"), ids=VARIANTS.keys()
)
@pytest.mark.parametrize("name", quick(ROWS, ["nadam"]))
def test_same_path(name, dtype, transforms, unusual, doubles):
    cls, make, rate, hyper = ROWS[name]
    network = Network([nn.Dense(7), nn.Tanh(), nn.Dense(CLASSES)], (6,), dtype=dtype, seed=3)
    optimizer = cls(rate, **(hyper if unusual else {}))
    every = {name: value for name, value in vars(optimizer).items() if name != "learning_rate"}
    before = network.parameters.copy()
    expected, gradients = theirs(doubles, network, make, {"rate": rate, **every}, transforms)

    def follow(move):
        network.parameters[:] = before
        move(network.parameters)
        if dtype == "float64":
            train(network, optimizer, transforms)
        else:
            walk(network, optimizer, lambda w, t: gradients[t - 1], np.full(STEPS, rate), transforms=transforms)
        return network.parameters.copy()

    path = follow(lambda weights: None)
    assert np.abs(expected - before).max() > 0.1, "the path must lead somewhere"
    allowed = random_walk(STEPS, np.abs(expected).max(), dtype)
    if dtype == "float64":
        allowed += parting(follow, TERMS, STEPS).max()
    np.testing.assert_allclose(path, expected, rtol=0, atol=allowed)
