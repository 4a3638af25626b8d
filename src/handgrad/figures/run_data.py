"""Runs, as figures see them: loaded when first wanted, and once; several of them grouped by configuration."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.config import RunConfig, build_dataset, build_split
from handgrad.data import Dataset, Split
from handgrad.errors import CorruptDataError, UsageError
from handgrad.evaluation import Predictions
from handgrad.figures.base import DoesNotApplyError
from handgrad.nn import Network
from handgrad.runs import Run
from handgrad.runs.comparison import Setup, differing, setup_of
from handgrad.runs.execution import first_epoch_network
from handgrad.runs.predictions import distinct, images_of, predictions_of
from handgrad.text import visible_name
from handgrad.training import History

Array = NDArray[Any]
PIXELS = "pixels"  # as opposed to features made from them
TSNE_IMAGES, MOST_TSNE_IMAGES = 2000, 5000
MANY = 20  # test images on which runs are compared one by one
CHOSEN = 6  # purpose of these, in the key of a generator


def silent(message: str) -> None:
    """Says nothing."""


class RunData:
    """A run with its data and its networks; `log` gets what takes long, `seed` draws images to be shown.

    It is called by its `title` where it has one, else by the run's name.
    """

    def __init__(
        self,
        run: Run,
        tsne_images: int = TSNE_IMAGES,
        seed: int = 0,
        log: Callable[[str], None] = silent,
        title: str = "",
    ) -> None:
        if not 10 <= tsne_images <= MOST_TSNE_IMAGES:
            raise UsageError(f"tsne_images must be 10 to {MOST_TSNE_IMAGES}, got {tsne_images} (--tsne_images)")
        self.run, self.tsne_images, self.seed, self.log = run, tsne_images, seed, log
        self.title = title
        self._predictions: dict[str, Predictions] = {}

    @property
    def name(self) -> str:
        """The title, or the run's name."""
        return self.title or visible_name(self.run.name)

    @cached_property
    def config(self) -> RunConfig:
        """The run's settings."""
        return self.run.config

    @cached_property
    def history(self) -> History:
        """What happened.  Raises  DoesNotApplyError when no iteration is recorded."""
        history = self.run.read_history()
        if not history.losses:
            raise DoesNotApplyError("no iteration is recorded: it was not trained step by step, or not yet")
        return history

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; empty while the run has not ended."""
        return self.run.metrics

    @cached_property
    def inputs(self) -> Dataset:
        """What the run's model was given: images, or features in their place.

        Raises  CorruptDataError when what lies there now is another data set.
        """
        dataset = build_dataset(self.config)
        if self.run.facts.get("data", dataset.fingerprint) != dataset.fingerprint:
            raise CorruptDataError(f"the data set {self.config.dataset} is not the one that {self.run.path} began with")
        return dataset

    @cached_property
    def dataset(self) -> Dataset:
        """The images themselves, to be shown."""
        inputs = self.inputs  # checked, also where its features are not what is shown
        return (
            inputs
            if self.config.features == PIXELS
            else build_dataset(self.config.model_copy(update={"features": PIXELS}))
        )

    @cached_property
    def split(self) -> Split:
        """Which of them it was trained on."""
        return build_split(self.config, self.inputs)

    @cached_property
    def network(self) -> Network:
        """The network that it ended with."""
        return self.run.load_model()

    @cached_property
    def first_network(self) -> Network | None:
        """The network after the first epoch; None for a run of one epoch, or when it cannot be had."""
        return first_epoch_network(self.run, self.inputs)

    @cached_property
    def steps_per_epoch(self) -> int:
        """Iterations that one pass over the training images takes."""
        for epoch in self.history.epochs:
            return epoch.step // epoch.epoch
        return -(-len(self.split.train_rows) // self.config.batch_size)

    @cached_property
    def batch_rows(self) -> Array:
        """Images in the batch of each iteration: the last one of an epoch may be smaller.  Shapes  -> (N,) float64

        What it holds follows from an epoch's accuracy, which is its right answers over all its images.
        """
        history, size, steps = self.history, self.config.batch_size, self.steps_per_epoch
        rows = np.full(len(history.losses), float(size))
        for epoch in history.epochs:
            right = sum(history.correct[epoch.step - steps : epoch.step])
            if right:
                rows[steps - 1 :: steps] = round(right / epoch.train_accuracy) - (steps - 1) * size
                break
        return rows

    @property
    def kept_step(self) -> int:
        """The iteration after which the network stood that the run ended with."""
        history, best = self.history, self.metrics.get("best_epoch")
        ended = self.metrics.get("stopped") != "interrupted"
        if best is not None and best <= len(history.epochs) and self.config.keep == "best" and ended:
            return history.epochs[best - 1].step
        return len(history.losses)

    def images(self, part: str) -> tuple[Array, Array]:
        """Images and labels of the test set, or of those trained on.

        Raises  DoesNotApplyError when there are none.
        """
        images, labels = images_of(self.config, self.dataset, part)
        if not len(labels):
            raise DoesNotApplyError(f"{self.dataset.name} has no {part} images")
        return images, labels

    def predictions(self, part: str = "test") -> Predictions:
        """What the run says of a part of its images."""
        if part not in self._predictions:
            self._predictions[part] = predictions_of(self.run, part)
        return self._predictions[part]

    def generator(self, purpose: int) -> np.random.Generator:
        """Draws what is shown, the same each time."""
        return np.random.Generator(np.random.Philox(key=[self.seed, purpose]))

    def random_test_rows(self) -> Array:
        """MANY test images, the same ones for every run of a data set.  Shapes  -> (MANY,) int"""
        return self.generator(CHOSEN).permutation(len(self.predictions().labels))[:MANY]


class Group(NamedTuple):
    """Runs of one configuration, called by the settings that tell it from the others."""

    label: str
    members: tuple[RunData, ...]


def grouped(runs: Sequence[RunData]) -> list[Group]:
    """Groups in the order of their first runs; runs with different titles are apart.

    Raises  UsageError when there is no run, or one is given twice.
    """
    if not runs:
        raise UsageError("a comparison needs at least one run")
    distinct([data.run for data in runs])
    together: list[tuple[Setup, list[RunData]]] = []
    for data in runs:
        setup = setup_of(data.run)
        alike = [(first, members) for first, members in together if members[0].title == data.title]
        home = next((members for first, members in alike if not differing(first, setup)), None)
        if home is None:
            together.append((setup, [data]))
        else:
            home.append(data)
    titles = [members[0].title for _, members in together]
    labels = titles if all(titles) else _labels([setup for setup, _ in together])
    return [
        Group(label or members[0].name, tuple(members)) for label, (_, members) in zip(labels, together, strict=True)
    ]


def run_labels(runs: Sequence[RunData]) -> list[str]:
    """A label for each single run: its group's, with the seed where a group has several."""
    labels = {}
    for group in grouped(runs):
        for data in group.members:
            seed = f", seed {data.config.seed}" if len(group.members) > 1 else ""
            labels[data.name, data.run.path] = group.label + seed
    return [labels[data.name, data.run.path] for data in runs]


def _labels(setups: Sequence[Setup]) -> list[str]:
    """The settings in which any two of them differ, with each one's values: "optimizer adam, dropout 0"."""
    names = dict.fromkeys(name for one in setups for other in setups for name in differing(one, other))
    return [", ".join(f"{name} {_text(setup.value(name))}" for name in names) for setup in setups]


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ("×" if all(isinstance(item, int) for item in value) else " ").join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
