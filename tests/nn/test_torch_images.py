"""Layers on images, and whole CNNs, beside PyTorch's in float64: values and gradients but for rounding."""

import numpy as np
import pytest
from tests.ingredients import nn
from tests.kernels.bound import BoundLayer
from tests.nn import passes
from tests.rounding import assert_close, gamma
from tests.slow import quick

from handgrad.nn import Network
from handgrad.nn.images import pair

# PyTorch says so once a process, of even kernels.
pytestmark = pytest.mark.filterwarnings("ignore:Using padding=.same.")

RENAMED = {"gamma": "weight", "beta": "bias", "running_variance": "running_var"}


def margins(size, kernel, stride):
    """TensorFlow's rule for "same": ceil(size / stride) windows, the odd zero behind.  (before, after)"""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def convolution(torch, layer, shape):
    """PyTorch's own "same" for stride 1, which it refuses for others: there zeros are put around beforehand."""
    kernel, stride = pair(layer.kernel_size), pair(layer.stride)
    here = layer.padding if stride == (1, 1) else 0
    module = torch.nn.Conv2d(shape[0], layer.filters, kernel, stride, here, dtype=torch.float64)
    if layer.padding == "valid" or stride == (1, 1):
        return module
    rows, columns = (margins(*sizes) for sizes in zip(shape[1:], kernel, stride, strict=True))
    return torch.nn.Sequential(torch.nn.ZeroPad2d((*columns, *rows)), module)


def module_of(torch, layer, shape):
    """PyTorch's module for one of our layers on inputs of `shape`."""
    modules = torch.nn
    if isinstance(layer, nn.Conv2D):
        return convolution(torch, layer, shape)
    if isinstance(layer, nn.BatchNorm):
        module = modules.BatchNorm2d if len(shape) == 3 else modules.BatchNorm1d
        return module(shape[0], layer.epsilon, layer.momentum, dtype=torch.float64)
    if isinstance(layer, (nn.MaxPool2D, nn.AveragePool2D)):
        module = modules.MaxPool2d if isinstance(layer, nn.MaxPool2D) else modules.AvgPool2d
        return module(pair(layer.size), pair(layer.size if layer.stride is None else layer.stride))
    if isinstance(layer, nn.Dense):
        return modules.Sequential(
            modules.Flatten(), modules.Linear(int(np.prod(shape)), layer.units, dtype=torch.float64)
        )
    if isinstance(layer, nn.GlobalAveragePool):
        return modules.Sequential(modules.AdaptiveAvgPool2d(1), modules.Flatten())
    return {nn.Flatten: modules.Flatten, nn.ReLU: modules.ReLU, nn.Tanh: modules.Tanh, nn.ELU: modules.ELU}[
        type(layer)
    ]()


def as_theirs(value):
    return value.T if value.ndim == 2 else value


def compare(torch, layer, x, training=True):
    """Both passes of a layer alone and of PyTorch's module with the same parameters."""
    bound, module = BoundLayer(layer, x.shape[1:], len(x)), module_of(torch, layer, x.shape[1:])
    with torch.no_grad():
        for value, parameter in zip(bound.named(bound.parameters).values(), module.parameters(), strict=True):
            parameter.copy_(torch.from_numpy(as_theirs(value)))
    module.train(training)
    moved = torch.tensor(x, requires_grad=True)
    out = module(moved)
    dy = np.random.default_rng(8).normal(size=out.shape)
    out.backward(torch.from_numpy(dy))
    expected = {"y": out.detach().numpy(), "dx": moved.grad.numpy()}
    for name, parameter in zip(bound.named(bound.parameters), module.parameters(), strict=True):
        expected[f"d{name}"] = as_theirs(parameter.grad.numpy())
    bound.check(x, dy, expected, training=training)


def images(rows, shape, seed=3):
    return np.random.default_rng(seed).normal(0, 2, (rows, *shape))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", quick([1, 2, 3, (2, 1)], [1, (2, 1)]))
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5, (2, 3), (3, 1)])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_convolution(kernel, stride, padding, torch):
    for rows, shape, filters in [(3, (2, 7, 9), 3), (1, (1, 8, 5), 4), (3, (5, 6, 6), 1)]:
        compare(torch, nn.Conv2D(filters, kernel, stride, padding), images(rows, shape))


