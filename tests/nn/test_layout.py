"""Where a batch is transposed, and what networks on images refuse."""

import numpy as np
import pytest
from tests.ingredients import nn
from tests.nn import passes
from tests.rounding import assert_close

from handgrad.errors import UsageError
from handgrad.kernels import driver
from handgrad.nn import ACTIVATIONS, Network, gradcheck


def names(layers, shape):
    """The operations of a network: the layers' numbers, "columns" and "rows" where a batch is transposed to them."""
    network = Network(layers, shape)
    found = network.wiring.operations
    assert len(found) == len(network.program(3).table)
    return [plan.layout if "to_" in plan.kernels[0].__name__ else layer for layer, plan, _, _ in found]


def test_a_network_of_dense_layers_is_never_transposed():
    middle = [cls() for cls in ACTIVATIONS.values()]
    layers = [nn.Flatten(), nn.Dense(5), nn.BatchNorm(), *middle, nn.Dropout(0.1), nn.Dense(3)]
    assert names(layers, (4, 4)) == list(range(1, len(layers)))


@pytest.mark.slow
def test_convolutions_are_transposed_once_before_and_once_after():
    stage = [nn.Conv2D(4), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(), nn.Dropout(0.1)]
    assert names([*stage, *stage, nn.Flatten(), nn.Dense(3)], (28, 28)) == ["columns", *range(10), "rows", 11]


def test_functions_of_each_number_stay_in_either_layout():
    assert names([nn.Tanh(), nn.Conv2D(2), nn.Tanh(), nn.Flatten(), nn.Tanh(), nn.Dense(3), nn.Tanh()], (5, 5)) == [
        *(0, "columns", 1, 2, 4, "rows", 5, 6),
    ]


def test_back_to_rows_before_the_loss():
    assert names([nn.Conv2D(3), nn.ReLU(), nn.GlobalAveragePool()], (5, 5)) == ["columns", 0, 1, 2, "rows"]
    assert names([nn.Dense(6), nn.BatchNorm(), nn.Dense(3)], (5, 5)) == [0, 1, 2]


def test_features_after_flatten_come_channel_by_channel_and_row_by_row():
    network = Network([nn.Conv2D(2, 1), nn.Flatten(), nn.Dense(12)], (2, 3), dtype="float64")
    views = network.views
    views["0.weight"][...], views["0.bias"][...] = np.array([1.0, 10.0]).reshape(2, 1, 1, 1), 0
    views["2.weight"][...], views["2.bias"][...] = np.eye(12), 0
    x = np.arange(1.0, 7.0).reshape(1, 2, 3)
    assert list(network.logits(x)[0]) == [1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]


def cnn(dtype="float64", seed=1):
    stage = [nn.Conv2D(4, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2)]
    return Network([*stage, *stage, nn.Flatten(), nn.Dropout(0.2), nn.Dense(5)], (9, 10), dtype=dtype, seed=seed)


def images_and_labels(rows):
    generator = np.random.default_rng(3)
    return generator.normal(size=(rows, 9, 10)), generator.integers(0, 5, rows)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_gradients_of_a_cnn(training):
    network = cnn()
    network.loss_and_gradients(*images_and_labels(7))  # running statistics that are not their starting values
    found = passes.wrong_gradients(network, images_and_labels(3), training=training, key=3)
    assert not found, "; ".join(found.values())


def test_a_step_that_changes_which_number_is_largest_is_a_kink():
    network = Network([nn.Conv2D(1, 1), nn.MaxPool2D((1, 2)), nn.Dense(2)], (1, 2), dtype="float64")
    views = network.views  # both numbers are the bias: any step of the weight decides between them
    views["0.weight"][...], views["0.bias"][...] = 0, 0.5
    checks = {check.name: check for check in gradcheck(network, (np.array([[[1.0, 2.0]]]), np.array([1])))}
    assert (checks["0.weight"].checked, checks["0.weight"].on_kink) == (0, 1)
    assert (checks["0.bias"].checked, checks["0.bias"].on_kink) == (1, 0)


def test_batches_may_be_smaller_than_the_layout():
    x, labels = images_and_labels(13)
    network, out = cnn(), np.empty((13, 5))
    driver.evaluate_rows(network.program(5), network.batches(x, labels, size=5), out)
    one_by_one, allowed = [network.logits(x[n : n + 1])[0] for n in range(13)], passes.rounding(network, x, labels)
    for expected in (network.logits(x), one_by_one):
        assert_close(out, expected, allowed["logits"], "logits")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_smaller_batches_in_a_larger_layout_have_the_same_gradients(dtype):
    x, labels = images_and_labels(3)
    roomy, tight = cnn(dtype), cnn(dtype)
    tight.loss_and_gradients(x, labels, key=2)
    program = roomy.program(64)
    program.saved[:], program.activations[:], program.dactivations[:] = np.nan, np.nan, np.nan
    batches = roomy.batches(x, labels, size=64)
    driver.gather(batches, batches.order, program.activations[: 3 * 90], labels.copy())
    driver.loss_and_gradients(program, labels, batches.weights, np.uint64(2), True)
    allowed = passes.rounding(cnn(dtype), x, labels, key=2)["gradients"]
    assert_close(roomy.gradients, tight.gradients, allowed, "gradients")


