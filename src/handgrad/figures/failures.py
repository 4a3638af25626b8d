"""Failures of a run: in the cells of its confusion matrix, and beside the training images that they resemble."""

from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Predictions, confusion_counts
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData
from handgrad.figures.sheets import FINE, LINE, MARGIN, PIXELS, Sheet, place, titled

Array = NDArray[Any]
MOST_CLASSES = 12  # in rows and columns; of more, those with the most failures
MOST_COMPARED = 200  # failures that are compared with all training images
EXAMPLES = 9  # beside the training images that they resemble
CHUNK = 5000  # training images that are compared at a time
LEFT, CELL, NUMBER = 0.95, 0.6, 0.13  # inches: for names of classes, a cell's width, the line above its image
PALE = 0.6  # the darkest colour of a cell, on which black ink can still be read
INK = np.array([0.08, 0.08, 0.08])


class Failures(NamedTuple):
    """All failures, the largest loss first, and what stands in the cells of the classes `displayed`.

    A cell has its failure of the largest loss, the diagonal the mean of what is right. `nearest` are the training
    images of least Euclidean distance of the first failures: of any class, of the predicted one, of the true one.

    Shapes  displayed (k,) int; counts (K, K) int, true class in rows; cells (k, k, H, W), NaN where there is none
            rows, true, predicted, probability, loss (n,); nearest (3, m) int, of the data set; distances (3, m)
            resembled (3, s, H, W): failures with the nearest of the predicted class, and of the true one
    """

    run: str
    class_names: tuple[str, ...]
    displayed: Array
    counts: Array
    cells: Array
    rows: Array
    true: Array
    predicted: Array
    probability: Array
    loss: Array
    nearest: Array
    nearest_class: Array
    distances: Array
    resembled: Array

    @property
    def resemblance(self) -> str:
        """Of which class the training images are that failures resemble most."""
        compared = len(self.nearest_class)
        as_predicted = int((self.nearest_class == self.predicted[:compared]).sum())
        as_true = int((self.nearest_class == self.true[:compared]).sum())
        which = f"the {compared} failures of largest loss" if compared < len(self.rows) else f"{compared} failures"
        return (
            f"Of {which}, {as_predicted} are most like a training image of the class that they are taken for, "
            f"{as_true} like one of their own class (Euclidean distance of pixels)"
        )

    @property
    def caption(self) -> str:
        left_out = len(self.class_names) - len(self.displayed)
        which = f" These are the {len(self.displayed)} classes with the most failures." if left_out else ""
        return (
            f"The {len(self.rows):,} failures of {self.run} on {self.counts.sum():,} test images. Each cell shows the "
            "one of largest loss and how many there are; its colour is their share of the true class. The diagonal is "
            f"the mean of the images that are right.{which} {self.resemblance}."
        )

    @property
    def table(self) -> Table:
        """A row a failure; the nearest training image of those that were compared."""
        names, known = self.class_names, len(self.nearest_class)
        failed = (
            (self.rows[n], names[self.true[n]], names[self.predicted[n]], self.probability[n], self.loss[n])
            for n in range(len(self.rows))
        )
        near = [(self.nearest[0, n], names[self.nearest_class[n]], self.distances[0, n]) for n in range(known)]
        rows = ((*one, *other) for one, other in zip_longest(failed, near, fillvalue=(None, None, None)))
        columns = ("test_image", "true", "predicted", "probability", "loss")
        return Table((*columns, "nearest_training_image", "its_class", "distance"), rows)


def failures_data(data: RunData) -> Failures:
    """Of the test images.  Raises  DoesNotApplyError for inputs that are no images, and for a run without a failure."""
    predictions, (images, labels), (train, classes) = data.predictions(), data.images("test"), data.images("train")
    if images.ndim == 2:
        raise DoesNotApplyError("its inputs are no images")
    order = predictions.largest_losses(len(labels))
    rows = order[~predictions.right[order]]
    if not len(rows):
        raise DoesNotApplyError("it names every test image rightly")
    counts, predicted = confusion_counts(predictions), predictions.predicted
    failed = counts - np.diag(np.diag(counts))
    busiest = np.argsort(-(failed.sum(axis=0) + failed.sum(axis=1)), kind="stable")[:MOST_CLASSES]
    displayed = np.sort(busiest)
    compared = rows[:MOST_COMPARED]
    wanted = np.stack([np.full(len(compared), -1), predicted[compared], labels[compared]])
    places, distances = _nearest(images[compared], train, classes, wanted)
    probability = predictions.scores[rows, predicted[rows]] if predictions.probabilistic else np.full(len(rows), np.nan)
    first = slice(EXAMPLES)
    return Failures(
        data.name,
        predictions.class_names,
        displayed,
        counts,
        _cells(predictions, images, rows, displayed),
        rows,
        labels[rows],
        predicted[rows],
        probability,
        predictions.losses[rows],
        data.split.train_rows[places],
        classes[places[0]],
        distances,
        np.stack([images[compared[first]], *(_drawn(train, places[k, first], distances[k, first]) for k in (1, 2))]),
    )


