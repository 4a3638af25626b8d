"""What a hand-in needs beside its gradients: weights that come back, decay, a command line, and that it learns."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import load
from handgrad.nn import ACTIVATIONS, LAYERS, Network
from handgrad.verify.arithmetic import Loss, Net, forward
from handgrad.verify.contracts import Contract
from handgrad.verify.gradients import Batch, Found, draw, gradients_of
from handgrad.verify.losses import values_of
from handgrad.verify.mistakes import distance
from handgrad.verify.naming import does, role_of
from handgrad.verify.network_checks import place_of, with_loss
from handgrad.verify.outcome import NOTE, RIGHT, WRONG, Check, scope
from handgrad.verify.sandbox import Session, TheirError
from handgrad.verify.subject import Subject

Array = NDArray[Any]
DECAY = 0.25
STEPS, ROWS, RATE, TEST_ROWS = 30, 64, 0.5, 300
CLOSE_ACCURACY = 0.02


def decay_checks(subject: Subject, found: Found, loss: Loss, generator: np.random.Generator) -> Iterator[Check]:
    """With weight decay on: what is added to the loss and to dW, that the two fit, and that biases are left out."""
    try:
        made = subject.made(replace(subject.wanted, weight_decay=DECAY))
        batch = with_loss(draw(made, generator), loss)
        plain, theirs = (gradients_of(each, found, batch, loss) for each in (subject, made))
        before, after = ({each[:2]: each[2] for each in values_of(network, batch)} for network in (subject, made))
    except TheirError:
        return
    weights, biases = batch.net.weights, batch.net.biases
    off = {name: distance(theirs[name], plain[name]) > made.bound for name in theirs}
    factors = [_factor(theirs[f"W{k}"] - plain[f"W{k}"], weight) / DECAY for k, weight in enumerate(weights)]
    squares = DECAY * sum(float(np.vdot(weight, weight)) for weight in weights)
    added = {key: (after[key] - value) / squares for key, value in before.items() if key in after}
    added = {key: factor for key, factor in added.items() if abs(factor) > 1e-6}
    where = place_of(subject, found.target[2])
    if decayed := [name for name in off if name[0] == "b" and off[name]]:
        worst = max(distance(theirs[name], plain[name]) for name in decayed)
        yield Check("weight decay", WRONG, "the biases decay as well", worst, "all layers",
                    "weight decay on biases", None, where)  # fmt: skip
    if added:
        (name, place), factor = next(iter(added.items()))
        all_of = factor * squares / (squares + DECAY * sum(float(np.vdot(b, b)) for b in biases))
        if not _usual(2 * factor, len(batch.x)) and _usual(2 * all_of, len(batch.x)):
            yield Check("weight decay", WRONG, f"{name} has the biases in its decay", None, "the loss",
                        "weight decay on biases", None, place)  # fmt: skip
            factor = all_of
        yield _decay_of_both(subject, found, factor, factors, (name, place, where))
    elif any(off[f"W{k}"] for k in range(len(weights))) and not decayed:
        yield from _decay_of_gradient(subject, factors, len(batch.x), bool(before), where)


def _decay_of_both(subject: Subject, found: Found, factor: float, factors: Sequence[float], names: Any) -> Check:
    """The loss has `factor` times lambda W^2: dW must have twice that, unless the step adds it."""
    name, place, where = names
    odd = [k for k, each in enumerate(factors) if abs(each - 2 * factor) > 1e-5 * abs(factor)]
    of = f"{factor:.4g} lambda times the sum of W^2"
    if not odd:
        return Check("weight decay", RIGHT, f"{name} has {of} added, dW the derivative of that", where=where)
    if max(map(abs, factors)) < 1e-6:
        if step := _decays_in_the_step(subject, found):
            return Check("weight decay", RIGHT, f"{name} has {of} added, and {step} what that adds to dW", where=place)
        words = f"{name} has {of} added, and nothing of it is in dW: the weights do not decay"
        return Check("weight decay", WRONG, words, 1.0, "all layers", "decay in the loss but not in the gradient", None,
                     where)  # fmt: skip
    layers = scope([f"W{k}" for k in odd], len(factors), subject.chain.widths, True)
    words = f"{name} has {of} added, dW of it {factors[odd[0]]:.4g} lambda W in place of {2 * factor:.4g} lambda W"
    return Check("weight decay", WRONG, f"{layers}: {words}", None, layers, "weight decay", None, where)


def _decay_of_gradient(subject: Subject, factors: Sequence[float], n: int, losses: bool, where: str) -> Iterator[Check]:
    """dW has decay, and no loss: usual, for the loss is often shown without it, but no derivative of it."""
    most = max(factors, key=abs)
    odd = [k for k, each in enumerate(factors) if not _usual(each, n) or abs(each - most) > 1e-5]
    if odd:
        layers = scope([f"W{k}" for k in odd], len(factors), subject.chain.widths, True)
        words = f"{layers}: what weight decay adds to dW is {factors[odd[0]]:.4g} lambda W, no usual multiple"
        yield Check("weight decay", WRONG, words, None, layers, "weight decay", None, where)
        return
    words = f"dW has {_usual(most, n)} added in every layer"
    yield Check("weight decay", RIGHT, words, where=where)
    if losses:
        yield Check("weight decay", NOTE, f"{words}, the loss that you compute has no term for it", None, "the loss",
                    "decay in the gradient but not in the loss", None, where)  # fmt: skip


def _usual(factor: float, n: int) -> str:
    """A usual multiple of lambda W in words; or nothing."""
    known = {1.0: "lambda W", 2.0: "2 lambda W", 1 / n: "lambda W / N", 2 / n: "2 lambda W / N"}
    return next((words for value, words in known.items() if abs(factor - value) < 1e-5), "")


def _decays_in_the_step(subject: Subject, found: Found) -> str:
    """The function, other than losses and backward, that multiplies something by the decay; or nothing."""
    for member in subject.members:
        for name, factors in member.factors.items():
            if not does("loss", name) and name != found.target[2] and "weight_decay" in map(role_of, factors):
                return name if name == member.name else f"{member.name}.{name}"
    return ""


def _factor(extra: Array, weight: Array) -> float:
    return float(np.vdot(extra, weight) / np.vdot(weight, weight)) if extra.shape == weight.shape else np.nan


def weight_checks(subject: Subject, contract: Contract, generator: np.random.Generator) -> Iterator[Check]:
    """Weights taken out of one network and put into another one give the same outputs."""
    methods = subject.maker.methods
    if not {"get_weights", "set_weights"} <= {*methods}:
        if contract.weights:
            yield Check("weights", NOTE, f"{contract.title} wants get_weights and set_weights: they are missing")
        return
    where = place_of(subject, "set_weights")
    batch = draw(subject, generator)
    subject.put(batch.net)
    try:
        reply = subject.session.ask("call", target=subject.root, name="get_weights", hold=True)
        other = subject.made(subject.wanted)
        subject.session.call(other.root, "set_weights", reply["held"])
        subject.put(subject.net(generator))  # a copy, not the same arrays
        error = distance(other.forward(batch.x)[0], batch.run.out)
    except TheirError as failure:
        yield Check("weights", WRONG, f"{failure}", None, "all layers", "weights not restored",
                    None, where)  # fmt: skip
        return
    taken = reply["result"]
    keys = set(taken) if isinstance(taken, dict) else set()
    wanted = {f"{n}{k}" for k in range(len(batch.net.weights)) for n in "Wb"}
    if error > subject.bound:
        words = "weights from get_weights, given to set_weights of a second network, do not give the same outputs"
        yield Check("weights", WRONG, words, error, "all layers", "weights not restored", None, where)
    elif contract.weights and keys != wanted:
        words = f"the names are {', '.join(sorted(keys)[:8]) or type(taken).__name__}; {contract.title} wants W0, b0, …"
        yield Check("weights", NOTE, words, where=where)
    else:
        yield Check("weights", RIGHT, "get_weights and set_weights give the same outputs in a second network", error,
                    where=where)  # fmt: skip


def program_checks(session: Session, contract: Contract) -> Iterator[Check]:
    """--help of the programs that the course asks for, and the flags it names."""
    for program in contract.programs:
        path = program["path"]
        try:
            result = session.ask("program", path=path, arguments=["--help"])
        except TheirError as error:
            yield Check("command line", NOTE, f"{path}: {error}")
            continue
        if result["error"].startswith("FileNotFoundError"):
            yield Check("command line", NOTE, f"{contract.title} wants {path}: it is missing")
            continue
        lacking = [flag for flag in program.get("flags") or [] if not re.search(rf"(?<![\w-]){flag}\b", result["out"])]
        if result["code"] or result["error"]:
            yield Check("command line", NOTE, f"{path} --help: {result['error'] or result['out'].strip()[-120:]}")
        elif lacking:
            yield Check("command line", NOTE, f"{path} --help does not know {', '.join(lacking)}")
        else:
            yield Check("command line", RIGHT, f"{path} --help")


def training_checks(subject: Subject, found: Found, loss: Loss, generator: np.random.Generator) -> Iterator[Check]:
    """Their gradients and the engine's, from the same weights, over the same batches of real digits."""
    name = {"leaky_relu(0.01)": "leaky_relu"}.get(subject.activation, subject.activation)
    if (
        loss.name != "cross_entropy"
        or subject.output == "sigmoid"
        or name not in ACTIVATIONS
        or subject.maker.is_module
    ):
        return
    try:
        made = subject.resized((64, 16, 16, 10))
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
