"""`fit`: train a network in one call."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.data import Dataset, Split, holdout, split
from handgrad.data.arrays import whole_labels
from handgrad.data.pixels import not_finite, range_of
from handgrad.errors import CorruptDataError
from handgrad.nn import Network, Scaling
from handgrad.training.chance import at_chance
from handgrad.training.diagnose import diagnose, heed
from handgrad.training.history import History
from handgrad.training.settings import Settings
from handgrad.training.trainer import Callback, Trainer

log = logging.getLogger("handgrad")
Array = NDArray[Any]
VALIDATION = 0.1
LARGE = 12.0  # pixels as floats are from 0 to 1 or from -1 to 1, standardised ones a few times as large
PROBE_SECONDS = 0.3


def fit(
    network: Network,
    data: Dataset | Split | tuple[Array, Array],
    settings: Settings | None = None,
    *,
    callbacks: Sequence[Callback] = (),
    **changes: Any,
) -> History:
    """Train `network` on a data set (10 % held out for validation, never the test part), a split, or (images, labels).

    `changes` are fields of Settings, such as epochs=5, optimizer=Adam(1e-3), batch_size=32.

    Raises  UsageError when settings make no sense or data do not fit the network; DivergedError.
    """
    settings = replace(settings or Settings(), **changes)
    parts = _split(data, settings.seed)
    _find_range(network, parts.x)
    names = network.class_names or tuple(map(str, range(network.classes)))
    heed(diagnose(parts, names, data if isinstance(data, Dataset) else None, network, settings))
    trainer = Trainer(network, parts, settings, callbacks)
    history = trainer.run()
    verdict = at_chance(trainer, trainer.measure(parts.x, parts.y, parts.validation_rows), "validation")
    heed([verdict] if verdict else [])
    return history


def _split(data: Dataset | Split | tuple[Array, Array], seed: int) -> Split:
    if isinstance(data, Split):
        return data
    if isinstance(data, Dataset):
        return split(data, VALIDATION, seed)
    images, labels = np.asarray(data[0]), whole_labels(np.asarray(data[1]), "labels")
    return Split(images, labels, *holdout(labels, VALIDATION, seed))


def _find_range(network: Network, images: Array) -> None:
    """Have the network take whole numbers as pixels of the range that their values tell, now and when it predicts.

    Raises  CorruptDataError when floats, which enter as they are, are not all finite.
    """
    if broken := not_finite(images):
        raise CorruptDataError(f"images are not all finite: {broken}. Mend or remove them")
    if images.dtype.kind in "bui" and network.scaling == Scaling():
        low, high = range_of("images", {"images": images})
        network.scaling = Scaling(1 / (high - low), -low / (high - low))
    elif images.dtype.kind == "f" and (largest := float(np.abs(images).max())) > LARGE:
        log.warning("images are floats up to %g, which are not scaled: divide them by %g first", largest, largest)


def estimate_seconds(trainer: Trainer) -> float:
    """Train a moment, measure validation once, and project; it changes the trainer's network, so throw that away."""
    trainer.seconds_for(1)  # loads what is compiled
    steps = 1
    while True:
        seconds = trainer.seconds_for(steps)
        if seconds >= PROBE_SECONDS or steps == trainer.steps_per_epoch:
            break
        steps = min(4 * steps, trainer.steps_per_epoch)
    begin = time.perf_counter()
    trainer.measure(trainer.split.x, trainer.split.y, trainer.split.validation_rows)
    evaluation = time.perf_counter() - begin
    return seconds / steps * trainer.total_steps + evaluation * trainer.settings.epochs
