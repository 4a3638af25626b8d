"""The checks of a fully connected network: outputs, loss, gradients, and what its batches and arguments go through."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.verify.arithmetic import OUTPUT_NAMES, SCALES, Loss, forward, loss_value, softmax
from handgrad.verify.contracts import Contract
from handgrad.verify.gradients import Batch, Found, call_backward, draw, find_backward, gradients_of, take
from handgrad.verify.losses import WORDS, TheirLoss
from handgrad.verify.making import Wanted
from handgrad.verify.mistakes import Explanation, distance, explain_backward, explain_forward
from handgrad.verify.outcome import (
    NOTE,
    RIGHT,
    UNCHECKED,
    WRONG,
    Check,
    by_factor,
    factor_words,
    hook_name,
    layer_name,
    scope,
)
from handgrad.verify.sandbox import TheirError
from handgrad.verify.subject import Subject

Array = NDArray[Any]
MEAN = Loss("cross_entropy", "the mean over the batch")
STEP = 1e-5


def forward_checks(subject: Subject, generator: np.random.Generator) -> Iterator[Check]:
    """Their output for weights and images that nobody knows before."""
    batch = draw(subject, generator)
    subject.put(batch.net)
    out, result = subject.forward(batch.x)
    where = place_of(subject, subject.called[2])
    if subject.matches:
        name = {"identity": "the last sums (logits)", "softmax": "softmax", "sigmoid": "sigmoid"}[subject.output]
        error = distance(out, batch.run.out)
        status = RIGHT if subject.activation == subject.wanted.activation or not takes_activation(subject) else WRONG
        words = f"{len(subject.chain.paths)} layers, {subject.activation} between them, {name} at the end"
        if status == WRONG:
            words = f"asked for {subject.wanted.activation}, it computes {subject.activation}"
        yield Check("forward", status, words, error, mistake="" if status == RIGHT else "wrong activation", where=where)
    else:
        yield _wrong_forward(subject, batch, out, where)
    if result["changed"]:
        yield Check("inputs", WRONG, "forward changes the array of images that it is given", where=where,
                    mistake="input changed", layer="the input")  # fmt: skip


def takes_activation(subject: Subject) -> bool:
    """Whether the activation can be chosen."""
    return any(argument.role in ("activation", "flags") for argument in subject.making)


def takes_loss(subject: Subject) -> bool:
    """Whether the loss can be chosen."""
    return any(argument.role in ("loss", "flags") for argument in subject.making)


def place_of(subject: Subject, name: str) -> str:
    """File and line of a method or a function."""
    if subject.maker.is_class:
        return f"{subject.maker.file}:{subject.maker.lines.get(name, subject.maker.line)}"
    return next((f"{m.file}:{m.line}" for m in subject.members if m.name == name), "")


def _wrong_forward(subject: Subject, batch: Batch, out: Array, where: str) -> Check:
    layers, best = len(batch.net.weights), None
    activations = dict.fromkeys((batch.net.activation, "relu", "sigmoid", "tanh"))
    for output, activation in itertools.product(OUTPUT_NAMES, activations):
        net = batch.net._replace(output=output, activation=activation)
        found = explain_forward(net, batch.x, out, subject.bound)
        if found and (best is None or (best.mistakes[0][1] is not None and found.mistakes[0][1] is None)):
            best = found
    ours = forward(batch.net, batch.x).out
    if best:
        mistake, layer = best.mistakes[0]
        named = hook_name(mistake.hook, layer, layers, subject.chain.widths)
        return Check("forward", WRONG, f"{named}: {mistake.words}", distance(out, ours), named, mistake.name,
                     best.error, where)  # fmt: skip
    words = "the output is not that of a fully connected network with these weights, and no known mistake reproduces it"
    return Check("forward", WRONG, words, distance(out, ours), "unknown", "unknown", None, where)


def loss_checks(subject: Subject, losses: list[TheirLoss]) -> Iterator[Check]:
    """Which of the usual definitions each of their losses follows."""
    if not losses:
        yield Check("loss", UNCHECKED, "no function of labels and predictions was found that gives one number")
    for each in losses:
        if each.loss:
            yield Check("loss", RIGHT, f"{each.name}: {WORDS[each.loss.name]}, {each.loss.scale}", where=each.where)
        elif each.mistake:
            name, words = each.mistake
            yield Check("loss", WRONG, f"{each.name}: {words}", layer="the loss", mistake=name, where=each.where)
        else:
            yield Check("loss", NOTE, f"{each.name} gives {each.value:.6g}, which no usual definition does",
                        where=each.where)  # fmt: skip


def gradient_checks(
    subject: Subject, losses: list[TheirLoss], contract: Contract, generator: np.random.Generator
) -> tuple[list[Check], Found | None, Loss]:
    """dW, db of each layer against ours; which mistake it is where they differ; also how their backward is called."""
    plain = draw(subject, generator)
    possible = possible_losses(subject, losses)
    found, errors = find_backward(subject, with_loss(plain, possible[0]), possible[0])
    if found is None or not found.paths:
        return [_no_gradients(subject, errors, generator)], None, possible[0]
    loss, theirs, changed, explanation = _best_loss(subject, found, plain, possible)
    batch = with_loss(plain, loss)
    if one_by_one(explanation, batch, theirs):
        return [*_single_image(subject, found, loss, generator)], found, loss
    own = any(each.loss and each.loss.name == loss.name for each in losses)
    checks = list(_compared(subject, found, batch, theirs, loss, (explanation, own, contract)))
    if subject.biases and not any(name[0] == "b" for name in found.paths):
        checks.append(Check("gradients", NOTE, "db was not found: the gradients of the biases are not checked"))
    checks += _layout(subject, found, contract)
    if changed:
        checks.append(Check("inputs", WRONG, "backward changes the arrays that it is given", layer="the input",
                            mistake="input changed", where=place_of(subject, found.target[2])))  # fmt: skip
    if all(check.status != WRONG for check in checks):
        checks += _batches(subject, found, loss, generator)
    return checks, found, loss


def possible_losses(subject: Subject, losses: list[TheirLoss]) -> list[Loss]:
    """Their own definitions of the loss that was wanted; where they have none, those that fit the network's output."""
    own = [each.loss for each in losses if each.loss]
    named = [loss for loss in own if loss.name == subject.wanted.loss]
    if takes_loss(subject) and named:
        return named
    if own and not takes_loss(subject):
        return own
    cross, mean = Loss("cross_entropy", MEAN.scale, "softmax"), MEAN.scale
    squared = [Loss("squared_error", mean, output) for output in ("softmax", "identity")]
    if takes_loss(subject):
        return [cross] if subject.wanted.loss == "cross_entropy" else [*squared, cross]  # which it may know alone
    return {
        "softmax": [cross, squared[0]],
        "sigmoid": [Loss("binary_cross_entropy", mean), squared[0], cross],
        "identity": [cross, squared[1], squared[0]],
    }[subject.output]


