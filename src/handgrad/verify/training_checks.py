"""Whether a network learns: their gradients and the engine's, over the same batches."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import load
from handgrad.nn import ACTIVATIONS, LAYERS, Network
from handgrad.verify.arithmetic import Loss, Net, forward
from handgrad.verify.gradients import Batch, Found, gradients_of
from handgrad.verify.network_checks import with_loss
from handgrad.verify.outcome import RIGHT, WRONG, Check
from handgrad.verify.sandbox import TheirError
from handgrad.verify.subject import Subject

Array = NDArray[Any]
STEPS, ROWS, RATE, TEST_ROWS = 30, 64, 0.5, 300
CLOSE_ACCURACY = 0.02


def training_checks(subject: Subject, found: Found, loss: Loss, generator: np.random.Generator) -> Iterator[Check]:
    """Their gradients and the engine's, from the same weights, over the same batches of real digits."""
    name = {"leaky_relu(0.01)": "leaky_relu"}.get(subject.activation, subject.activation)
    wanted = replace(subject.wanted, widths=(64, 16, 16, 10))
    if (
        loss.name != "cross_entropy"
        or subject.output == "sigmoid"
        or name not in ACTIVATIONS
        or subject.maker.is_module
    ):
        return
    try:
        made = _resized(subject, wanted)
    except (TheirError, KeyError, IndexError):
        return
    inputs, classes = made.chain.widths[0], made.chain.widths[-1]
    if classes != 10 or inputs not in (64, 784):
        return
    digits = load("digits")
    images, tests = (_scaled(each, inputs) for each in (digits.x_train, digits.x_test[:TEST_ROWS]))
    net = made.net(generator)
    net = net._replace(weights=[w * 0.5 for w in net.weights], biases=[b * 0 for b in net.biases])
    engine = engine_of(net, name)
    ours, y = net, np.eye(10)[digits.y_train]
    scale = RATE * (1.0 if loss.scale == "the mean over the batch" else 1 / ROWS)
    for step in range(STEPS):
        rows = np.arange(step * ROWS, (step + 1) * ROWS) % len(images)
        batch = with_loss(Batch(ours, images[rows], y[rows], forward(ours, images[rows])), loss)
        try:
            slopes = gradients_of(made, found, batch, loss)
        except TheirError as error:
            yield Check("training", WRONG, f"step {step + 1}: {error}", None, "all layers", "crash")
            return
        ours = _descended(ours, slopes, scale)
        engine.loss_and_gradients(images[rows], digits.y_train[rows])
        engine.parameters[:] -= RATE * engine.gradients
    made.put(ours)
    theirs = float((made.forward(tests)[0].argmax(1) == digits.y_test[:TEST_ROWS]).mean())
    reached = float((engine.logits(tests).argmax(1) == digits.y_test[:TEST_ROWS]).mean())
    right = abs(theirs - reached) <= CLOSE_ACCURACY
    words = f"{theirs:.1%} of {TEST_ROWS} digits after {STEPS} steps; handgrad, from the same weights, {reached:.1%}"
    yield Check("training", RIGHT if right else WRONG, words, abs(theirs - reached), "" if right else "all layers",
                "" if right else "training")  # fmt: skip


def _resized(subject: Subject, wanted: Any) -> Subject:
    made = subject.made(wanted)
    arrays = subject.session.ask("walk", target=made.root)
    shapes = [arrays[path].shape[:: -1 if subject.chain.transposed else 1] for path in made.chain.paths]
    chain = made.chain._replace(widths=(shapes[0][0], *(shape[1] for shape in shapes)))
    return replace(made, shapes={path: array.shape for path, array in arrays.items()}, chain=chain)


def _scaled(images: Array, inputs: int) -> Array:
    """Digits as rows in [0, 1]; in the middle of 28 x 28 where the network wants that."""
    pixels = images.reshape(-1, 8, 8) / 255.0
    if inputs == 784:
        pixels = np.pad(np.kron(pixels, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    return np.asarray(pixels.reshape(len(images), -1), float)


def engine_of(net: Net, activation: str) -> Network:
    """handgrad's own network with these weights, in float64."""
    layers: list[Any] = []
    dense: Any = LAYERS["dense"]
    for weight in net.weights:
        layers += [dense(weight.shape[1]), ACTIVATIONS[activation]()]
    engine = Network(layers[:-1], (net.weights[0].shape[0],), dtype="float64")
    views = list(engine.views.values())
    for k, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        first, second = views[2 * k], views[2 * k + 1]
        matrix, vector = (first, second) if first.ndim == 2 else (second, first)
        matrix[...] = weight if matrix.shape == weight.shape else weight.T
        vector[...] = bias
    return engine


def _descended(net: Net, slopes: Any, rate: float) -> Net:
    weights = [w - rate * slopes[f"W{k}"] for k, w in enumerate(net.weights)]
    biases = [b - rate * slopes.get(f"b{k}", 0.0) for k, b in enumerate(net.biases)]
    return net._replace(weights=weights, biases=biases)
