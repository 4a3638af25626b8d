"""The compiled training loop against a plain one, however its steps are cut, and where it must stop."""

import math

import numpy as np
import pytest
from tests import naive
from tests.ingredients import nn
from tests.optim.paths import STEP
from tests.rounding import assert_close, deviations, gamma, terms_of_network

from handgrad.kernels import driver
from handgrad.kernels.gradients import NO_UNITS
from handgrad.nn import ACTIVATIONS, LOSSES, CrossEntropy, Network
from handgrad.optim import OPTIMIZERS, GradientTransforms

ROWS, SIZE, KEY = 13, 5, np.uint64(2024)  # the third batch of an epoch has 3 images
STEPS_AN_EPOCH = 3
DTYPES = ["float32", "float64"]


def data(dtype="float64"):
    generator = np.random.default_rng(3)
    return generator.normal(size=(ROWS, 4)).astype(dtype), generator.integers(0, 3, ROWS), generator.permutation(ROWS)


def readonly(array):
    """As `Network.batches` hands images over: the loop is compiled for such arrays."""
    array.flags.writeable = False
    return array


class Training:
    """A network, its optimizer and its data; `steps` continues where it stopped."""

    def __init__(self, network, optimizer, transforms=None):
        self.network, self.optimization = network, optimizer.bind(network, transforms)
        images, labels, order = data(network.dtype)
        self.batches = network.batches(images, labels, order, SIZE)._replace(key=KEY)
        self.made, self.records = 0, np.zeros((0, 3))

    def steps(self, rates, log_every=2):
        """Epoch after epoch in the same order, in one call of the loop for what is left of each epoch."""
        rates = np.asarray(rates, float)
        while len(rates):
            place = self.made % STEPS_AN_EPOCH
            now, rates = np.split(rates, [STEPS_AN_EPOCH - place])
            records = np.full((len(now), 3), -1.0)
            program = self.network.program(SIZE)
            done = driver.train_steps(
                program,
                self.optimization,
                self.batches,
                place * SIZE,
                self.made,
                now,
                log_every,
                records,
                NO_UNITS,
            )
            self.made += done
            self.records = np.concatenate([self.records, records])
            if not np.isfinite(records[done - 1, 0]):
                break
        return self

    @property
    def everything(self):
        """All numbers that a step may change, as bytes."""
        network, optimization = self.network, self.optimization
        arrays = network.parameters, network.buffers, optimization.states, optimization.memory, self.records
        return [array.tobytes() for array in arrays]


def batch_of(step):
    """Images and labels of the step counted from 1, as the epoch's order has them."""
    images, labels, order = data()
    start = (step - 1) % STEPS_AN_EPOCH * SIZE
    rows = order[start : start + SIZE]
    return images[rows], labels[rows]


def plain_loss(w, step, smoothing, rate):
    """The loss of [Dense(5), Tanh(), Dropout(rate), Dense(3)], from the flat vector of its 43 parameters."""
    w1, b1, w2, b2 = w[:20].reshape(4, 5), w[20:25], w[25:40].reshape(5, 3), w[40:43]
    images, labels = batch_of(step)
    key = naive.subkey(naive.subkey(int(KEY), step), 2)  # dropout is layer number 2
    mask = naive.dropout_mask(key, len(images) * 5, rate).reshape(-1, 5)
    hidden = np.tanh(images @ w1 + b1) * mask
    return naive.cross_entropy(hidden @ w2 + b2, labels, smoothing)


def terms_of_step(network):
    """Roundings on the way of one number through a step."""
    return terms_of_network(network, SIZE) + STEP


@pytest.mark.parametrize("name", sorted(naive.OPTIMIZERS.keys() & OPTIMIZERS.keys()))
def test_equals_a_plain_loop(name):
    layers, optimizer = [nn.Dense(5), nn.Tanh(), nn.Dropout(0.25), nn.Dense(3)], OPTIMIZERS[name]()
    network = Network(layers, (4,), dtype="float64", seed=4, loss=CrossEntropy(0.1))
    rates, start = np.linspace(0.03, 0.01, 7), network.parameters.copy()

    def gradient(w, step):
        return naive.gradient(lambda moved: plain_loss(moved, step, 0.1, 0.25), w)

    def train(weights):
        network.parameters[:] = weights
        training = Training(network, optimizer).steps(rates)
        return {"w": network.parameters.copy(), "losses": training.records[:, 0]}

    allowed, found = deviations(train, [start], len(rates) * terms_of_step(network)), train(start)
    hyper = {key: value for key, value in vars(optimizer).items() if key != "learning_rate"}
    expected = naive.OPTIMIZERS[name](start, gradient, rates, found["losses"], **hyper)
    assert_close(found["w"], expected, allowed["w"], f"{name}: w")
    assert_close(found["losses"][0], plain_loss(start, 1, 0.1, 0.25), allowed["losses"], f"{name}: first loss")


