"""Records of single units: their gradients step by step, how active each is, how alike the units of a layer are."""

import json

import numpy as np
from tests.ingredients import nn

from handgrad.nn import Network
from handgrad.training import History, LayerRecorder, Settings, Trainer
from handgrad.training.history import read_record, records
from handgrad.training.layer_statistics import BINS, activities, layer_statistics, symmetry


def test_symmetry_by_hand():
    """Equal units 1; opposite ones 0; (2, 0) and (0, 2): mean (1, 1), so 2 / 4."""
    assert symmetry(np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])) == 1
    assert symmetry(np.array([[1.0, -3.0], [-1.0, 3.0]])) == 0
    assert symmetry(np.array([[2.0, 0.0], [0.0, 2.0]])) == 0.5
    assert symmetry(np.zeros((3, 4))) == 1


def test_symmetry_is_of_units_and_not_of_inputs():
    """Weights (inputs, units): all units equal, inputs different; a convolution's filters likewise."""
    network = Network([nn.Conv2D(2, 1), nn.Flatten(), nn.Dense(3)], (2, 2), dtype="float64")
    network.views["2.weight"][...] = np.arange(len(network.views["2.weight"]))[:, None]
    network.views["0.weight"][...] = np.array([1.0, -1.0])[:, None, None, None]
    found = layer_statistics(network, np.ones((1, *network.input_shape)), np.array([0]), 0)
    assert found.parameters["2.weight"].symmetry == 1
    assert found.parameters["0.weight"].symmetry == 0
    assert np.isnan(found.parameters["2.bias"].symmetry)


def test_activity_by_hand():
    """ReLU of (1, -1, -3) and (2, -2, 3) is (1, 0, 0) and (2, 0, 3): active for 2, 0 and 1 of the images."""
    network = Network([nn.ReLU(), nn.Dense(2)], (3,), dtype="float64")
    images = np.array([[1.0, -1.0, -3.0], [2.0, -2.0, 3.0]])
    layer_statistics(network, images, np.array([0, 1]), 0)
    found = activities(network, 2, 0).outputs[0]
    assert found.active == (2, 0, 1)
    assert (found.low, found.high, sum(found.counts)) == (0, 3, 6)
    assert (found.counts[0], found.counts[BINS // 3], found.counts[-1]) == (3, 1, 1)


def test_gradients_of_units_are_those_of_the_batch(digits_split):
    """Of a dense layer a column of dW, of a convolution a filter, as the network itself computes them."""
    layers = [nn.Conv2D(7, 3), nn.ReLU(), nn.Flatten(), nn.Dense(10)]
    one, other = (Network(layers, (8, 8), seed=3, dtype="float64") for _ in range(2))
    trainer = Trainer(one, digits_split, Settings(epochs=1, batch_size=31, log_units=2))
    rows = trainer.batches(0).order[:31]
    trainer.run()
    other.loss_and_gradients(digits_split.x[rows], digits_split.y[rows])
    slots = {slot.name: slot.view(other.gradients) for slot in other.parameter_slots}
    recorded = trainer.history.unit_gradients
    assert {name: np.shape(rows) for name, rows in recorded.items()} == {"0.weight": (2, 5), "3.weight": (2, 5)}
    filters = np.linalg.norm(slots["0.weight"].reshape(7, -1)[:5], axis=1)
    np.testing.assert_allclose(recorded["0.weight"][0], filters, rtol=1e-5)
    np.testing.assert_allclose(recorded["3.weight"][0], np.linalg.norm(slots["3.weight"], axis=0)[:5], rtol=1e-5)


def test_a_training_is_the_same_with_records_and_without(make_trainer):
    plain, recorded = make_trainer(), make_trainer(log_units=10**6)
    for trainer in (plain, recorded):
        trainer.callbacks = [LayerRecorder()]
        trainer.run()
    assert recorded.network.parameters.tobytes() == plain.network.parameters.tobytes()
    assert recorded.history.losses == plain.history.losses
    assert not plain.history.unit_gradients
    assert not plain.history.activities
    assert len(recorded.history.unit_gradients["1.weight"]) == recorded.step
    assert [each.step for each in recorded.history.activities] == [each.step for each in plain.history.statistics]


def test_lines_bring_units_back(make_trainer):
    trainer = make_trainer(log_units=7, epochs=1)
    trainer.callbacks = [LayerRecorder()]
    trainer.run()
    back = History()
    for line in records(trainer.history, trainer.step):
        read_record(back, json.loads(json.dumps(line, allow_nan=False)))
    assert back.activities == trainer.history.activities
    assert back.unit_gradients == trainer.history.unit_gradients
    cut = next(iter(records(trainer.history, 4)))
    assert len(cut["units"]["1.weight"]) == 4