def _cells(predictions: Predictions, images: Array, rows: Array, displayed: Array) -> Array:
    """Shapes  rows (n,), the largest loss first -> (k, k, H, W)"""
    cells = np.full((len(displayed), len(displayed), *images.shape[1:]), np.nan)
    labels, predicted = predictions.labels, predictions.predicted
    for i, true in enumerate(displayed):
        right = np.flatnonzero(predictions.right & (labels == true))
        if len(right):
            cells[i, i] = images[right].mean(axis=0)
        for j, other in enumerate(displayed):
            found = rows[(labels[rows] == true) & (predicted[rows] == other)]
            if len(found):
                cells[i, j] = images[found[0]]
    return cells


def _nearest(images: Array, train: Array, classes: Array, wanted: Array) -> tuple[Array, Array]:
    """The training image of each wanted class, -1 for any, of least distance to each image, and that distance.

    Where the class has no training image, the distance is infinite.

    Shapes  images (m, H, W); train (n, H, W); classes (n,); wanted (3, m) -> (3, m) int, (3, m) float
    Math    |a - b|^2 = |a|^2 + |b|^2 - 2 a b, pixels from 0 to 1
    """
    flat = images.reshape(len(images), -1) / 255.0
    best, places = np.full(wanted.shape, np.inf), np.zeros(wanted.shape, int)
    for start in range(0, len(train), CHUNK):
        part = train[start : start + CHUNK].reshape(len(train[start : start + CHUNK]), -1) / 255.0
        squares = np.square(flat).sum(axis=1)[:, None] + np.square(part).sum(axis=1) - 2 * flat @ part.T
        found = np.maximum(squares, 0)
        for k, of_class in enumerate(wanted):
            other = (of_class[:, None] >= 0) & (classes[start : start + CHUNK] != of_class[:, None])
            masked = np.where(other, np.inf, found)
            near = masked.argmin(axis=1)
            least = masked[np.arange(len(near)), near]
            better = least < best[k]
            best[k, better], places[k, better] = least[better], start + near[better]
    return places, np.sqrt(best)


def _drawn(train: Array, places: Array, distances: Array) -> Array:
    """The nearest images, NaN where a class has none."""
    found = train[places].astype(float)
    found[~np.isfinite(distances)] = np.nan
    return found


def plot_failures(found: Failures) -> Any:
    """The matrix of images; below it failures, each above the training images of both classes that it resembles."""
    classes, sheets = len(found.displayed), _sheets(found)
    tested = int(found.counts.sum())
    title = f"Failures on test images: {len(found.rows):,} of {tested:,}, in their cells of the confusion matrix"
    side = classes * CELL, classes * (CELL + NUMBER)
    head = MARGIN + LINE + 0.06
    side_foot = side[1] + (1.0 if _long(found) else 0.5)  # with the names of the classes
    room = 0.12 + side_foot + sum(head + sheet.size[1] for sheet in sheets) + MARGIN
    figure, top, height = titled(f"{title}\n{style.cut(found.run, 90)}", room)
    top += 0.12
    box = (LEFT / style.WIDTH, 1 - (top + side[1]) / height, side[0] / style.WIDTH, side[1] / height)
    _matrix(figure.add_axes(box), found)
    top += side_foot
    for sheet in sheets:
        top += head
        place(figure, sheet, top, height)
        top += sheet.size[1]
    return figure


def _long(found: Failures) -> bool:
    """Whether names of classes take more room than a cell has."""
    return max(map(len, found.class_names)) > 4


