"""The three likeliest classes of some test images, by several runs."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import UsageError
from handgrad.evaluation import Predictions, same_images
from handgrad.figures.kind import DoesNotApplyError
from handgrad.figures.numbers.groups import run_labels
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table

Array = NDArray[Any]
IMAGES, MANY, TOP = 6, 20, 3
CHOSEN = 6  # purpose, in the key of a generator
DISPUTED = "half of them (if there are so many) such as at least one run gets wrong, otherwise drawn at random"


class TopGuesses(NamedTuple):
    """Images, and for each run the TOP likeliest classes of each with their probabilities, the likeliest first.

    Shapes  images (n, H, W) uint8; rows, true (n,) int; classes, probabilities (runs, n, TOP)
    """

    labels: tuple[str, ...]
    class_names: tuple[str, ...]
    images: Array
    rows: Array
    true: Array
    classes: Array
    probabilities: Array
    chosen: str = DISPUTED

    @property
    def caption(self) -> str:
        """How the images were chosen, and how many each run gets right."""
        right = "; ".join(
            f"{label}: {int((guesses[:, 0] == self.true).sum())} right"
            for label, guesses in zip(self.labels, self.classes, strict=True)
        )
        return f"The {self.classes.shape[2]} likeliest classes of {len(self.rows)} test images, {self.chosen}. {right}."

    @property
    def table(self) -> Table:
        """A row for each run, image and rank."""
        return Table(("run", "test_image", "true", "rank", "class", "probability"), self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        names = self.class_names
        for (run, n, rank), guess in np.ndenumerate(self.classes):
            probability = self.probabilities[run, n, rank]
            yield self.labels[run], self.rows[n], names[self.true[n]], rank + 1, names[guess], probability


def top_guesses(runs: Sequence[RunData]) -> TopGuesses:
    """On the same test images of the same data set.

    Raises  UsageError when the runs were tested on different images; DoesNotApplyError without probabilities.
    """
    found = _comparable(runs)
    return _guesses_of(runs, found, _chosen(runs[0], found))


def many_guesses(runs: Sequence[RunData]) -> TopGuesses:
    """On MANY test images that say how often each run is right.  Raises  as `top_guesses`."""
    found = _comparable(runs)
    return _guesses_of(runs, found, random_rows(runs[0], len(found[0].labels)))._replace(chosen="drawn at random")


def random_rows(data: RunData, images: int) -> Array:
    """MANY of so many test images, the same ones for every run of a data set."""
    return data.generator(CHOSEN).permutation(images)[:MANY]


def _comparable(runs: Sequence[RunData]) -> list[Predictions]:
    found = [data.predictions() for data in runs]
    for data, predictions in zip(runs, found, strict=True):
        if not predictions.probabilistic:
            raise DoesNotApplyError(f"the scores of {data.name} are no probabilities")
        if not same_images(found[0], predictions):
            raise UsageError(
                f"{data.name} was tested on other images than {runs[0].name}: compare runs of one data set"
            )
    return found


def _guesses_of(runs: Sequence[RunData], found: list[Predictions], rows: Array) -> TopGuesses:
    images, _ = runs[0].images("test")
    scores = np.array([predictions.scores[rows] for predictions in found])
    classes = np.argsort(-scores, axis=2, kind="stable")[:, :, :TOP]
    probabilities = np.take_along_axis(scores, classes, axis=2)
    labels = tuple(run_labels(runs))
    true = found[0].labels[rows]
    return TopGuesses(labels, found[0].class_names, images[rows], rows, true, classes, probabilities)


def _chosen(data: RunData, found: list[Predictions]) -> Array:
    """Half of them such as some run gets wrong, preferably where another gets it right; the others at random."""
    right = np.array([predictions.right for predictions in found]).astype(int)
    order = data.generator(CHOSEN).permutation(right.shape[1])
    disputed, missed = np.ptp(right, axis=0) > 0, right.sum(axis=0) == 0
    hard = [*order[disputed[order]], *order[missed[order]]][: IMAGES // 2]
    easy = [row for row in order if row not in hard][: IMAGES - len(hard)]
    return np.array([*hard, *easy])