def with_loss(batch: Batch, loss: Loss) -> Batch:
    """The batch as the loss sees it: of logits, cross-entropy takes the softmax."""
    output = loss.output or ("softmax" if loss.name == "cross_entropy" else "identity")
    if batch.net.output != "identity" or output == "identity":
        return batch
    net = batch.net._replace(output=output)
    return Batch(net, batch.x, batch.y, forward(net, batch.x))


def _best_loss(subject: Subject, found: Found, plain: Batch, possible: list[Loss]) -> Any:
    """The loss whose gradients theirs are, or come closest to: with it, the numbers and the explanation."""
    results = []
    for place, loss in enumerate(possible):
        batch = with_loss(plain, loss)
        numbers = call_backward(subject, found.target, found.plan, batch, loss)
        theirs = take(subject, found, numbers, batch)
        true = batch.true(loss)
        if max(distance(theirs[name], true[name]) for name in theirs) <= subject.bound:
            return loss, theirs, numbers["changed"], None
        explanation = explain_backward((batch.net, batch.run, batch.y, loss), theirs, max(1e-6, subject.bound))
        factors = len({round(f, 6) for f in explanation.scales.values()}) if explanation else 0
        cost = 2 * len(explanation.mistakes) + factors if explanation else 99
        results.append((cost, place, (loss, theirs, numbers["changed"], explanation)))
    return min(results, key=lambda result: result[:2])[2]


def one_by_one(explanation: Explanation | None, batch: Batch, theirs: Mapping[str, Array]) -> bool:
    """Whether the backward pass is meant for one image: sums over images in dW, a row for each image in db."""
    if not explanation or [m.name for m, _ in explanation.mistakes] != ["bias not summed"]:
        return False
    rows = all(theirs[name].ndim == 2 for name in theirs if name[0] == "b")
    factors = {round(explanation.scales.get(name, 1.0) / len(batch.x), 6) for name in theirs}
    return rows and len(factors) == 1 and factors <= {1.0, 0.5}


def _single_image(subject: Subject, found: Found, loss: Loss, generator: np.random.Generator) -> Iterator[Check]:
    plain = draw(subject, generator, 1)
    loss, theirs, _, explanation = _best_loss(subject, found, plain, [loss._replace(scale=scale) for scale in SCALES])
    batch, where = with_loss(plain, loss), place_of(subject, found.target[2])
    label = f"gradients, {subject.activation}, {WORDS[loss.name]}"
    if explanation:
        yield from _explained(subject, label, explanation, batch, 1.0, where, (True, Contract(), loss))
        return
    error = max(distance(theirs[name], batch.true(loss)[name]) for name in theirs)
    yield Check(label, RIGHT, "dW and db of a single image at a time; of a batch, db is not summed", error, where=where)


