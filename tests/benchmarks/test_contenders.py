"""All contenders do the same arithmetic: from the same weights, in the same order, to the same loss."""

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.contenders import CONTENDERS, Task, contender_class, epoch_orders, initial_weights, mean_loss
from benchmarks.with_handgrad import Hand
from benchmarks.workloads import WORKLOADS

STEPS, SEED = 5, 3
PERCEPTRONS = ("A", "B", "C", "E", "F")
PAIRS = [(peer, workload) for peer in ("torch", "sklearn") for workload in PERCEPTRONS]
SLOW_PAIRS = [*(("jax", workload) for workload in PERCEPTRONS), ("keras", "A")]

pytestmark = pytest.mark.filterwarnings("ignore")  # what other packages say about each other


def task_of(workload_name: str) -> Task:
    workload, generator = WORKLOADS[workload_name], np.random.default_rng(0)
    images = generator.integers(0, 256, (STEPS * workload.batch, 28, 28)).astype(np.uint8)
    labels = generator.integers(0, 10, len(images))
    weights = initial_weights(workload.layers, (28, 28), SEED)
    return Task(workload, images, labels, weights, SEED, exact_order=True)


def loss_after(contender: str, task: Task) -> float:
    """The loss over all images after an epoch of five steps."""
    for package in CONTENDERS[contender].packages:
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    trained = contender_class(contender)(task)
    seconds = trained.train(epoch_orders(len(task.images), SEED, 1))
    assert len(seconds) == 1
    return mean_loss(trained.logits(task.images), task.labels)


@pytest.fixture
def keras_on_jax(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")


@pytest.mark.usefixtures("keras_on_jax")
@pytest.mark.parametrize(
    ("peer", "workload"), [*PAIRS, *(pytest.param(*pair, marks=pytest.mark.slow) for pair in SLOW_PAIRS)]
)
def test_peer_reaches_the_same_loss(peer, workload):
    task = task_of(workload)
    before = mean_loss(Hand(task).logits(task.images), task.labels)
    ours = loss_after("handgrad", task)
    assert abs(ours - before) > 1e-2
    assert loss_after(peer, task) == pytest.approx(ours, abs=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures("keras_on_jax")
def test_convolutions_are_equal_where_the_pixels_are_in_the_same_order():
    task = task_of("D")
    assert loss_after("keras", task) == pytest.approx(loss_after("jax", task), abs=1e-3)


def test_orders_are_those_of_the_trainer():
    trainer = Hand(task_of("B")).trainer(3)
    for epoch, order in enumerate(epoch_orders(len(trainer.split.train_rows), SEED, 3)):
        np.testing.assert_array_equal(trainer.batches(epoch).order, order)


def test_first_weights_are_xavier_uniform():
    dense = initial_weights(WORKLOADS["A"].layers, (28, 28), 0)[0]
    limit = np.sqrt(6 / (784 + 128))
    assert 0.99 * limit < np.abs(dense["weight"]).max() <= limit
    assert dense["weight"].std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    assert not dense["bias"].any()


def test_mean_loss_by_hand():
    # softmax of (0, log 3) is (1/4, 3/4): losses log 4 and log 4/3
    logits = np.log([[1.0, 3.0], [1.0, 3.0]])
    assert mean_loss(logits, np.array([0, 1])) == pytest.approx((np.log(4) + np.log(4 / 3)) / 2)
