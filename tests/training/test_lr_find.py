"""The learning-rate finder: its steps by hand, its rule on planted curves, and nothing of the network changed."""

import numpy as np
import pytest
from tests.ingredients import nn

import handgrad
from handgrad.data import load, split
from handgrad.errors import UsageError
from handgrad.nn import Network
from handgrad.optim import SGD
from handgrad.training import Settings, Trainer
from handgrad.training.lr_find import MEMORY, RateSearch, lr_find

PARTS = split(load("digits"), 0.1, 0)


def network(dtype="float32"):
    return Network([nn.Flatten(), nn.Dense(10)], (8, 8), dtype=dtype)


def test_each_step_has_its_own_rate():
    """Gradient descent written out: loss, then weights less the rate of that step times the gradient."""
    settings, by_hand = Settings(optimizer=SGD(0.5), batch_size=100, seed=4), network("float64")
    found = lr_find(network("float64"), PARTS, settings=settings, lowest=0.01, highest=1.0, steps=21)
    np.testing.assert_allclose(found.rates, 0.01 * 10 ** (np.arange(21) / 10), rtol=1e-12)
    order = Trainer(network(), PARTS, settings).batches(0).order
    for step in range(3):
        rows = order[100 * step : 100 * (step + 1)]
        assert found.losses[step] == pytest.approx(by_hand.loss_and_gradients(PARTS.x[rows], PARTS.y[rows]), rel=1e-12)
        by_hand.parameters -= found.rates[step] * by_hand.gradients
    first, second = found.losses[:2]
    # m1 = 0.1 a, m2 = 0.9 m1 + 0.1 b; divided by 1 - 0.9 and 1 - 0.81: a, and (0.09 a + 0.1 b) / 0.19
    assert MEMORY == 0.9
    assert found.smoothed[:2] == pytest.approx([first, (0.09 * first + 0.1 * second) / 0.19])


def test_nothing_of_the_network_is_changed():
    model = network()
    before = model.parameters.copy(), model.gradients.copy()
    from_parts = lr_find(model, PARTS, optimizer=SGD(0.1), steps=30)
    from_dataset = lr_find(model, load("digits"), optimizer=SGD(0.1), steps=30)
    np.testing.assert_array_equal(from_parts.losses, from_dataset.losses)
    assert all(map(np.array_equal, before, (model.parameters, model.gradients)))


def test_settings_and_labels_may_be_named():
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    model = Network([nn.Flatten(), nn.Dense(10)], (8, 8), class_names=names.tolist())
    rows = slice(500)
    named = handgrad.lr_find(model, PARTS.x[rows].tolist(), names[PARTS.y[rows]], optimizer="sgd", steps=30)
    assert named.losses[0] == pytest.approx(np.log(10), rel=0.5)
    (axes,) = named.plot().axes
    assert axes.get_xlabel() == "learning rate (log scale)"
    with pytest.raises(UsageError, match=r"optimizer must be one of .*did you mean sgd.*unknown setting bach_size"):
        handgrad.lr_find(model, PARTS, optimizer="sgdd", bach_size=3)


def test_it_ends_where_the_loss_explodes():
    found = lr_find(network(), PARTS, optimizer=SGD(0.1), lowest=1e-3, highest=1e6, steps=60)
    assert found.exploded
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 60
    assert found.smoothed[-1] > 4 * found.smoothed.min() or len(found.rates) < 60
    assert 1e-3 < found.suggestion < found.rates[-1]
    assert "a tenth of" in found.sentence
    assert "of the 1,294 training images" in found.sentence


def test_the_rule_by_hand():
    rates = np.array([0.001, 0.01, 0.1, 1.0])
    falls = RateSearch(rates, rates, np.array([2.0, 1.5, 0.5, 3.0]), True, 100, 10)
    assert falls.suggestion == pytest.approx(0.01)
    level = falls._replace(smoothed=np.array([2.0, 1.99, 1.99, 2.5]))
    assert level.suggestion is None
    assert "no learning rate suggested: the smoothed loss hardly falls" in level.sentence


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lowest": 1.0, "highest": 0.1}, "below the highest"),
        ({"steps": 3}, "steps must be a whole number, 20 at least, got 3"),
    ],
)
def test_what_makes_no_sense(changes, message):
    with pytest.raises(UsageError, match=message):
        lr_find(network(), PARTS, **changes)


def test_a_callback_trains_with_the_rate_that_it_found(caplog):
    """Step by step as a training that was given the rate, and as lr_find itself finds it."""
    settings = {"optimizer": "sgd", "epochs": 2, "schedule": "cosine", "seed": 3, "verbose": 0}
    finder, searched, given = handgrad.LearningRateFinder(steps=40), network(), network()
    history = handgrad.fit(searched, PARTS, callbacks=[finder], **settings)
    found = lr_find(network(), PARTS, steps=40, optimizer="sgd", seed=3)
    assert finder.found.suggestion == found.suggestion
    assert found.sentence in caplog.text
    same = handgrad.fit(given, PARTS, learning_rate=found.suggestion, **settings)
    assert history.same_as(same)
    np.testing.assert_array_equal(searched.parameters, given.parameters)
    other = handgrad.fit(network(), PARTS, **settings)
    assert not history.same_as(other)
    assert history.epochs[0].learning_rate < found.suggestion  # the schedule applies to it


def test_a_callback_that_finds_nothing_changes_nothing():
    finder, settings = handgrad.LearningRateFinder(1e-9, 2e-9, 20), {"optimizer": "sgd", "epochs": 1, "verbose": 0}
    history = handgrad.fit(network(), PARTS, callbacks=[finder], **settings)
    assert finder.found.suggestion is None
    assert history.same_as(handgrad.fit(network(), PARTS, **settings))
    with pytest.raises(UsageError, match=r"steps must be a whole number, 20 at least, got 30\.5"):
        handgrad.LearningRateFinder(steps=30.5)