def _no_gradients(subject: Subject, errors: list[str], generator: np.random.Generator) -> Check:
    """No backward pass works: perhaps it does where all layers have one width, or leaves some gradients behind."""
    fault = _of_equal_widths(subject, generator) if errors else None
    if fault:
        words = f"backward fails unless all layers have one width ({errors[-1]}): {fault.words}"
        return replace(fault, name="gradients", words=words)
    words = f"backward cannot be run: {errors[-1]}" if errors else "no backward pass with gradients was found"
    return Check("gradients", WRONG if errors else UNCHECKED, words, layer="unknown" if errors else "",
                 mistake="crash" if errors else "")  # fmt: skip


def _of_equal_widths(subject: Subject, generator: np.random.Generator) -> Check | None:
    """What is wrong in the same network with as many units in each layer as there are outputs."""
    try:
        made = subject.resized((subject.chain.widths[-1],) * 4)
        loss = possible_losses(made, [])[0]
        batch = with_loss(draw(made, generator), loss)
        found, _ = find_backward(made, batch, loss, unfinished=True)
        if found is None:
            return None
        theirs = gradients_of(made, found, batch, loss, True)
    except (TheirError, KeyError, IndexError, ValueError):
        return None
    theirs = {name: array for name, array in theirs.items() if np.all(np.isfinite(array))}
    explanation = explain_backward((batch.net, batch.run, batch.y, loss), theirs, max(1e-6, made.bound))
    faults = _explained(made, "", explanation, batch, 1.0, "", (True, Contract(), loss)) if explanation else ()
    return next(iter(faults), None)


def _compared(
    subject: Subject, found: Found, batch: Batch, theirs: Mapping[str, Array], loss: Loss, context: Any
) -> Iterator[Check]:
    explanation, own, contract = context
    true, where = batch.true(loss), place_of(subject, found.target[2])
    errors = {name: distance(theirs[name], true[name]) for name in theirs}
    label = f"gradients, {subject.activation}, {WORDS[loss.name]}"
    if max(errors.values()) <= subject.bound:
        yield Check(label, RIGHT, f"dW and db of {len(batch.net.weights)} layers, {loss.scale}", max(errors.values()),
                    where=where)  # fmt: skip
    elif explanation is None:
        yield _unknown(subject, label, errors, where)
    else:
        layers = sorted({int(name[1:]) for name, error in errors.items() if error > subject.bound})
        worst = max(errors.values())
        yield from _explained(subject, label, explanation, batch, worst, where, (own, contract, loss, layers))


def _unknown(subject: Subject, label: str, errors: Mapping[str, float], where: str) -> Check:
    layers = len(subject.chain.paths)
    first = next(k for k in range(layers - 1, -1, -1) for n in "Wb" if errors.get(f"{n}{k}", 0) > subject.bound)
    named = layer_name(first, layers, subject.chain.widths)
    wrong = [name for name in (f"W{first}", f"b{first}") if errors.get(name, 0) > subject.bound]
    words = f"{named}: d{' and d'.join(wrong)} differ, and no known mistake reproduces the numbers"
    return Check(label, WRONG, words, max(errors.values()), named, "unknown", None, where)


def _explained(
    subject: Subject, label: str, found: Explanation, batch: Batch, error: float, where: str, context: Any
) -> Iterator[Check]:
    own, contract, loss, *wrong = context
    layers, widths = len(batch.net.weights), subject.chain.widths
    for mistake, layer in found.mistakes:
        of_one = layer is None and mistake.hook in ("input", "weight", "bias") and wrong and len(wrong[0]) == 1
        named = hook_name(mistake.hook, wrong[0][0] if of_one else layer, layers, widths)
        yield Check(label, WRONG, f"{named}: {mistake.words}", error, named, mistake.name, found.error, where)
    n, k = batch.y.shape
    uniform = len({round(f, 6) for f in found.scales.values()}) == 1 and len(found.scales) == 2 * layers
    for factor, names in by_factor(found.scales).items():
        name, words = factor_words(factor, n, k)
        named = scope(names, layers, widths, bool(subject.biases))
        other = next((s for s in SCALES if abs(SCALES[s](n, k) / SCALES[loss.scale](n, k) - factor) < 1e-5), None)
        meant = own or (contract.mean and loss.name == "cross_entropy")
        if uniform and other and not meant and not found.mistakes:
            words = f"the gradients are those of {other}, not of {loss.scale}; no loss of yours says which is meant"
            yield Check(label, NOTE, words, None, named, name, found.error, where)
        else:
            yield Check(label, WRONG, f"{named}: {words}", error, named, name, found.error, where)


