"""What is wrong with images, labels and settings, or worth knowing, before a network is trained on them."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import Dataset, Split
from handgrad.errors import ERROR, WARNING, Diagnostic, UsageError, raise_together
from handgrad.nn import Network
from handgrad.training.settings import Settings

log = logging.getLogger("handgrad")
Array = NDArray[Any]

LEAST_STEPS = LEAST_VALIDATION = 50
FEW_VALUES = 4  # a mean and a deviation of fewer are mostly chance
SMALL_BATCH = 16  # the least to be proposed where there are images enough
MOST_NAMES = 5
SAMPLE, FEW_PIXELS = 100, 16  # what is looked at first: the first images, every so many pixels
LEAK = 0.01  # of the test images; simple drawings are equal now and then


@lru_cache(maxsize=2)  # runs that follow each other have the same
def of_images(parts: Split, class_names: tuple[str, ...], dataset: Dataset | None = None) -> tuple[Diagnostic, ...]:
    """What is wrong with images and labels; `dataset` has the test part, if there is one."""
    test = (dataset.x_test, dataset.y_test) if dataset else None
    return (*_classes(parts, class_names, test), *_images(parts, test))


def diagnose(
    parts: Split,
    class_names: tuple[str, ...],
    dataset: Dataset | None = None,
    network: Network | None = None,
    settings: Settings | None = None,
) -> list[Diagnostic]:
    """Every diagnostic before a training, errors first; a model of scikit-learn has no network and settings."""
    found = [*of_images(parts, class_names, dataset)]
    if settings and network:
        found += [*lonely_batches(network, len(parts.train_rows), settings.batch_size), *_few(parts, settings)]
    return sorted(found, key=lambda diagnostic: diagnostic.severity != ERROR)


def heed(found: Iterable[Diagnostic], *, quiet: bool = False) -> None:
    """Log warnings, unless `quiet`.  Raises  UsageError of all errors."""
    found = list(found)
    raise_together([UsageError(str(each)) for each in found if each.severity == ERROR])
    for each in found:
        if not quiet:
            log.warning("%s", each)


def _classes(parts: Split, names: Sequence[str], test: tuple[Array, Array] | None) -> Iterator[Diagnostic]:
    train, validation, tested = (
        np.bincount(labels, minlength=len(names))
        for labels in (parts.y_train, parts.y_validation, test[1] if test else np.empty(0, np.int64))
    )
    if np.count_nonzero(train) == 1:
        what = f"all {train.sum()} training images are of one class, {names[int(train.argmax())]}"
        yield Diagnostic(ERROR, f"{what}, but a classifier needs two or more", "Add images of another class")
    if unknown := _named(names, (train == 0) & (tested > 0)):
        count = int(tested[train == 0].sum())
        what = f"{count} of {tested.sum()} test images are of classes without a training image: {unknown}"
        yield Diagnostic(WARNING, what, "Add such images for training, or take these out of the test part")
    for counts, part, use in ((tested, "test", "test accuracy"), (validation, "validation", "choice of the epoch")):
        if counts.sum() >= LEAST_VALIDATION and (missing := _named(names, (train > 0) & (counts == 0))):
            yield Diagnostic(WARNING, f"no {part} image is of class {missing}: the {use} ignores this class")


def _named(names: Sequence[str], which: Array) -> str:
    chosen = [names[k] for k in np.flatnonzero(which).tolist()]
    more = [f"and {len(chosen) - MOST_NAMES} more"] if len(chosen) > MOST_NAMES else []
    return ", ".join([*chosen[:MOST_NAMES], *more])


def _images(parts: Split, test: tuple[Array, Array] | None) -> Iterator[Diagnostic]:
    images = parts.x[parts.train_rows].reshape(len(parts.train_rows), -1)
    blank = np.zeros(len(images), bool)
    suspects = np.flatnonzero((images[:, ::FEW_PIXELS] == images[:, :1]).all(axis=1))
    blank[suspects] = (images[suspects] == images[suspects, :1]).all(axis=1) & (images.shape[1] > 1)
    if (images[:SAMPLE] == images[0]).all() and (images == images[0]).all():
        alike = f"blank, every pixel is {images[0, 0]:g}" if blank.all() else "one and the same"
        what = f"all {len(images)} training images are {alike}"
        yield Diagnostic(ERROR, what, "Look at the files: they may have been saved with the wrong channel or range")
        return
    if blank.any():
        what = f"{blank.sum()} of {len(images)} training images are blank, all their pixels being equal"
        yield Diagnostic(WARNING, what, "Look at the files, and remove these")
    if test and len(test[1]):
        known = {hash(image.tobytes()) for image in images[~blank]}
        shared = sum(hash(image.tobytes()) in known for image in test[0])
        if shared > LEAK * len(test[1]):
            what = f"{shared} of {len(test[1])} test images are training images too, byte for byte"
            yield Diagnostic(WARNING, f"{what}: the test accuracy may be too high", "Keep each image once")


def lonely_batches(network: Network, images: int, size: int) -> Iterator[Diagnostic]:
    """Batch normalisation needs several values of a feature in a batch: of one, the deviation is zero."""
    norms = [plan.output for plan in network.plans if plan.buffers]  # running statistics, as batch normalisation has
    if not norms:
        return
    fewest = min(prod(shape[1:]) for shape in norms)
    rows = min(size, images)
    last = images % rows or rows
    where = "every batch" if last == rows else f"the last batch of an epoch ({images} images in batches of {rows})"
    if last * fewest == 1:
        what = f"batch_norm needs several images in each batch, got one in {where}"
        yield Diagnostic(ERROR, what, _other_size(images, size))
    elif last * fewest < FEW_VALUES:
        what = f"batch_norm takes mean and deviation of only {last * fewest} values in {where}"
        yield Diagnostic(WARNING, what, _other_size(images, size))


def _other_size(images: int, size: int) -> str:
    """The batch size next to `size` that leaves no small batch."""
    least = max(FEW_VALUES, min(SMALL_BATCH, images // 2))
    fitting = [n for n in range(least, images + 1) if not 0 < images % n < FEW_VALUES]
    if not fitting:
        return "Take more images, or leave out batch_norm"
    return f"Choose batch_size {min(fitting, key=lambda n: abs(n - size))}, or leave out batch_norm"


def _few(parts: Split, settings: Settings) -> Iterator[Diagnostic]:
    per_epoch, validation = -(-len(parts.train_rows) // settings.batch_size), len(parts.validation_rows)
    steps = settings.epochs * per_epoch
    if 0 < steps < LEAST_STEPS:
        each = f"{per_epoch} step{'s' * (per_epoch != 1)} each"
        what = f"{steps} steps in all (epochs {settings.epochs}, {each}) are few to learn from"
        yield Diagnostic(WARNING, what, "Raise epochs, or lower batch_size")
    if 0 < validation < LEAST_VALIDATION and (settings.keep == "best" or settings.patience):
        what = f"the epoch to keep is chosen by {validation} validation images"
        step = f"each of them is {100 / validation:.1f} points of accuracy"
        yield Diagnostic(WARNING, f"{what}: {step}", "Raise validation_fraction, or keep the last epoch (keep last)")
