"""A convolutional network through training, files and resume; its accuracy on real images."""

import logging

import numpy as np
import pytest
from tests.ingredients import nn, optim
from tests.training.conftest import StopAt

from handgrad.data import Split, holdout, load
from handgrad.errors import DivergedError
from handgrad.evaluation import measure
from handgrad.nn import Network
from handgrad.training import (
    History,
    Settings,
    Trainer,
    load_newest_checkpoint,
    save_checkpoint,
)
from handgrad.training.history import read_record, records
from handgrad.training.models import load_model, save_model

STAGE = [nn.Conv2D(4, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)]


@pytest.fixture
def make_cnn(digits_split):
    """A function that builds the same trainer again and again, optionally stopping at a step."""

    def make(stop_at=None, **changes):
        network = Network([*STAGE, nn.Dropout(0.1), *STAGE, nn.Flatten(), nn.Dense(10)], (8, 8), seed=3)
        settings = {"optimizer": optim.Adam(0.01), "epochs": 3, "batch_size": 31, "log_every": 7, "evaluate_every": 13}
        callbacks = [] if stop_at is None else [StopAt(stop_at)]
        return Trainer(network, digits_split, Settings(**settings | changes), callbacks)

    return make


def test_learns(make_cnn):
    trainer = make_cnn(epochs=12)
    trainer.run()
    assert trainer.history.epochs[-1].validation_accuracy > 0.9


def test_resumed_equals_uninterrupted(make_cnn, same, tmp_path):
    whole = make_cnn()
    whole.run()
    first = make_cnn(50)
    first.run()
    save_checkpoint(first, tmp_path)
    resumed = make_cnn()
    step = load_newest_checkpoint(resumed, tmp_path, first.step)
    resumed.history = History()
    for record in records(first.history, step):
        read_record(resumed.history, record)
    resumed.run()
    assert 0 < step < whole.step
    assert same(whole, resumed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_saved_network_predicts_the_same(tmp_path, dtype):
    layers = [
        nn.Conv2D(3, (2, 3), 2, "same"),
        nn.AveragePool2D((2, 1), (1, 2)),
        nn.Conv2D(4, 2, padding="valid"),
        nn.BatchNorm(0.3),
        nn.MaxPool2D(2, 1),
        nn.GlobalAveragePool(),
        nn.Dense(5),
    ]
    images = np.random.default_rng(0).normal(size=(7, 14, 15))
    network = Network(layers, (14, 15), dtype=dtype, seed=2)
    network.loss_and_gradients(images, np.zeros(7, int))  # moves the running statistics
    save_model(network, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.layers == network.layers
    assert np.array_equal(loaded.logits(images), network.logits(images))


def test_divergence_names_the_layer(make_cnn):
    trainer = make_cnn(optimizer=optim.Momentum(1e30))
    trainer.network.views["0.weight"][...] = np.finfo(np.float32).max
    with pytest.raises(DivergedError, match=r"the outputs of layer 0 \(Conv2D\) are the first not finite"):
        trainer.run()


@pytest.mark.slow
def test_learns_to_read(real_data, caplog):
    real_data("mnist")
    caplog.set_level(logging.ERROR)
    mnist = load("mnist")
    split = Split(mnist.x_train, mnist.y_train, *holdout(mnist.y_train, 0.1, 0))
    network = Network([*STAGE, *STAGE, nn.Flatten(), nn.Dense(10)], (28, 28), seed=1)
    Trainer(network, split, Settings(optimizer=optim.Adam(0.02), schedule=optim.OneCycle(), epochs=2)).run()
    assert measure(network, mnist.x_test, mnist.y_test).accuracy > 0.97