def _layout(subject: Subject, found: Found, contract: Contract) -> Iterator[Check]:
    """The order of the gradients, and how they lie beside their weights."""
    where = place_of(subject, found.target[2])
    if found.source != "update" and found.transposed != subject.chain.transposed:
        yield Check("layout", WRONG, "dW is the transpose of W in every layer: an update of W cannot use it",
                    layer="all layers", mistake="dW transposed", where=where)  # fmt: skip
    if found.source == "update" or len(subject.chain.paths) == 1:
        return
    first = "last layer first" if found.reverse else "first layer first"
    if found.source == "returned" and contract.order and found.lists:
        right = found.reverse == (contract.order == "last_first")
        words = f"gradients are returned {first}" + ("" if right else f", and {contract.title} wants the reverse")
        yield Check("order", RIGHT if right else WRONG, words, layer="" if right else "all layers",
                    mistake="" if right else "order reversed", where=where)  # fmt: skip
    elif found.reverse and not found.lists:
        yield Check("order", WRONG, "the numbers in the gradients' names count from the other end than those of W",
                    layer="all layers", mistake="order reversed", where=where)  # fmt: skip
    elif found.reverse:
        yield Check("order", NOTE, f"gradients come {first}: whoever pairs them with the weights must know it",
                    layer="all layers", mistake="order reversed", where=where)  # fmt: skip
    else:
        yield Check("order", RIGHT, f"gradients come {first}", where=where)


def _batches(subject: Subject, found: Found, loss: Loss, generator: np.random.Generator) -> Iterator[Check]:
    """One image, a last smaller batch, and the same batch twice."""
    where = place_of(subject, found.target[2])
    for rows, name in ((1, "batch of 1"), (5, "ragged batch")):
        batch = with_loss(draw(subject, generator, rows), loss)
        try:
            theirs = gradients_of(subject, found, batch, loss)
        except (TheirError, KeyError, ValueError) as error:
            yield Check(name, WRONG, f"{rows} images: {error}", layer="all layers", mistake=name, where=where)
            continue
        error_ = max(distance(theirs[key], batch.true(loss)[key]) for key in theirs)
        right = error_ <= subject.bound
        words = f"{rows} image{'s' * (rows > 1)} after 8"
        yield Check(name, RIGHT if right else WRONG, words if right else f"{words}: the gradients are wrong", error_,
                    "" if right else "all layers", "" if right else name, None, where)  # fmt: skip
    batch = with_loss(draw(subject, generator), loss)
    true = batch.true(loss)
    for _ in range(2):
        theirs = gradients_of(subject, found, batch, loss)
    error_ = max(distance(theirs[key], true[key]) for key in theirs)
    if error_ > subject.bound and not subject.maker.is_module:
        twice = max(distance(theirs[key], 2 * true[key]) for key in theirs) <= subject.bound
        words = "a second backward adds to the first: gradients are not set to zero" if twice else "the second differs"
        yield Check("called twice", NOTE, words, error_, "all layers", "gradients not reset", None, where)


def difference_checks(subject: Subject, generator: np.random.Generator, loss: Loss) -> Iterator[Check]:
    """Finite differences of their own forward pass against ours: whether the reference is the right one for it."""
    batch = with_loss(draw(subject, generator), loss)
    true, worst = batch.true(loss), 0.0
    if subject.rough:
        return
    for k in range(len(batch.net.weights)):
        direction = generator.normal(size=batch.net.weights[k].shape)
        values = []
        for sign in (1, -1):
            weights = [*batch.net.weights]
            weights[k] = weights[k] + sign * STEP * direction
            subject.put(batch.net._replace(weights=weights))
            out = subject.forward(batch.x)[0]
            p = softmax(out) if subject.output == "identity" and loss.name == "cross_entropy" else out
            values.append(loss_value(batch.net, batch.run._replace(out=p), batch.y, loss))
        slope = (values[0] - values[1]) / (2 * STEP)
        exact = float(np.vdot(true[f"W{k}"], direction))
        worst = max(worst, abs(slope - exact) / max(abs(exact), 1e-3))
    status = RIGHT if worst < 1e-4 else NOTE
    yield Check("finite differences", status, "of your own forward pass, against the reference's gradients", worst)


def cases(subject: Subject) -> Iterator[Wanted]:
    """The activations and losses that can be chosen."""
    activations = ("relu", "sigmoid", "tanh") if takes_activation(subject) else (subject.wanted.activation,)
    for activation in activations:
        yield replace(subject.wanted, activation=activation)
    if takes_loss(subject):
        yield replace(subject.wanted, loss="squared_error", activation=activations[-1])