def test_records():
    network = Network([nn.Dense(3)], (4,), dtype="float64", seed=4)
    rounding = 2 * gamma(terms_of_step(network))
    for step in range(1, 8):
        images, labels = batch_of(step)
        logits = naive.dense(images, *network.views.values())
        loss = network.loss_and_gradients(images, labels)
        norm = np.linalg.norm(network.gradients)
        if step == 1:
            training = Training(network, OPTIMIZERS["adam"]())
        training.steps([0.1], log_every=3)
        recorded = training.records[-1]
        assert recorded[0] == pytest.approx(loss, rel=rounding)
        assert recorded[1] == naive.right_answers(logits, labels)
        assert math.isnan(recorded[2]) == (step % 3 != 0), "the norm is due at every third step"
        assert step % 3 or recorded[2] == pytest.approx(norm, rel=rounding)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_does_not_depend_on_how_steps_are_cut(name, dtype):
    def start():
        layers = [nn.Dense(6), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.3), nn.Dense(3)]
        network = Network(layers, (4,), dtype=dtype, seed=6)
        return Training(network, OPTIMIZERS[name](), GradientTransforms(clip_norm=1.0, weight_decay=0.01))

    rates = np.linspace(0.1, 0.01, 8)
    whole, single, uneven = (start() for _ in range(3))
    whole.steps(rates)
    for rate in rates:
        single.steps([rate])
    uneven.steps(rates[:2]).steps(rates[2:7]).steps(rates[7:])
    assert whole.everything == single.everything
    assert whole.everything == uneven.everything


def test_another_key_drops_other_units():
    trainings = [
        Training(Network([nn.Dense(6), nn.Dropout(0.3), nn.Dense(3)], (4,), seed=6), OPTIMIZERS["sgd"]())
        for _ in range(2)
    ]
    trainings[1].batches = trainings[1].batches._replace(key=np.uint64(1))
    assert trainings[0].steps([0.1]).everything != trainings[1].steps([0.1]).everything


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_stops_where_the_loss_is_not_finite(bad, dtype):
    def start():
        return Training(Network([nn.Dense(6), nn.Tanh(), nn.Dense(3)], (4,), dtype=dtype, seed=6), OPTIMIZERS["adam"]())

    stopped, before = start(), start()
    images = stopped.batches.images.copy()
    images[stopped.batches.order[2 * SIZE]] = bad  # first seen in the third batch
    stopped.batches = stopped.batches._replace(images=readonly(images))
    stopped.steps([0.1] * 3)
    before.steps([0.1] * 2)
    assert stopped.made == 3
    assert not math.isfinite(stopped.records[2, 0])
    assert stopped.everything[:-1] == before.everything[:-1]


def test_denormals_are_flushed_in_training_and_back_afterwards():
    network = Network([nn.Dense(3)], (4,), seed=6)
    training = Training(network, OPTIMIZERS["adam"]())
    black = readonly(np.zeros((ROWS, 4), np.float32))
    training.batches = training.batches._replace(images=black)
    training.optimization.states[:12] = 1e-40  # Adam's first moments of the weights, whose gradient is zero
    training.steps([0.1])
    assert not training.optimization.states[:12].any()
    assert np.float32(1e-40) * np.float32(0.5) > 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_architecture_compiles_nothing(dtype):
    Training(Network([nn.Dense(4), nn.Tanh(), nn.Dense(3)], (4,), dtype=dtype), OPTIMIZERS["sgd"]()).steps([0.1])
    kernels = [driver.train_steps, driver.forward, driver.backward, driver.update, driver.loss_and_gradients]
    before = [(list(kernel.signatures), str(kernel.stats)) for kernel in kernels]
    for loss in LOSSES.values():
        layers = [nn.Dense(8), nn.BatchNorm(), *(cls() for cls in ACTIVATIONS.values()), nn.Dropout(0.1), nn.Dense(3)]
        network = Network(layers, (4,), dtype=dtype, loss=loss())
        for optimizer in OPTIMIZERS.values():
            Training(network, optimizer(), GradientTransforms(clip_norm=1.0, l1=0.1)).steps([0.01])
    assert [(list(kernel.signatures), str(kernel.stats)) for kernel in kernels] == before
