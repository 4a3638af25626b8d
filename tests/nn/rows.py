"""Builds any row of a registry: a new layer is tested by its row alone."""

import dataclasses

from tests.ingredients import nn

from handgrad.errors import UsageError
from handgrad.nn import ACTIVATIONS, LAYERS, Network

SHAPES = [(6,), (6, 6), (1, 8, 8), (3, 8, 8)]
ROWS = ACTIVATIONS | LAYERS
COMPUTING = [name for name, cls in ROWS.items() if cls is not nn.Flatten]


def make(cls):
    """An instance with its defaults; fields without one are counts (units, channels), for which 5 will do."""
    missing = dataclasses.MISSING
    required = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is missing]
    return cls(**dict.fromkeys(required, 5))


def suiting_shape(layer):
    """The first shape of inputs that the layer takes."""
    for shape in SHAPES:
        try:
            layer.plan(shape)
        except UsageError:
            continue
        return shape
    raise AssertionError(f"{layer} takes none of {SHAPES}")


def closed(layer):
    """The layer; where it begins or ends a path, a part of a network with a shortcut around it."""
    parts = {
        "split": [layer, nn.Tanh(), nn.Branch(), nn.Add()],
        "branch": [nn.Split(), nn.Tanh(), layer, nn.Add()],
        "join": [nn.Split(), nn.Tanh(), nn.Branch(), layer],
    }
    return parts.get(layer.path, [layer])


def network_around(layer, dtype="float64", **options):
    """A small network with `layer` in the middle, above a trained layer where its input is a vector."""
    shape = suiting_shape(layer)
    below = [nn.Dense(6)] if shape == (6,) else []
    above = [nn.Flatten()] if len(layer.plan(shape).output) > 1 else []
    return Network([*below, *closed(layer), *above, nn.Dense(3)], shape, dtype=dtype, **options)
