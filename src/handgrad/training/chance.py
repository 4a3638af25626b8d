"""A training that ends no better than guessing: whether it did, and its likeliest causes."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import Split
from handgrad.errors import WARNING, Diagnostic
from handgrad.evaluation import Measure, wilson
from handgrad.nn import ACTIVATIONS, LAYERS
from handgrad.training.diagnose import LEAST_STEPS
from handgrad.training.history import Statistics
from handgrad.training.layer_statistics import layer_statistics
from handgrad.training.trainer import Trainer

Array = NDArray[Any]
Cause = tuple[float, str]  # how strongly a training's numbers speak for it, from 0 to 1

MOST_CAUSES = 3
ROWS = 2000  # of the training images are looked at
SEEN = 256  # images go through the network to look at its layers
FAR = 30.0  # times the optimizer's own learning rate, or a part of it
STILL = 0.02  # a loss that changed by a smaller share did not move


def at_chance(
    trainer: Trainer, reached: Measure, part: str, test: tuple[Array, Array] | None = None
) -> Diagnostic | None:
    """`no_better_than_guessing` of a training; None where the network answers NaN, too."""
    if np.isnan(reached.loss):
        return None
    causes, remedy = _of_training(trainer), "try another learning_rate, or more epochs"
    return no_better_than_guessing(trainer.split, reached.accuracy, part, test, causes, remedy)


def no_better_than_guessing(
    parts: Split, accuracy: float, part: str, test: tuple[Array, Array] | None, causes: Iterable[Cause], remedy: str
) -> Diagnostic | None:
    """A warning when the accuracy reached on a part is not above the share of its largest class.

    `part` is "test" or "validation"; `causes` are those that lie in the model, beside which the data are looked at;
    `remedy` is what to try where there is none. None for an accuracy whose 95 % interval (Wilson) is above that share.
    """
    images, labels = test if test and part == "test" else (parts.x[parts.validation_rows], parts.y_validation)
    if not len(labels):
        return None
    share = np.bincount(labels).max() / len(labels)
    _, low, high, _ = wilson(round(accuracy * len(labels)), len(labels))
    if low > share or share == 1:
        return None
    what = (
        f"the {part} accuracy of {100 * accuracy:.2f} % ({100 * low:.1f} to {100 * high:.1f}) is at the chance "
        f"level: always naming the largest class is right for {100 * share:.2f} %"
    )
    found = sorted([*causes, *_of_data(parts, images, labels)], reverse=True)
    listed = "; ".join(f"{number}. {text}" for number, (_, text) in enumerate(found[:MOST_CAUSES], 1))
    fix = f"Likeliest causes: {listed}" if found else f"No usual cause shows: {remedy}"
    return Diagnostic(WARNING, what, f"{fix}. {_mean_images(parts, images, labels)[1]}")


def only_learned(right: int, images: int, parts: Split) -> Iterator[Cause]:
    """Training images are named better than by guessing: `right` of so many."""
    learned = wilson(right, images)
    if learned.low > _largest(parts):
        what = f"the training images are learned ({100 * learned.mean:.1f} %), these are not"
        yield 0.7, f"{what}: too few images, or labels of one part that do not belong to them"


def _largest(parts: Split) -> float:
    """The share of the largest class among the training images."""
    return float(np.bincount(parts.y_train).max() / len(parts.train_rows))


def _of_training(trainer: Trainer) -> Iterator[Cause]:
    yield from _of_losses(trainer)
    yield from _of_layers(trainer)
    if trainer.history.epochs:
        right = sum(trainer.history.correct[-trainer.steps_per_epoch :])
        yield from only_learned(right, len(trainer.split.train_rows), trainer.split)


def _of_losses(trainer: Trainer) -> Iterator[Cause]:
    losses, optimizer = np.array(trainer.history.losses), trainer.settings.optimizer
    if not len(losses):
        return
    rate, own = optimizer.learning_rate, type(optimizer)().learning_rate
    window = max(1, min(10, len(losses) // 4))
    first, last = losses[:window].mean(), losses[-window:].mean()
    highest = int(np.argmax(losses))
    guess = max(first, np.log(trainer.network.classes))
    if losses[highest] > 3 * guess or last > 1.5 * guess:
        yield 0.95, f"the loss rose to {losses[highest]:.3g} at step {highest + 1}: lower learning_rate (now {rate:g})"
    elif rate > FAR * own:
        yield 0.8, f"learning_rate {rate:g} is {rate / own:.0f} times the {own:g} of the optimizer: lower it"
    moved = abs(first - last) > STILL * first
    if not moved and rate < own / FAR:
        what = f"the loss stayed at {last:.3g}, and learning_rate {rate:g} is {own / rate:,.0f} times smaller than"
        yield 0.93, f"{what} the {own:g} of the optimizer: raise it"
    if len(losses) < LEAST_STEPS:
        yield 0.7, f"only {len(losses)} steps were made: raise epochs, or lower batch_size"
    quarter = len(losses) // 4
    if quarter >= 5 and moved and losses[-quarter:].mean() < (1 - STILL) * losses[-2 * quarter : -quarter].mean():
        yield 0.4, "the loss was still falling at the end: raise epochs"


def _of_layers(trainer: Trainer) -> Iterator[Cause]:
    """Dead or saturated units, weights without a difference or without a size, gradients that do not come through."""
    past, network = trainer.history.statistics, trainer.network
    rows = trainer.split.train_rows[:SEEN]
    now = layer_statistics(network, trainer.split.x[rows], trainer.split.y[rows], trainer.step)
    begin = past[0] if past and past[0].step == 0 else None
    latest = past[-1] if past else now
    for number, layer in enumerate(network.layers):
        output = latest.outputs.get(number)
        if type(layer) not in ACTIVATIONS.values() or output is None or output.flat < 0.9:
            continue
        saturated = getattr(layer, "output_range", None) is not None
        always = begin is not None and begin.outputs[number].flat >= 0.9
        remedy = "another weight_init" if always else "a lower learning_rate"
        word = "at the ends of their range, saturated" if saturated else "0, its units are dead"
        since = " from the start" if always else ""
        title = f"{100 * output.flat:.0f} % of the outputs of layer {number} ({type(layer).__name__}) are {word}{since}"
        yield 0.96 if output.flat > 0.99 else 0.85, f"{title}: try {remedy}, or batch_norm"
        break
    yield from _of_weights(trainer, begin, latest)
    dropouts: Any = [layer for layer in network.layers if type(layer) is LAYERS.get("dropout")]
    rate = max((layer.rate for layer in dropouts), default=0.0)
    if rate >= 0.8:
        yield 0.75, f"dropout takes away {100 * rate:.0f} % of a layer's outputs: lower it"


def _of_weights(trainer: Trainer, begin: Statistics | None, latest: Statistics) -> Iterator[Cause]:
    views = trainer.network.views
    weights = [name for name in latest.parameters if name.endswith("weight")]
    for name in weights[:-1]:
        units = views[name].reshape(-1, views[name].shape[-1])
        if units.shape[1] > 1 and np.ptp(units, axis=1).max() == 0:
            yield 0.99, f"all units of {name} have the same weights and stay alike: choose another weight_init"
            break
    for name in weights:
        start, end = (begin or latest).parameters[name].weight, latest.parameters[name].weight
        if 0 < end < 0.02 * start or (end == 0 < start):
            yield 0.98, f"{name} shrank to {end / start:.2g} of its size: lower weight_decay, l1 or learning_rate"
            break
    first, last = ((begin or latest).parameters[name].gradient for name in (weights[0], weights[-1]))
    if len(weights) > 1 and first < 1e-3 * last:
        what = f"gradients vanish: those of {weights[0]} are {first / last:.1g} of those of {weights[-1]}"
        yield 0.9, f"{what}: fewer layers, relu, another weight_init, or batch_norm"


def _of_data(parts: Split, images: Array, labels: Array) -> Iterator[Cause]:
    """Classes out of balance, images without contrast, labels that do not go with the images."""
    x, _, others = _samples(parts, images)
    largest = _largest(parts)
    if largest > 0.7:
        yield 0.92, f"{100 * largest:.0f} % of the training images are of one class: balance the classes"
    if parts.x.dtype == np.uint8 and x.std(axis=0).max() < 3:
        yield 0.97, f"the images hardly differ: no pixel varies by more than {x.std(axis=0).max():.1g} of 255 levels"
    for name, gap in (("darker", x.mean() - others.mean()), ("lighter", others.mean() - x.mean())):
        if gap > 0.5 * max(x.std(), 1e-9):
            yield 0.9, f"these images are {name} than the training images: bring both to one range"
    if not _mean_images(parts, images, labels)[0]:
        yield 0.6, "labels may not belong to their images: shuffled, or in another order"


def _mean_images(parts: Split, images: Array, labels: Array) -> tuple[bool, str]:
    """Whether comparing with each class's mean image, the simplest classifier, beats guessing; and that in words."""
    x, y, others = _samples(parts, images)
    present, labels = np.unique(y), labels[: len(others)]
    means = np.stack([x[y == label].mean(axis=0) for label in present])
    distances = np.square(means).sum(axis=1) - 2 * others @ means.T
    right = int((present[distances.argmin(axis=1)] == labels).sum())
    learns = wilson(right, len(labels)).low > np.bincount(labels).max() / len(labels)
    verdict = "the data can be learned" if learns else "the data may be at fault"
    share = f"{100 * right / len(labels):.1f} %"
    return learns, f"Comparing with the mean image of each class is right for {share}: {verdict}"


def _samples(parts: Split, images: Array) -> tuple[Array, Array, Array]:
    """Some training images with their labels, and some of the others, as rows of floats."""
    rows = parts.train_rows
    rows = rows[np.linspace(0, len(rows) - 1, min(ROWS, len(rows))).astype(np.int64)]
    x, others = (each.reshape(len(each), -1).astype(np.float32) for each in (parts.x[rows], images[:ROWS]))
    return x, parts.y[rows], others