def test_the_first_convolution_computes_no_gradient_of_the_images():
    network = cnn()
    network.loss_and_gradients(*images_and_labels(4))
    program = network.program(4)
    assert program.first == 1, "0 is the transposition of the images"
    assert not program.dactivations[: program.table[1]["y_start"]].any()


SAME = "got inputs of shape"
REFUSED = {
    "vectors": ([nn.Conv2D(3)], (16,), rf"a convolution takes images .*, {SAME} \(16,\)"),
    "after dense": ([nn.Dense(9), nn.MaxPool2D(), nn.Dense(3)], (4, 4), rf"a pool takes images .*, {SAME} \(9,\)"),
    "four axes": ([nn.GlobalAveragePool()], (1, 2, 3, 4), rf"{SAME} \(1, 2, 3, 4\)"),
    "kernel": (
        [nn.Conv2D(3, (2, 5), padding="valid")],
        (2, 4, 4),
        r"kernel of shape \(2, 5\) .* images of shape \(4, 4\)",
    ),
    "pool": (
        [nn.Conv2D(3), nn.MaxPool2D(3)],
        (2, 2),
        r"pool of shape \(3, 3\) does not fit into images of shape \(2, 2\)",
    ),
    "too many pools": (
        [*[nn.MaxPool2D()] * 4, nn.Dense(3)],
        (8, 8),
        r"shape \(2, 2\) does not fit into images of shape \(1, 1\)",
    ),
    "no filters": (
        [nn.Conv2D(0)],
        (5, 5),
        r"kernels of shape \(1, 3, 3\) on inputs of shape \(5, 5\) needs 1 to \d+ filters",
    ),
    "memory": (
        [nn.Conv2D(1 << 20, 3)],
        (3, 99, 99),
        r"kernels of shape \(3, 3, 3\) on inputs of shape \(3, 99, 99\) needs 1",
    ),
    "batch norm": ([nn.BatchNorm()], (4, 4), rf"vectors \(features,\) or images .*, {SAME} \(4, 4\)"),
}


@pytest.mark.parametrize(("layers", "shape", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_when_the_network_is_built(layers, shape, message):
    with pytest.raises(UsageError, match=message):
        Network([*layers, nn.Dense(3)], shape)


@pytest.mark.parametrize("bad", [0, -1, 2.0, "3", (1, 2, 3), (), (3, 0), True, None, 10**6])
def test_sizes_are_one_or_two_whole_numbers(bad):
    for name, build in [
        ("kernel_size", lambda: nn.Conv2D(3, bad)),
        ("stride", lambda: nn.Conv2D(3, 3, bad)),
        ("size", lambda: nn.MaxPool2D(bad)),
        ("size", lambda: nn.AveragePool2D(bad)),
    ]:
        with pytest.raises(UsageError, match=f"^{name} must be one or two whole numbers of 1 to 4096, got"):
            build()


def test_padding_is_same_or_valid():
    with pytest.raises(
        UsageError, match=r"padding must be one of same, valid, or 1, 2 or 4 .*, got 'full' \(--layers\)"
    ):
        nn.Conv2D(3, padding="full")


def test_equal_layers_are_equal_however_they_are_written():
    assert nn.Conv2D(3, (5, 5), [2, 2]) == nn.Conv2D(3, 5, 2)
    assert hash(nn.Conv2D(3, [2, 3])) == hash(nn.Conv2D(3, (2, 3)))
    assert nn.MaxPool2D([2, 2], (1, 2)) == nn.MaxPool2D(2, [1, 2])


def test_shapes_flow_through_a_cnn():
    network = Network(
        [nn.Conv2D(4), nn.MaxPool2D(2), nn.Conv2D(5, (3, 2), 2, "valid"), nn.Flatten(), nn.Dense(10)], (13, 9)
    )
    assert [plan.output for plan in network.plans] == [(4, 13, 9), (4, 6, 4), (5, 2, 2), (20,), (10,)]
    shapes = {name: view.shape for name, view in network.views.items()}
    assert shapes["0.weight"] == (4, 1, 3, 3)
    assert shapes["2.weight"] == (5, 4, 3, 2)
    assert shapes["4.weight"] == (20, 10)


def test_fans_count_the_window():
    weight = nn.Conv2D(8, (2, 3)).plan((5, 9, 9)).parameters[0]
    assert (weight.fan_in, weight.fan_out) == (5 * 6, 8 * 6)
