"""How many images an accuracy was measured on, and how many classes they have."""

from typing import NamedTuple

from handgrad.config import RunConfig, build_dataset, build_split
from handgrad.data import Dataset
from handgrad.errors import HandgradError
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial

DECIDING = ("dataset", "validation_fraction", "train_fraction", "fold")


class Measured(NamedTuple):
    """Images of so many classes that a metric is measured on; none where it is no accuracy, or the data is missing."""

    images: int = 0
    classes: int = 0


class Measurements:
    """What the metric of a sweep's trials was measured on; each data set is read once."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._part, _, kind = sweep.definition.metric.name.partition("_")
        self._known: dict[tuple[object, ...], Measured] = {}
        self._share = kind == "accuracy" and sweep.definition.metric.goal != "target"

    def of(self, trial: Trial) -> Measured:
        """Of a trial's run."""
        if not self._share:
            return Measured()
        key = tuple(repr(trial.values.get(name)) for name in DECIDING)
        if key not in self._known:
            config = self._sweep.config(trial).replaced(features="pixels", resize=None)
            self._known[key] = _measured(config, self._part)
        return self._known[key]


def _measured(config: RunConfig, part: str) -> Measured:
    try:
        dataset = build_dataset(config)
        return Measured(_images(config, dataset, part), dataset.classes)
    except HandgradError:  # the data may be on another machine than the report
        return Measured()


def _images(config: RunConfig, dataset: Dataset, part: str) -> int:
    if part == "test":
        return len(dataset.y_test)
    split = build_split(config, dataset)
    return len(split.validation_rows if part == "validation" else split.train_rows)
