"""Small runs on the digits, trained once a session: what figures may meet."""

import numpy as np
import pytest

from handgrad.classical import CLASSICAL
from handgrad.config import RunConfig
from handgrad.data import load
from handgrad.figures import RunData
from handgrad.runs import execute

SETTINGS = {
    "dataset": "digits",
    "num_layers": 1,
    "hidden_size": 12,
    "batch_norm": False,
    "dropout": 0.1,
    "epochs": 2,
    "batch_size": 100,
    "learning_rate": 0.01,
    "log_every": 5,
}
CNN = {
    "model": "mlp",
    "num_layers": 2,
    "hidden_size": (512, 256),
    "batch_norm": True,
    "dropout": 0.3,
    "layers": ["conv2d:3,3", "relu", "max_pool2d:2", "conv2d:2,2", "relu"],
}
CHANGES = {
    "mlp": {"evaluate_every": 4, "log_units": 5},
    "cnn": CNN | {"log_test": True},
    "no hidden layer": {"num_layers": 0, "keep": "last"},
    "one epoch": {"epochs": 1, "validation_fraction": 0, "seed": 1},
    "hog": {"features": "hog"},
    "colour": CNN | {"validation_fraction": 0.3},
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def trained(folder):
    """`trained(kind, **changes)` is a run, trained when it is first asked for."""
    made = {}

    def run(kind, **changes):
        name = "-".join([kind.replace(" ", "-"), *(f"{key}-{value}" for key, value in changes.items())])
        if name not in made:
            settings = {"dataset": "digits", "model": kind} if kind in CLASSICAL else SETTINGS | CHANGES[kind]
            if kind == "colour":
                digits = load("digits")
                colours = np.stack([digits.x_train, 255 - digits.x_train, digits.x_train // 2], axis=3)
                np.savez(folder / "colour.npz", x=colours[:400], y=digits.y_train[:400])
                settings["dataset"] = str(folder / "colour.npz")
            config = RunConfig(**settings | changes, runs_dir=str(folder), name=name)
            made[name] = execute(config)
        return made[name]

    return run


@pytest.fixture(scope="session")
def data_of(trained):
    """`data_of(kind, **changes)` is what figures see of such a run; few images are enough for t-SNE."""
    made = {}

    def data(kind, **changes):
        run = trained(kind, **changes)
        return made.setdefault(run.name, RunData(run, tsne_images=20))

    return data