def _matrix(axes: Any, found: Failures) -> None:
    """One image of all cells, with how many failures each has above its image."""
    import matplotlib as mpl

    displayed = found.displayed
    counts = found.counts[np.ix_(displayed, displayed)]
    shares = counts / np.maximum(found.counts[displayed].sum(axis=1, keepdims=True), 1)
    errors = np.where(np.eye(len(displayed), dtype=bool), 0, shares)
    colours = mpl.colormaps[style.ERRORS](PALE * errors / max(errors.max(), 1e-12))[..., :3]
    colours[errors == 0] = mpl.colors.to_rgb(style.FILL_PALE)
    colours[np.eye(len(displayed), dtype=bool)] = mpl.colors.to_rgb(style.BLUE_PALE)
    extent = (0, len(displayed), len(displayed), 0)
    axes.imshow(_canvas(found.cells, colours), extent=extent, aspect="auto", interpolation="none")
    for border in range(1, len(displayed)):
        axes.axhline(border, color=style.PAPER, linewidth=1.5)
        axes.axvline(border, color=style.PAPER, linewidth=1.5)
    for (i, j), count in np.ndenumerate(counts):
        words = f"{100 * shares[i, j]:.1f} %" if i == j else f"{count:,}" if count else ""
        weight = "bold" if i == j else "normal"
        axes.text(j + 0.06, i + 0.04, words, va="top", size=style.SMALL - 0.5, weight=weight)
    names = [style.cut(found.class_names[k], 13) for k in displayed]
    long = _long(found)
    middles = np.arange(len(displayed)) + 0.5
    axes.set_xticks(middles, names, rotation=30 if long else 0, ha="right" if long else "center")
    axes.set_yticks(middles, names)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xlabel("class that it is taken for")
    axes.set_ylabel("true class")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _canvas(cells: Array, colours: Array) -> Array:
    """Grey pixels as ink on each cell's colour; coloured ones in a frame of it.

    Shapes  cells (k, k, H, W) or (k, k, 3, H, W); colours (k, k, 3) -> (rows, columns, 3), from 0 to 1
    """
    fine = max(1, round(FINE / cells.shape[-1]))
    pixel_height, pixel_width = (fine * size for size in cells.shape[-2:])
    across = round(pixel_width / (1 - 0.16))
    down, aside = round(across * (CELL + NUMBER) / CELL), (across - pixel_width) // 2
    foot = max(down - pixel_height - aside // 2, 0)
    canvas = np.repeat(np.repeat(colours, down, axis=0), across, axis=1)
    for i, j in np.ndindex(colours.shape[:2]):
        picture = cells[i, j].repeat(fine, axis=-2).repeat(fine, axis=-1) / PIXELS[1]
        if np.isnan(picture).any():
            continue
        top, left = i * down + foot, j * across + aside
        where = slice(top, top + pixel_height), slice(left, left + pixel_width)
        if picture.ndim == 3:
            canvas[where] = np.moveaxis(picture, 0, 2)
        else:
            canvas[where] = colours[i, j] * (1 - picture[..., None]) + INK * picture[..., None]
    return canvas


def _sheets(found: Failures) -> list[Sheet]:
    """Failures, and below each the nearest training images of the predicted and of the true class."""
    names = found.class_names
    columns = found.resembled.shape[1]
    inches = (style.WIDTH - 2 * MARGIN) / EXAMPLES / 1.14
    probability = [f"\n{100 * p:.1f} %" if p == p else "" for p in found.probability[:columns]]
    texts = (
        [
            f"{names[t]} → {names[p]}{sure}" if not _long(found)
            else f"{style.cut(names[t], 12)}\n→ {style.cut(names[p], 10)}{sure}"
            for t, p, sure in zip(found.true, found.predicted, probability, strict=False)
        ],
        *(
            [f"distance {each:.1f}" if np.isfinite(each) else "none" for each in distances[:columns]]
            for distances in found.distances[1:]
        ),
    )  # fmt: skip
    headings = (
        f"the {columns} of largest loss: true class → what it is taken for, and with which probability",
        "below each, the training image most like it of the class that it is taken for",
        "and the one most like it of its own class",
    )
    return [
        Sheet(heading, pictures, columns, inches, PIXELS, words, max(word.count("\n") + 1 for word in words))
        for heading, pictures, words in zip(headings, found.resembled, texts, strict=True)
    ]
