"""Classes and images that count more than others in the loss: gradients, PyTorch beside it, and evaluation."""

import re

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from handgrad import nn
from handgrad.config import RunConfig
from handgrad.config.build import build_class_weights
from handgrad.data import Split
from handgrad.errors import UsageError
from handgrad.evaluation import measure
from handgrad.nn import LOSSES, Network, gradcheck
from handgrad.optim import OPTIMIZERS
from handgrad.training import Settings, Trainer

WEIGHTS = (0.5, 4.0, 1.25)
LABELS = np.array([0, 0, 1, 2, 0, 2, 0])
IMAGE_WEIGHTS = np.array([3, 0.25, 1, 2, 7, 0.1, 1])
IMAGES = np.random.default_rng(3).normal(size=(7, 4))


def network(loss="cross_entropy", weights=WEIGHTS):
    layers = [nn.Dense(5), nn.Tanh(), nn.Dense(3)]
    return Network(layers, (4,), loss=LOSSES[loss](), dtype="float64", class_weights=weights)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_the_weighted_loss(loss):
    assert all(check.checked for check in gradcheck(network(loss), (IMAGES, LABELS)))  # raises for one that is wrong


def test_the_loss_and_its_gradient_are_pytorch_s():
    torch = pytest.importorskip("torch")
    ours = network()
    loss = ours.loss_and_gradients(IMAGES, LABELS)
    views = {name: torch.tensor(value, requires_grad=True) for name, value in ours.views.items()}
    hidden = torch.tanh(torch.from_numpy(IMAGES) @ views["0.weight"] + views["0.bias"])
    logits = hidden @ views["2.weight"] + views["2.bias"]
    criterion = torch.nn.CrossEntropyLoss(weight=torch.tensor(WEIGHTS, dtype=torch.float64))
    theirs = criterion(logits, torch.from_numpy(LABELS))
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-13)
    for slot in ours.parameter_slots:
        np.testing.assert_allclose(slot.view(ours.gradients), views[slot.name].grad.numpy(), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_weighted_images(loss):
    batch = IMAGES, LABELS, IMAGE_WEIGHTS
    assert all(check.checked for check in gradcheck(network(loss), batch))  # raises for one that is wrong


def test_weighted_images_in_pytorch():
    """Each image's own loss there, weighed here by hand: three classes' weights times seven images'."""
    torch = pytest.importorskip("torch")
    ours = network()
    loss = ours.loss_and_gradients(IMAGES, LABELS, IMAGE_WEIGHTS)
    views = {name: torch.tensor(value, requires_grad=True) for name, value in ours.views.items()}
    hidden = torch.tanh(torch.from_numpy(IMAGES) @ views["0.weight"] + views["0.bias"])
    each = torch.nn.functional.cross_entropy(
        hidden @ views["2.weight"] + views["2.bias"], torch.from_numpy(LABELS), reduction="none"
    )
    counts = torch.tensor([0.5 * 3, 0.5 * 0.25, 4 * 1, 1.25 * 2, 0.5 * 7, 1.25 * 0.1, 0.5 * 1], dtype=torch.float64)
    theirs = (counts * each).sum() / counts.sum()
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-13)
    for slot in ours.parameter_slots:
        np.testing.assert_allclose(slot.view(ours.gradients), views[slot.name].grad.numpy(), rtol=1e-11, atol=1e-15)


def test_weights_reach_the_steps_of_a_training():
    """Three steps on weighted images are those on images that are there as often; each epoch is one batch."""
    counts = np.array([3, 1, 1, 2, 1, 1, 2])
    weighted, repeated = network(weights=()), network(weights=())
    every, settings = np.arange(7), Settings(epochs=3, batch_size=11, optimizer=OPTIMIZERS["sgd"](0.1))
    Trainer(weighted, Split(IMAGES, LABELS, every, every[:0], counts / 2), settings).run()
    rows = np.repeat(every, counts)
    Trainer(repeated, Split(IMAGES[rows], LABELS[rows], np.arange(11), every[:0]), settings).run()
    np.testing.assert_allclose(weighted.parameters, repeated.parameters, rtol=1e-12)


@pytest.mark.parametrize("weights", [[1.0] * 6, [1.0] * 6 + [-1.0], [1.0] * 6 + [np.nan]])
def test_weights_of_images_that_make_no_sense(weights):
    with pytest.raises(UsageError, match=r"7 images need as many weights|weights of images must be positive"):
        network().batches(IMAGES, LABELS, weights=np.array(weights))


@pytest.mark.parametrize("loss", LOSSES)
def test_an_image_counts_as_often_as_its_weight_says(loss):
    twice = network(loss, (2.0, 1.0, 1.0))
    loss_of_weights = twice.loss_and_gradients(IMAGES, LABELS)
    again = np.flatnonzero(LABELS == 0)
    plain = network(loss, ())
    images, labels = np.concatenate([IMAGES, IMAGES[again]]), np.concatenate([LABELS, LABELS[again]])
    assert loss_of_weights == pytest.approx(plain.loss_and_gradients(images, labels), rel=1e-13)
    np.testing.assert_allclose(twice.gradients, plain.gradients, rtol=1e-10, atol=1e-15)


def test_evaluation_counts_all_images_alike():
    assert measure(network(), IMAGES, LABELS) == measure(network(weights=()), IMAGES, LABELS)


def test_balanced_weights_are_scikit_learn_s():
    labels = np.array([0] * 7 + [1] * 2 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert build_class_weights(RunConfig(class_weight="balanced"), labels, 3) == pytest.approx(expected, rel=1e-15)
    # a class without a training image has no weight that could matter
    assert build_class_weights(RunConfig(class_weight="Balanced"), np.array([0, 0, 2]), 3) == (0.75, 1.0, 1.5)


@pytest.mark.parametrize(
    ("written", "means"),
    [("balanced", "balanced"), ([1, 2.5], (1, 2.5)), ("1, 2.5", (1, 2.5)), ("none", None), (True, "balanced")],
)
def test_how_weights_are_written(written, means):
    assert RunConfig.from_mapping({"class_weights": written}).class_weight == means


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"class_weight": "heavy"}, "class_weight must be balanced, or a positive number for each class, got 'heavy'"),
        ({"class_weight": [1, 0]}, "class_weight must be balanced, or a positive number for each class"),
        ({"class_weight": "balanced", "label_smoothing": 0.1}, "class_weight and label_smoothing do not go together"),
        ({"class_weight": "balanced", "model": "svm"}, "model svm is fitted by scikit-learn: leave out class_weight"),
    ],
)
def test_refused_in_one_line(settings, says):
    with pytest.raises(UsageError, match=says):
        RunConfig(**settings)


def test_as_many_weights_as_classes():
    says = "3 positive numbers, one for each class, got 2: 1, 2 (--class_weight)"
    with pytest.raises(UsageError, match=re.escape(says)):
        network(weights=(1, 2))
