"""The table of workloads, and what a step costs, worked by hand."""

import pytest

from benchmarks.workloads import WORKLOADS, cost, parse, stages
from handgrad.config.layer_list import build_layer
from handgrad.nn import Network
from handgrad.optim import OPTIMIZERS


def test_six_workloads():
    assert list(WORKLOADS) == ["A", "B", "C", "D", "E", "F"]


@pytest.mark.parametrize("name", sorted(set(WORKLOADS) - {"D"}))
def test_parameters_are_those_of_handgrad(name):
    workload = WORKLOADS[name]
    network = Network([build_layer(text) for text in workload.layers], (28, 28))
    assert sum(stage.parameters for stage in stages(workload.layers, (28, 28))) == network.parameters.size
    assert OPTIMIZERS[workload.rule.name].vectors == workload.rule.state_vectors


def test_cost_of_a_perceptron():
    # 784-4-10 with batch 4: weights 3136 + 40, of which the first layer's are multiplied 2 times, not 3
    # flops = 2 * 4 * (2 * 3136 + 3 * 40) = 51136; 3190 parameters; SGD reads w and dw and writes w: 12 bytes each
    assert cost(WORKLOADS["F"], (28, 28)) == (51136, 12 * 3190, 8 * 3190)


def test_cost_of_adam():
    # 784-32-32-32-10: 25120 + 2 * 1056 + 330 parameters; w, dw, m, v are read, w, m, v written: 28 bytes
    parameters = 25120 + 2112 + 330
    assert cost(WORKLOADS["B"], (28, 28))[1:] == (28 * parameters, 16 * parameters)


def test_cost_of_convolutions():
    # 28x28 places * 9 * 1 * 4 = 28224 products, then 14x14 * 9 * 4 * 4 = 28224, then 7 * 7 * 4 * 10 = 1960
    # flops = 2 * 64 * (2 * 28224 + 3 * 28224 + 3 * 1960); parameters (36 + 4) + 8 + (144 + 4) + 8 + (1960 + 10)
    found = stages(WORKLOADS["D"].layers, (28, 28))
    assert [stage.outputs for stage in found][-2:] == [(196,), (10,)]
    assert cost(WORKLOADS["D"], (28, 28)).flops == 128 * (2 * 28224 + 3 * 28224 + 3 * 1960)
    assert sum(stage.parameters for stage in found) == 40 + 8 + 148 + 8 + 1970


def test_spelling():
    assert parse("conv2d:4,3") == ("conv2d", (4.0, 3.0))
    assert parse("relu") == ("relu", ())
