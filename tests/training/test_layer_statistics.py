"""Statistics of layers: worked by hand, kept through a file, and without a trace in the training."""

import json
import math

import numpy as np
import pytest
from tests.ingredients import nn

from handgrad.nn import Network
from handgrad.training import History, LayerRecorder
from handgrad.training.history import Output, Size, Statistics, read_record, records
from handgrad.training.layer_statistics import dead_units, layer_statistics


def test_two_images_by_hand():
    """x = (1, 2) and (3, -4) times the identity; ReLU gives 1, 2, 3, 0; the logits are twice that."""
    network = Network([nn.Dense(2), nn.ReLU(), nn.Dense(2)], (2,), dtype="float64")
    network.views["0.weight"][...], network.views["2.weight"][...] = np.eye(2), 2 * np.eye(2)
    found = layer_statistics(network, np.array([[1.0, 2.0], [3.0, -4.0]]), np.array([0, 0]), step=7)
    assert found.step == 7
    # (1, 2, 3, -4): mean 1/2, variance (1 + 4 + 9 + 16) / 4 - 1/4 = 7.25
    assert found.outputs[0] == Output(0.5, float(f"{math.sqrt(7.25):.6g}"), 0.0)
    # (1, 2, 3, 0): mean 3/2, variance 14 / 4 - 9 / 4 = 1.25, one of four is zero
    assert found.outputs[1] == Output(1.5, float(f"{math.sqrt(1.25):.6g}"), 0.25)
    # p of class 1 is s = 1 / (1 + exp(-(4 - 2))) = 0.880797 and r = 1 / (1 + exp(6)) = 0.00247262;
    # the output's bias gets their mean 0.441635 with both signs
    assert found.parameters["2.bias"].gradient == pytest.approx(0.441635, rel=1e-5)
    # sqrt((4 + 0 + 0 + 4) / 4)
    assert found.parameters["2.weight"].weight == pytest.approx(math.sqrt(2), rel=1e-5)


def test_outputs_at_the_ends_of_a_range_count_as_flat():
    network = Network([nn.Tanh(), nn.Dense(2)], (4,), dtype="float64")
    x = np.arctanh([[0.0, 0.97, 0.985, -0.985]])
    assert layer_statistics(network, x, np.array([0]), 0).outputs[0].flat == 0.5


def test_a_unit_is_dead_that_answers_no_image():
    """Units: 1 and 2, 0 and 0, 0 and 3 -> one of three; channels: of the second, every pixel of both images is 0."""
    network = Network([nn.ReLU(), nn.Dense(2)], (3,), dtype="float64")
    found = layer_statistics(network, np.array([[1.0, -1.0, -3.0], [2.0, -2.0, 3.0]]), np.array([0, 1]), 0)
    assert (found.outputs[0].dead, found.outputs[1].dead) == (pytest.approx(1 / 3, rel=1e-5), 0)
    assert dead_units([found], network) == [("0 ReLU", 1, 3)]
    images = np.zeros((2, 2, 2, 2))
    images[:, 0, 0, 0], images[:, 1] = 1, -1
    network = Network([nn.ReLU(), nn.Dense(2)], (2, 2, 2), dtype="float64")
    assert dead_units([layer_statistics(network, images, np.array([0, 1]), 0)], network) == [("0 ReLU", 1, 2)]
    old = found.record() | {"outputs": {layer: numbers[:3] for layer, numbers in found.record()["outputs"].items()}}
    assert dead_units([Statistics.from_record(old)], network) == dead_units([], network) == []


def test_layers_that_compute_nothing_are_left_out():
    network = Network([nn.Flatten(), nn.Dense(2)], (2, 2))
    assert list(layer_statistics(network, np.ones((3, 2, 2)), np.zeros(3, int), 0).outputs) == [1]


def test_measured_at_the_start_after_epochs_and_in_between(make_trainer):
    trainer = make_trainer(epochs=2, evaluate_every=20)
    trainer.callbacks = [LayerRecorder()]
    per_epoch = trainer.steps_per_epoch
    assert per_epoch % 20
    trainer.run()
    expected = {0, per_epoch, 2 * per_epoch, *range(20, 2 * per_epoch + 1, 20)}
    assert [each.step for each in trainer.history.statistics] == sorted(expected)


def test_an_evaluation_at_an_epochs_end_is_measured_once(make_trainer):
    trainer = make_trainer(epochs=2)
    trainer = make_trainer(epochs=2, evaluate_every=trainer.steps_per_epoch)
    trainer.callbacks = [LayerRecorder()]
    trainer.run()
    assert [each.step for each in trainer.history.statistics] == [n * trainer.steps_per_epoch for n in range(3)]


def test_the_training_is_the_same_to_the_last_bit(make_trainer, same):
    watched, alone = make_trainer(), make_trainer()
    watched.callbacks = [LayerRecorder()]
    watched.run()
    alone.run()
    assert watched.history.statistics
    watched.history.statistics = []
    assert same(watched, alone)


def test_lines_bring_back_every_bit_and_what_is_not_finite():
    written = Statistics(3, {1: Output(0.1, 1 / 3, 0.0)}, {"1.weight": Size(math.inf, 2.0)})
    back = History()
    for line in records(History(statistics=[written]), 3):
        read_record(back, json.loads(json.dumps(line, allow_nan=False)))
    assert back.statistics[0].outputs == written.outputs
    assert math.isnan(back.statistics[0].parameters["1.weight"].weight)
    assert back.statistics[0].parameters["1.weight"].gradient == 2.0
    assert not list(records(History(statistics=[written]), 2))[1:]


@pytest.mark.parametrize("line", [{"step": 1}, {"step": 1, "outputs": {"x": [1, 2, 3]}, "parameters": {}}, [], None])
def test_lines_that_are_none(line):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        read_record(History(), {"statistics": line})


def test_a_difference_is_seen():
    one, other = (History(statistics=[Statistics(0, {}, {"a": Size(1.0, g)})]) for g in (1.0, 2.0))
    assert not one.same_as(other)
    assert one.same_as(History(statistics=list(one.statistics)))
