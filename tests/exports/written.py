"""Networks to be exported: every layer of the registry by itself and among others, and networks of many shapes."""

from collections.abc import Collection, Iterator

import numpy as np
from tests.ingredients import nn
from tests.nn.rows import closed
from tests.torch_port.test_ported_layers import NETWORKS, layer_of

from handgrad.nn import ACTIVATIONS, LAYERS, Network, Scaling
from handgrad.nn.layer import Layer

COLOUR, GREY = Scaling((0.02, 0.01, 0.03), (-0.5, 0.25, 0.0)), Scaling(0.02, -0.5)
IMAGES = {
    "conv2d",
    "group_norm",
    "pad_channels",
    "max_pool2d",
    "average_pool2d",
    "global_average_pool",
    "transpose",
}  # layers that take nothing else
NOT_IN_KERAS = {"transpose", "of channels"}  # a layer that is refused there, and a network with it


def cases(without: Collection[str] = ()) -> Iterator[tuple[str, tuple[int, ...], list[Layer]]]:
    """NETWORKS; and each layer on what a convolution gives, on images, and on vectors where it takes them."""
    for name, type_ in (LAYERS | ACTIVATIONS).items():
        if name in without:
            continue
        layers = closed(layer_of(type_))
        yield f"{name} after a convolution", (6, 5), [nn.Conv2D(2, 2), *layers, nn.Dense(4)]
        if name != "batch_norm":
            yield f"{name} on images", (6, 5), [*layers, nn.Dense(4)]
        if name not in IMAGES:
            yield f"{name} on vectors", (6,), [nn.Dense(7), *layers, nn.Dense(4)]
    yield from ((name, *network) for name, network in NETWORKS.items() if name not in without)


def made(shape, layers, dtype="float32", images=50):
    """A network none of whose numbers has the value that it starts from, and pixels for it."""
    scaling = COLOUR if len(shape) == 3 and shape[0] == 3 else GREY
    network = Network(layers, shape, seed=5, scaling=scaling, dtype=dtype, class_names=["zero", "one", "it's two", "3"])
    generator = np.random.default_rng(3)
    network.parameters += generator.normal(0, 0.1, network.parameters.size).astype(dtype)
    network.buffers += generator.random(network.buffers.size).astype(dtype)
    return network, generator.integers(0, 256, (images, *shape), dtype=np.uint8)
