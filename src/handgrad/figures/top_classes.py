"""The likeliest classes of some test images, by several runs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import UsageError
from handgrad.evaluation import Predictions, same_images
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import CHOSEN, RunData, run_labels
from handgrad.figures.sheets import show

Array = NDArray[Any]
IMAGES, TOP = 6, 3
DISPUTED = "half of them (if there are so many) such as at least one run gets wrong, otherwise drawn at random"
LONGEST = 70  # letters of a label


class TopClasses(NamedTuple):
    """Images, and for each run the TOP likeliest classes of each with their probabilities, the likeliest first.

    Shapes  images (n, H, W) or (n, 3, H, W) uint8; rows, true (n,) int; classes, probabilities (runs, n, TOP)
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
        right = "; ".join(
            f"{label}: {int((guesses[:, 0] == self.true).sum())} right"
            for label, guesses in zip(self.labels, self.classes, strict=True)
        )
        return f"The {self.classes.shape[2]} likeliest classes of {len(self.rows)} test images, {self.chosen}. {right}."

    @property
    def table(self) -> Table:
        """A row for each run, image and rank."""
        names = self.class_names
        rows = (
            (self.labels[run], self.rows[n], names[self.true[n]], rank + 1, names[guess], probability)
            for ((run, n, rank), guess), probability in zip(
                np.ndenumerate(self.classes), self.probabilities.flat, strict=True
            )
        )
        return Table(("run", "test_image", "true", "rank", "class", "probability"), rows)


def top_classes_data(runs: Sequence[RunData]) -> TopClasses:
    """On the same test images of the same data set.

    Raises  UsageError when the runs were tested on different images; DoesNotApplyError without probabilities.
    """
    found = _comparable(runs)
    return _guesses_of(runs, found, _chosen(runs[0], found))


def many_classes_data(runs: Sequence[RunData]) -> TopClasses:
    """On some twenty test images that say how often each run is right.  Raises  as `top_classes_data`."""
    found = _comparable(runs)
    return _guesses_of(runs, found, runs[0].random_test_rows())._replace(chosen="drawn at random")


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


def _guesses_of(runs: Sequence[RunData], found: list[Predictions], rows: Array) -> TopClasses:
    images, _ = runs[0].images("test")
    scores = np.array([predictions.scores[rows] for predictions in found])
    classes = np.argsort(-scores, axis=2, kind="stable")[:, :, :TOP]
    probabilities = np.take_along_axis(scores, classes, axis=2)
    labels = tuple(run_labels(runs))
    true = found[0].labels[rows]
    return TopClasses(labels, found[0].class_names, images[rows], rows, true, classes, probabilities)


def _chosen(data: RunData, found: list[Predictions]) -> Array:
    """Half of them such as some run gets wrong, preferably where another gets it right; the others at random."""
    right = np.array([predictions.right for predictions in found]).astype(int)
    order = data.generator(CHOSEN).permutation(right.shape[1])
    disputed, missed = np.ptp(right, axis=0) > 0, right.sum(axis=0) == 0
    hard = [*order[disputed[order]], *order[missed[order]]][: IMAGES // 2]
    easy = [row for row in order if row not in hard][: IMAGES - len(hard)]
    return np.array([*hard, *easy])


def plot_top_classes(found: TopClasses) -> Any:
    """A row for each image: the image, then each run's three likeliest classes as bars; the true one in blue."""
    runs, images = len(found.labels), len(found.rows)
    names = [style.wrapped(style.cut(label, LONGEST), 1.35 if runs > 3 else 4.8 / runs, 17) for label in found.labels]
    head = 0.18 * max(name.count("\n") + 1 for name in names)
    ratios = {"width_ratios": [1, *[2.4] * runs]}
    size = {"width": max(style.WIDTH, 1.2 + 1.7 * runs)}
    title = f"The {found.classes.shape[2]} likeliest classes of {images} test images: {runs} runs compared"
    figure, axes = style.grid(title, 0.92 * images + 0.9 + head, images, runs + 1, gridspec_kw=ratios, **size)
    for n in range(images):
        _picture(axes[n, 0], found, n)
        for run in range(runs):
            _guesses(axes[n, run + 1], found, run, n, last=n == images - 1)
    for each, name in zip(axes[0, 1:], names, strict=True):
        each.set_title(name, size=style.SMALL + 0.5)
    return figure


def _picture(axes: Any, found: TopClasses, n: int) -> None:
    image = found.images[n]
    show(axes, image if image.ndim == 2 else np.moveaxis(image, 0, 2), cmap=style.INKED)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.set_xlabel(f"true:\n{style.cut(found.class_names[found.true[n]], 14)}", size=style.SMALL)


def _guesses(axes: Any, found: TopClasses, run: int, n: int, last: bool) -> None:
    classes, shares = found.classes[run, n], 100 * found.probabilities[run, n]
    true = classes == found.true[n]
    colours = [style.COLOURS[0] if right else style.OTHER for right in true]
    axes.barh(range(len(classes)), shares, color=colours, height=0.8)
    for place, (guess, share, right) in enumerate(zip(classes, shares, true, strict=True)):
        text, inside = f"{style.cut(found.class_names[guess], 14)}  {share:.1f} %", share > 58
        look = {"color": style.PAPER if right and inside else style.INK, "weight": "bold" if right else "normal"}
        axes.text(2 if inside else share + 2, place, text, va="center", size=style.SMALL - 0.5, **look)
    axes.set(xlim=(0, 100), ylim=(len(classes) - 0.4, -0.6), yticks=[])
    axes.grid(visible=False)
    axes.tick_params(labelbottom=last)
    if last:
        axes.set_xlabel("probability (%)", size=style.SMALL)
