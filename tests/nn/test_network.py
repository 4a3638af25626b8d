"""A network from outside: what it refuses, how pixels enter it, predictions, and the loss of one batch."""

import numpy as np
import pytest
from tests import naive
from tests.ingredients import nn
from tests.nn import passes
from tests.rounding import assert_close, gamma

from handgrad.errors import UsageError
from handgrad.kernels import driver
from handgrad.nn import CrossEntropy, Network, Scaling, SquaredError, Zeros, gradcheck

DTYPES = ["float32", "float64"]


def images_and_labels(rows, shape=(4,), classes=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, *shape)), generator.integers(0, classes, rows)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scaling", [Scaling(), Scaling(1 / 128, -1.0)])
def test_bytes_are_scaled_and_floats_are_not(scaling, dtype):
    network = Network([nn.Dense(3)], (2, 2), dtype=dtype, scaling=scaling)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 2, 2)).astype(np.uint8)
    scaled = pixels * scaling.scale + scaling.shift
    expected = naive.dense(scaled.reshape(5, 4), *network.views.values())
    allowed = passes.rounding(network, scaled, np.zeros(5, int))["logits"]
    for images in (pixels, scaled):
        assert_close(network.logits(images), expected, allowed, f"logits of {images.dtype}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_predict_proba(dtype):
    network = Network([nn.Dense(5), nn.Tanh(), nn.Dense(3)], (4,), dtype=dtype)
    images, labels = images_and_labels(600)  # more than evaluation takes at a time
    allowed = passes.rounding(network, images, labels)["probabilities"]
    probabilities = network.predict_proba(images)
    assert probabilities.dtype == dtype
    expected = naive.softmax(network.logits(images).astype(float))
    assert_close(probabilities, expected, allowed, "probabilities")


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 513])
def test_logits_do_not_depend_on_where_evaluation_cuts(rows):
    network = Network([nn.Dense(5), nn.Tanh(), nn.Dropout(0.5), nn.Dense(3)], (4,), dtype="float64")
    images, labels = images_and_labels(rows)
    one_by_one = [network.logits(images[n : n + 1])[0] for n in range(rows)]
    assert_close(network.logits(images), one_by_one, passes.rounding(network, images, labels)["logits"], "logits")


def test_a_large_network_is_evaluated_in_smaller_parts(monkeypatch):
    """Or evaluation would take more memory than training; the answers are the same."""
    network, parted = (Network([nn.Dense(5), nn.Tanh(), nn.Dense(3)], (4,), dtype="float64") for _ in range(2))
    images, labels = images_and_labels(40)
    whole, allowed = network.logits(images), passes.rounding(network, images, labels)["logits"]
    monkeypatch.setattr("handgrad.nn.network.EVALUATION_BYTES", 16 * 8 * (4 + 5 + 5 + 3))
    assert (network.evaluation_rows, parted.evaluation_rows) == (256, 16)
    assert_close(parted.logits(images), whole, allowed, "logits")
    assert {name: found.shape for name, found in parted.activations(images).items()} == {
        0: (40, 5),
        1: (40, 5),
        2: (40, 3),
    }


def test_no_images_no_predictions():
    network = Network([nn.Dense(3)], (2, 2))
    assert network.logits(np.empty((0, 2, 2))).shape == (0, 3)
    assert network.predict_proba(np.empty((0, 2, 2), np.uint8)).shape == (0, 3)


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()], ids=str)
def test_evaluate_rows_is_the_mean_over_images(loss):
    network = Network(
        [nn.Dense(5), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.5), nn.Dense(3)], (4,), dtype="float64", loss=loss
    )
    images, labels = images_and_labels(13)
    network.loss_and_gradients(images, labels)  # moves the running statistics
    buffers = network.buffers.copy()
    out = np.empty((13, 3))
    value, accuracy = driver.evaluate_rows(network.program(5), network.batches(images, labels, size=5), out)
    oracle = naive.cross_entropy if isinstance(loss, CrossEntropy) else naive.squared_error
    alone = [oracle(out[n : n + 1], labels[n : n + 1]) for n in range(13)]
    assert value == pytest.approx(sum(alone) / 13, rel=2 * gamma(3 * 13)), "batches of 5, 5 and 3 count by their images"
    assert accuracy == naive.right_answers(out, labels) / 13
    assert_close(out, network.logits(images), passes.rounding(network, images, labels)["logits"], "logits")
    assert np.array_equal(network.buffers, buffers)


