"""A small network with everything that a training can carry along: momentum, dropout, noise, schedule, statistics."""

import numpy as np
import pytest
from tests.ingredients import nn, optim

from handgrad.data import Split, holdout, load
from handgrad.nn import Network
from handgrad.optim import GradientTransforms
from handgrad.training import Augmentation, Callback, Settings, Trainer


class StopAt(Callback):
    """Stops a training at the first pause at or after a step."""

    def __init__(self, step):
        self.step = step

    def paused(self, trainer):
        if trainer.step >= self.step:
            trainer.stop("interrupted")


@pytest.fixture(scope="session")
def digits_split():
    digits = load("digits")
    rows = holdout(digits.y_train, 0.2, 0)
    return Split(digits.x_train, digits.y_train, *rows)


@pytest.fixture
def make_trainer(digits_split):
    """A function that builds the same trainer again and again, optionally stopping at a step."""

    def make(stop_at=None, split=digits_split, **changes):
        layers = [nn.Flatten(), nn.Dense(24), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.3), nn.Dense(10)]
        network = Network(layers, (8, 8), seed=changes.get("seed", 0), dtype=changes.pop("dtype", "float32"))
        settings = {
            "optimizer": optim.NAdam(0.004),
            "schedule": optim.OneCycle(),
            "transforms": GradientTransforms(clip_norm=1.0, l1=1e-5, weight_decay=1e-4),
            "augmentation": Augmentation(noise=0.05, shift=0.5),
            "epochs": 6,
            "batch_size": 31,
            "log_every": 7,
            "evaluate_every": 13,
            "patience": 3,
        }
        callbacks = [] if stop_at is None else [StopAt(stop_at)]
        return Trainer(network, split, Settings(**settings | changes), callbacks)

    return make


def outcome(trainer):
    """Everything that two equal trainings must agree on to the last bit."""
    arrays = [
        trainer.network.parameters,
        trainer.network.buffers,
        trainer.optimization.states,
        trainer.optimization.memory,
    ]
    return [array.tobytes() for array in arrays], trainer.step


@pytest.fixture
def same():
    def compare(one, other):
        return outcome(one) == outcome(other) and one.history.same_as(other.history)

    return compare


@pytest.fixture
def random():
    return np.random.default_rng(0)
