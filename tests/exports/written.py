"""Networks to be exported: every layer of the registry by itself and among others, and networks of many shapes."""

import numpy as np
from tests.ingredients import nn
from tests.torch_port.test_ported_layers import NETWORKS, layer_of

from handgrad.nn import ACTIVATIONS, LAYERS, Network, Scaling
from handgrad.nn.layer import Layer

COLOUR, GREY = Scaling((0.02, 0.01, 0.03), (-0.5, 0.25, 0.0)), Scaling(0.02, -0.5)
VECTORS = {"dense", "flatten", "dropout", "batch_norm", "layer_norm", *ACTIVATIONS}
NO_FORM = {"pad_channels", "transpose", "of channels"}  # layers that are refused, and a network with them
CASES = [name for name in (*LAYERS, *ACTIVATIONS, *NETWORKS) if name not in NO_FORM]


def cases_of(name: str) -> list[tuple[tuple[int, ...], list[Layer]]]:
    """A network of NETWORKS; or a layer on what a convolution gives, on images, and on vectors where it takes them."""
    if name in NETWORKS:
        return [NETWORKS[name]]
    layer = layer_of((LAYERS | ACTIVATIONS)[name])
    cases = [((6, 5), [nn.Conv2D(2, 2), layer, nn.Dense(4)])]
    cases += [((6, 5), [layer, nn.Dense(4)])] if name != "batch_norm" else []
    return cases + ([((6,), [nn.Dense(7), layer, nn.Dense(4)])] if name in VECTORS else [])


def made(shape, layers, dtype="float32"):
    """A network none of whose numbers has the value that it starts from, and pixels for it."""
    scaling = COLOUR if len(shape) == 3 and shape[0] == 3 else GREY
    network = Network(layers, shape, seed=5, scaling=scaling, dtype=dtype, class_names=["zero", "one", "it's two", "3"])
    generator = np.random.default_rng(3)
    network.parameters += generator.normal(0, 0.1, network.parameters.size).astype(dtype)
    network.buffers += generator.random(network.buffers.size).astype(dtype)
    return network, generator.integers(0, 256, (50, *shape), dtype=np.uint8)
