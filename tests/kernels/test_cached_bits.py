"""The process that compiles kernels and one that finds them in the cache compute the same bits."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from handgrad.kernels import driver
from handgrad.kernels.augment import augment
from handgrad.kernels.gradients import NO_UNITS
from handgrad.kernels.compile import kernel_address
from handgrad.nn import *
from handgrad.optim import GradientTransforms, NAdam

generator = np.random.default_rng(0)
cnn = [Conv2D(4), BatchNorm(), ReLU(), MaxPool2D(), Conv2D(5, (2, 3), 2), AveragePool2D(), Flatten(), Dense(4)]
mlp = [Flatten(), Dense(33), BatchNorm(), Tanh(), Dropout(0.2), Dense(4)]
for dtype, layers in (("float32", cnn), ("float64", mlp)):
    network = Network(layers, (13, 14), dtype=dtype)
    for rows in (31, 4):
        images, labels = generator.normal(size=(rows, 13, 14)), generator.integers(0, 4, rows)
        optimization = NAdam().bind(network, GradientTransforms(clip_norm=0.1, l1=1e-3, weight_decay=1e-2))
        augmentation = np.array([13, 14, 0.1, 1.0, 2.0, 2.0, 0.5, 10.0, 2.0, 3.0])
        batches = network.batches(images, labels, size=rows)
        how = kernel_address(augment, "augment", dtype)
        batches = batches._replace(augmentation=augmentation, augment=how)
        records, rates = np.zeros((1, 3)), np.array([0.1])
        driver.train_steps(network.program(rows), optimization, batches, 0, 0, rates, 1, records, NO_UNITS)
        for array in (records, network.gradients, network.parameters, network.buffers, network.logits(images)):
            print(array.tobytes().hex())
"""


@pytest.mark.slow
def test_compiled_now_or_before(tmp_path):
    environment = os.environ | {"HANDGRAD_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    printed = [subprocess.run(command, env=environment, capture_output=True, check=True).stdout for _ in range(2)]
    assert printed[0] == printed[1]
    assert printed[0]