def test_evaluate_rows_follows_the_order_and_needs_no_room_for_logits():
    network = Network([nn.Dense(3)], (4,), dtype="float64")
    images, labels = images_and_labels(13)
    order = np.array([12, 0, 3, 3, 7, 1])
    value, accuracy = driver.evaluate_rows(
        network.program(4), network.batches(images, labels, order, 4), np.empty((0, 3))
    )
    logits = network.logits(images[order])
    assert value == pytest.approx(naive.cross_entropy(logits, labels[order]), rel=2 * gamma(3 * 13))
    assert accuracy == naive.right_answers(logits, labels[order]) / 6


def test_loss_and_gradients_of_evaluation_and_training_differ_only_where_they_should():
    plain, dropout = ([nn.Dense(5), *middle, nn.Dense(3)] for middle in ([nn.Tanh()], [nn.Tanh(), nn.Dropout(0.5)]))
    networks = [Network(layers, (4,), dtype="float64", seed=1) for layers in (plain, dropout)]
    batch = images_and_labels(9)
    values = [network.loss_and_gradients(*batch, training=False) for network in networks]
    assert values[0] == values[1]
    allowed = passes.rounding(networks[0], *batch, training=False)["gradients"]
    networks[0].loss_and_gradients(*batch, training=False)
    assert_close(networks[0].gradients, networks[1].gradients, allowed, "gradients")
    assert networks[1].loss_and_gradients(*batch, key=1) != networks[1].loss_and_gradients(*batch, key=2)
    assert networks[1].loss_and_gradients(*batch, key=1) == networks[1].loss_and_gradients(*batch, key=1)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1,)])
def test_images_of_another_shape_are_refused(shape):
    network = Network([nn.Dense(3)], (2, 2))
    images = np.zeros((6, *shape))
    message = rf"takes images of shape \(2, 2\), got \({', '.join(map(str, shape))},?\)"
    for call in (network.logits, network.predict_proba, network.batches):
        with pytest.raises(UsageError, match=message):
            call(images)
    with pytest.raises(UsageError, match=message):
        network.loss_and_gradients(images, np.zeros(6, int))


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_labels_out_of_range_are_refused_before_any_kernel(wrong, monkeypatch):
    network = Network([nn.Dense(3)], (4,))
    images, labels = images_and_labels(6)
    labels[4] = wrong
    monkeypatch.setattr(driver, "gather", None)  # a kernel that reads out of bounds does so without a word
    for call in (network.batches, network.loss_and_gradients):
        with pytest.raises(UsageError, match=rf"labels must be in 0 to 2 for a network of 3 outputs, got {wrong}$"):
            call(images, labels)


@pytest.mark.parametrize("order", [[0, 6], [-1, 2]])
def test_rows_that_are_not_there_are_refused(order):
    network = Network([nn.Dense(3)], (4,))
    with pytest.raises(UsageError, match=r"order must name rows 0 to 5, got (6|-1)$"):
        network.batches(*images_and_labels(6), np.array(order))


def test_as_many_labels_as_images():
    with pytest.raises(UsageError, match=r"6 images need as many labels, got an array of shape \(5,\)"):
        Network([nn.Dense(3)], (4,)).batches(images_and_labels(6)[0], np.zeros(5, int))


def test_a_callers_arrays_stay_his_own():
    images, labels = images_and_labels(6)
    order = np.arange(6)
    copies = images.copy(), labels.copy(), order.copy()
    network = Network([nn.Dense(3)], (4,), dtype="float64")
    network.batches(images, labels, order)
    network.loss_and_gradients(images, labels)
    for array, copy in zip((images, labels, order), copies, strict=True):
        assert array.flags.writeable
        assert np.array_equal(array, copy)


def test_nothing_to_train():
    with pytest.raises(UsageError, match="at least one layer with parameters"):
        Network([nn.Flatten(), nn.ReLU()], (4,))
    with pytest.raises(UsageError, match="at least one layer with parameters"):
        Network([], (4,))


def test_unknown_dtype():
    with pytest.raises(UsageError, match=r"dtype must be one of float32, float64, got 'float16' \(--dtype\)"):
        Network([nn.Dense(3)], (4,), dtype="float16")


def test_labels_that_are_no_whole_numbers_are_refused():
    network = Network([nn.Dense(2)], (3,))
    with pytest.raises(UsageError, match="labels must be whole numbers, got an array of float64"):
        network.loss_and_gradients(np.zeros((1, 3)), np.array([1.7]))


def test_a_gradient_check_that_checked_nothing_does_not_pass():
    network = Network([nn.Dense(4, Zeros()), nn.ReLU(), nn.Dense(2, Zeros())], (3,), dtype="float64")
    checks = gradcheck(network, (np.ones((2, 3)), np.array([0, 1])))
    assert all(np.isnan(check.relative_error) for check in checks if not check.checked)
    assert any(not check.checked for check in checks)