@pytest.mark.parametrize("filters", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_convolution_of_channels(channels, filters, torch):
    compare(torch, nn.Conv2D(filters, 3), images(2, (channels, 5, 6)))


@pytest.mark.parametrize("rows", [1, 3, 64])
@pytest.mark.parametrize("kind", [nn.MaxPool2D, nn.AveragePool2D])
def test_layers_of_whole_batches(kind, rows, torch):
    x = images(rows, (4, 14, 14))
    for layer in (nn.Conv2D(4, 3), nn.BatchNorm(), kind(2)):
        compare(torch, layer, x)


@pytest.mark.parametrize("kind", [nn.MaxPool2D, nn.AveragePool2D])
@pytest.mark.parametrize("stride", quick([None, 1, 2, 3, (1, 2)], [None, 1, (1, 2)]))
@pytest.mark.parametrize("size", [1, 2, 3, 5, (2, 3)])
def test_pool(size, stride, kind, torch):
    for shape in [(2, 7, 9), (1, 8, 5), (5, 6, 6)]:
        compare(torch, kind(size, stride), images(3, shape))


def test_max_pool_of_equal_numbers(torch):
    x = np.random.default_rng(1).integers(0, 3, (4, 3, 8, 8)).astype(float)  # most windows have their maximum twice
    compare(torch, nn.MaxPool2D(2), x)
    compare(torch, nn.MaxPool2D(3, 2), x)


def test_global_average_pool(torch):
    compare(torch, nn.GlobalAveragePool(), images(3, (4, 5, 7)))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("layer", [nn.BatchNorm(), nn.BatchNorm(momentum=0.5, epsilon=1e-2)], ids=str)
def test_batch_norm(layer, training, torch):
    compare(torch, layer, images(6, (3, 4, 5)), training)


def test_batch_norm_running_statistics(torch):
    bound, module = BoundLayer(nn.BatchNorm(momentum=0.3), (3, 4, 5), 7), torch.nn.BatchNorm2d(3, momentum=0.3).double()
    for seed in range(5):
        x = images(7, (3, 4, 5), seed) + 3
        bound.forward(x)
        module(torch.from_numpy(x))
    expected = np.concatenate([module.running_mean, module.running_var])
    allowed = 2 * gamma(3 * 7 * 20 + 5 * 4) * (1 + 10**2)  # no number is beyond 10; a variance has squares
    assert_close(bound.buffers, expected, allowed, "BatchNorm: running statistics")


STAGE = [nn.Conv2D(4, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)]
NETWORKS = {
    "dl-2022": ((28, 28), [*STAGE, *STAGE, nn.Flatten(), nn.Dense(10)]),
    "no flatten": ((8, 8), [nn.Conv2D(3, 3), nn.Tanh(), nn.Dense(5), nn.Tanh(), nn.Dense(10)]),
    "batch norm of features": (
        (9, 7),
        [nn.Conv2D(2, 3), nn.AveragePool2D(2), nn.Flatten(), nn.BatchNorm(), nn.ReLU(), nn.Dense(10)],
    ),
    "ends with channels": ((3, 6, 6), [nn.BatchNorm(), nn.Conv2D(10, 3, 2), nn.ELU(), nn.GlobalAveragePool()]),
    "strides": (
        (2, 11, 12),
        [nn.Conv2D(3, (3, 2), 2, "valid"), nn.Tanh(), nn.Conv2D(5, 2, 2), nn.MaxPool2D(2, 1), nn.Dense(10)],
    ),
    "starts with a function": ((6, 6), [nn.Tanh(), nn.Conv2D(2, 2), nn.Flatten(), nn.Dense(10)]),
}


def twin(torch, network):
    """The same network in PyTorch, from the same parameters and buffers."""
    shapes = [network.input_shape, *(plan.output for plan in network.plans)]
    if len(shapes[0]) == 2:
        shapes[0] = (1, *shapes[0])
    shapes = [shapes[0] if len(shape) == 2 else shape for shape in shapes]
    modules = [module_of(torch, layer, shape) for layer, shape in zip(network.layers, shapes, strict=False)]
    with torch.no_grad():
        for name, value in network.views.items():
            layer, part = name.split(".")
            module = modules[int(layer)]
            module = module[-1] if isinstance(module, torch.nn.Sequential) else module
            getattr(module, RENAMED.get(part, part)).copy_(torch.from_numpy(as_theirs(value)))
    return torch.nn.Sequential(*modules)


@pytest.mark.parametrize(("shape", "layers"), NETWORKS.values(), ids=NETWORKS.keys())
def test_network(shape, layers, torch):
    generator = np.random.default_rng(11)
    network = Network(layers, shape, dtype="float64", seed=5)
    network.parameters += generator.normal(0, 0.1, network.parameters.size)  # no bias is zero
    model = twin(torch, network)
    x, labels = generator.normal(size=(8, *shape)), generator.integers(0, 10, 8)
    theirs = torch.from_numpy(x if len(shape) == 3 else x[:, None])
    expected = torch.nn.functional.cross_entropy(model(theirs), torch.from_numpy(labels))
    expected.backward()
    gradients = np.concatenate([as_theirs(parameter.grad.numpy()).ravel() for parameter in model.parameters()])
    logits = model.eval()(theirs).detach().numpy()
    passes.check(network, x, labels, {"loss": expected.item(), "gradients": gradients, "logits": logits})


def test_dropout_on_images_scales_what_it_keeps():
    network = Network([nn.Conv2D(3, 3), nn.Dropout(0.5), nn.Dense(4)], (6, 6), dtype="float64")
    program, rows = network.program(5), 5
    network.loss_and_gradients(images(5, (6, 6)), np.zeros(5, int), key=4)
    convolved, dropped = (program.activations[op["y_start"] :][: rows * op["y_size"]] for op in program.table[1:3])
    assert set(np.unique(np.round(dropped / convolved, 12))) == {0.0, 2.0}
