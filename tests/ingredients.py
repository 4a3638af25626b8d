"""Layers, activations, optimizers and schedules that tests build with, by class name: `nn.Dense(4)`, `optim.Adam()`.

Whoever deletes one of them, file and row, skips the tests that only build with it; those named after it fail.
"""

from types import ModuleType
from typing import Any

import pytest

import handgrad.nn
import handgrad.optim

LAYERS = [
    "Add",
    "Branch",
    "Concat",
    "Split",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GroupNorm",
    "LayerNorm",
    "PadChannels",
    "Transpose",
]
POOLS = ["AveragePool2D", "GlobalAveragePool", "MaxPool2D"]
ACTIVATIONS = ["ELU", "GELU", "Identity", "LeakyReLU", "PReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"]
OPTIMIZERS = ["Adagrad", "Adam", "AdamW", "Eve", "Lion", "Momentum", "NAG", "NAdam", "RMSprop", "SGD"]
SCHEDULES = ["Constant", "Cosine", "Exponential", "OneCycle", "StepDecay", "Warmup"]


class Deleted:
    """Stands for a class that is not there, and for what it would make: a test that uses it is skipped."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *_numbers: Any, **_named: Any) -> "Deleted":
        return self

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # pytest looks for some of these while it collects
            raise AttributeError(attribute)
        pytest.skip(f"{self._name} is deleted")

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __repr__(self) -> str:
        return f"{self._name}()"


class Ingredients:
    """The classes `names` of a package, each looked up when a test uses it."""

    def __init__(self, package: ModuleType, names: list[str]) -> None:
        self._package, self._names = package, names

    def __getattr__(self, name: str) -> Any:
        if name not in self._names:
            raise AttributeError(f"{name} is no layer, activation, optimizer or schedule in tests/ingredients.py")
        return getattr(self._package, name, None) or Deleted(name)


nn = Ingredients(handgrad.nn, LAYERS + POOLS + ACTIVATIONS)
optim = Ingredients(handgrad.optim, OPTIMIZERS + SCHEDULES)
