"""`fit`: train a network in one call."""

import inspect
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handgrad.config.lookup import setting_name
from handgrad.config.metrics import metric_name
from handgrad.data import Dataset
from handgrad.data.pixels import not_finite, range_of
from handgrad.errors import UsageError
from handgrad.nn import Network, Scaling
from handgrad.training.chance import at_chance
from handgrad.training.diagnose import diagnose, heed
from handgrad.training.history import Epoch, History
from handgrad.training.inputs import read_parts
from handgrad.training.progress import TrainingProgress
from handgrad.training.settings import read_settings
from handgrad.training.trainer import Callback, Trainer

log = logging.getLogger("handgrad")
Array = NDArray[Any]
Function = Callable[[int, dict[str, Any]], Any]
VALIDATION = 0.1
LARGE = 12.0  # pixels as floats are from 0 to 1 or from -1 to 1, standardised ones a few times as large
PROBE_SECONDS = 0.3
VERBOSE = (0, 1, 2, "auto")  # the last two are Keras's, which we show as 1


def fit(
    network: Network,
    data: Any,
    labels: Any = None,
    *,
    validation_data: Any = None,
    sample_weight: Any = None,
    callbacks: Sequence[Callback | Function] = (),
    verbose: int = 1,
    **settings: Any,
) -> History:
    """Train `network` on images and labels (lists, frames or arrays), on (images, labels), a data set or a split.

    Labels are numbers, texts or one-hot rows. Whole numbers are scaled as pixels; floats enter as they are.
    `validation_data` is (images, labels); without it, `validation_fraction` (a tenth) of the images is held out. Of a
    data set, the test part is never touched. An image of `sample_weight` 2 counts as two.
    A callback is a `Callback`, or a function of the number of the epoch and a dictionary of its numbers; it may return
    True to stop. Progress is a bar in terminals and notebooks, and a line an epoch; `verbose` 0 prints neither.
    `settings` are those of `Settings` by name: epochs=5, batch_size=32, optimizer="adam", learning_rate=0.001;
    `optimizer` and `schedule` may be objects.

    Raises  UsageError when settings make no sense or data do not fit the network; DivergedError.
    """
    if not isinstance(network, Network):
        raise UsageError(f"network must be a handgrad.Network, got {network!r:.60}")
    if verbose not in VERBOSE:
        raise UsageError(f"verbose must be 0 for no progress, or 1 for a bar or a line an epoch, got {verbose!r:.60}")
    watching = [each if isinstance(each, Callback) else Calling(each) for each in _listed(callbacks)]
    values = {setting_name(name): value for name, value in settings.items()}
    fraction = values.pop("validation_fraction", VALIDATION)
    chosen = read_settings(values)
    parts = read_parts(network, data, labels, validation_data, fraction, sample_weight, chosen.seed)
    find_range(network, parts.x)
    names = network.class_names or tuple(map(str, range(network.classes)))
    heed(diagnose(parts, names, data if isinstance(data, Dataset) else None, network, chosen))
    trainer = Trainer(network, parts, chosen, [*([TrainingProgress(measures=False)] if verbose else []), *watching])
    history = trainer.run()
    verdict = at_chance(trainer, trainer.measure(parts.x, parts.y, parts.validation_rows), "validation")
    heed([verdict] if verdict else [])
    return history


class Calling(Callback):
    """A function of the number of each epoch and its numbers by name; it may return True to stop."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """Call it."""
        if self.function(epoch.epoch, Numbers(epoch.row())) is True:
            trainer.stop("callback")


class Numbers(dict[str, Any]):
    """The numbers of an epoch, under other libraries' names as well: "val_loss" is validation_loss."""

    def __missing__(self, name: str) -> Any:
        meant = metric_name(name) if "val" in name or "train" in name or "test" in name else ""
        if meant and meant in self:
            return self[meant]
        raise KeyError(f"{name}: an epoch has {', '.join(self)}")


def _listed(callbacks: Any) -> list[Any]:
    several = isinstance(callbacks, Iterable) and not isinstance(callbacks, str | Mapping | Callback)
    listed = list(callbacks) if several else [callbacks] if callbacks is not None else []
    for each in listed:
        if isinstance(each, type) or not (isinstance(each, Callback) or callable(each)):
            raise UsageError(f"a callback is a Callback, or a function of epoch and logs, got {each!r:.60}")
        if not isinstance(each, Callback) and (wrong := _does_not_take_two(each)):
            raise UsageError(f"a callback is called as f(epoch, logs), which {each!r:.60} does not take: {wrong}")
    return listed


def _does_not_take_two(function: Function) -> str:
    """What is wrong with its parameters; "" where nothing is, or where they are not known."""
    try:
        inspect.signature(function).bind(1, {})
    except TypeError as error:
        return str(error)
    except ValueError:
        pass
    return ""


def find_range(network: Network, images: Array) -> None:
    """Have the network take whole numbers as pixels of the range that their values tell, now and when it predicts.

    Raises  UsageError when floats, which enter as they are, are not all finite.
    """
    if broken := not_finite(images):
        raise UsageError(f"images are not all finite: {broken}. Mend or remove them")
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
