"""Confusion matrix: which class is taken for which."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Predictions, confusion_counts, frequent_confusions
from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData

Array = NDArray[Any]
MOST_NUMBERS = 40  # classes; of more, only the colours are shown
CELL = 0.52  # inches, for two lines of numbers
NO_IMAGES = -1.0  # in place of the shares of a class that has none


class ConfusionMatrix(NamedTuple):
    """Counts with the true class in rows, and what follows from them; NaN where there is nothing to be a share of.

    Shapes  counts (K, K) int64; shares (K, K) of the true class, recall, precision (K,), all of 1
    """

    run: str
    part: str  # "test" or "training" images
    class_names: tuple[str, ...]
    counts: Array
    shares: Array
    recall: Array
    precision: Array

    @property
    def accuracy(self) -> float:
        """Share of right answers, of 1."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def caption(self) -> str:
        frequent = frequent_confusions(self.counts, self.class_names, 3)
        images = int(self.counts.sum())
        most = f"Most frequent: {'; '.join(each.sentence for each in frequent)}." if frequent else "No errors."
        return (
            f"Confusion matrix of {self.run} on {images:,} {self.part} images, true class in rows: "
            f"{100 * self.accuracy:.2f} % right. {most}"
        )

    @property
    def table(self) -> Table:
        """A row for each pair of classes."""
        names = self.class_names
        rows = (
            (true, predicted, self.counts[t, p], 100 * self.shares[t, p])
            for t, true in enumerate(names)
            for p, predicted in enumerate(names)
        )
        return Table(("true", "predicted", "images", "percent_of_true_class"), rows)


def confusion_data(data: RunData, part: str = "test") -> ConfusionMatrix:
    """On the images of `part`, "test" or "train"."""
    return confusion_matrix_of(data.predictions(part), data.name, "training" if part == "train" else part)


def confusion_matrix_of(predictions: Predictions, run: str, part: str) -> ConfusionMatrix:
    """What follows from predictions alone."""
    counts = confusion_counts(predictions)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, and meant: a class without images, or one never predicted
        shares = counts / counts.sum(axis=1, keepdims=True)
        precision = np.diag(counts) / counts.sum(axis=0)
    return ConfusionMatrix(run, part, predictions.class_names, counts, shares, np.diag(shares), precision)


def plot_confusion(matrix: ConfusionMatrix) -> Any:
    """Counts over per cent in each cell; only errors are coloured, by their share, so that they stay visible.

    Bars tell each class's recall (right) and precision (below).
    """
    classes = len(matrix.class_names)
    side = classes * (CELL if classes <= 12 else 0.36 if classes <= MOST_NUMBERS else 0.13)
    title = (
        f"Confusion matrix, {matrix.part} images: true class (rows) against predicted class (columns)\n"
        f"{style.cut(matrix.run, 80)}: {100 * matrix.accuracy:.2f} % of {matrix.counts.sum():,} right"
    )
    size = {"width": max(style.WIDTH, side + 2.6), "height": max(side, 1.5) + 2.2}
    ratios = {"width_ratios": [side, 0.9], "height_ratios": [max(side, 1.5), 0.75]}
    figure, axes = style.grid(title, rows=2, columns=2, sharex="col", sharey="row", gridspec_kw=ratios, **size)
    image = _cells(axes[0, 0], matrix)
    _recall(axes[0, 1], matrix)
    _precision(axes[1, 0], matrix)
    axes[1, 1].set_axis_off()
    bar = figure.colorbar(image, ax=axes[:, 1], location="right", shrink=0.8, aspect=30, pad=0.1)
    bar.set_label("errors: % of the true class")
    bar.outline.set_visible(False)
    return figure


def _cells(axes: Any, matrix: ConfusionMatrix) -> Any:
    from matplotlib import colormaps

    classes = len(matrix.class_names)
    errors = 100 * np.where(np.eye(classes, dtype=bool), np.nan, np.nan_to_num(matrix.shares, nan=NO_IMAGES))
    colours = colormaps[style.ERRORS].with_extremes(bad=style.BLUE_PALE, under=style.FILL_PALE)
    largest = np.nanmax(errors, initial=0) or 1.0
    image = axes.imshow(errors, cmap=colours, vmin=0, vmax=largest, aspect="auto", interpolation="none")
    axes.grid(visible=False)
    borders = np.repeat(np.arange(classes - 1) + 0.5, 3)
    along = np.tile([-0.5, classes - 0.5, np.nan], classes - 1)
    for line in ((along, borders), (borders, along)):
        axes.plot(*line, color=style.PAPER, linewidth=0.5, scalex=False, scaley=False)
    if classes <= MOST_NUMBERS:
        _numbers(axes, matrix, image)
    size = style.SMALL + 0.5 if classes <= MOST_NUMBERS else style.SMALL - 1
    axes.set_yticks(range(classes), [style.cut(name, 18) for name in matrix.class_names], size=size)
    axes.set_ylabel("true class")
    axes.tick_params(length=0, labelbottom=False)
    return image


def _numbers(axes: Any, matrix: ConfusionMatrix, image: Any) -> None:
    """Count and per cent, in ink that reads on the cell; in words where there are no images."""
    size = style.SMALL if len(matrix.class_names) <= 12 else style.SMALL - 2
    for t, p in np.ndindex(matrix.counts.shape):
        count, share = matrix.counts[t, p], 100 * matrix.shares[t, p]
        if np.isnan(share) and t == p:
            axes.text(p, t, "no\nimages", ha="center", va="center", size=size - 1, in_layout=False)
        if not count:
            continue
        ink = style.INK if t == p else style.on_colour(image.cmap(image.norm(share)))
        text = f"{count:,}\n{share:.1f}" + (" %" if len(matrix.class_names) <= 12 else "")
        weight = "bold" if t == p else "normal"
        look = {"size": size, "color": ink, "weight": weight, "linespacing": 1.1, "in_layout": False}
        axes.text(p, t, text, ha="center", va="center", **look)


def _recall(axes: Any, matrix: ConfusionMatrix) -> None:
    shares = 100 * np.nan_to_num(matrix.recall)
    axes.barh(range(len(shares)), shares, height=0.7, color=style.COLOURS[0], alpha=0.55)
    for k, share in enumerate(matrix.recall if len(shares) <= MOST_NUMBERS else ()):
        axes.text(3, k, _percent(share), va="center", size=style.SMALL - 0.5, in_layout=False)
    axes.set_title("recall (%)", size=style.SMALL + 0.5)
    axes.set_xlim(0, 100)
    _bare(axes)


def _precision(axes: Any, matrix: ConfusionMatrix) -> None:
    shares = 100 * np.nan_to_num(matrix.precision)
    axes.bar(range(len(shares)), shares, width=0.7, color=style.COLOURS[0], alpha=0.55)
    for k, share in enumerate(matrix.precision if len(shares) <= MOST_NUMBERS else ()):
        axes.text(k, 4, _percent(share), ha="center", va="bottom", size=style.SMALL - 0.5, in_layout=False)
    axes.set_ylabel("precision\n(%)", size=style.SMALL + 0.5)
    axes.set_ylim(0, 100)
    axes.set_xlabel("predicted class")
    names = [style.cut(name, 18) for name in matrix.class_names]
    angle = 90 if len(names) > MOST_NUMBERS else 40 if max(map(len, names)) > 4 else 0
    axes.set_xticks(range(len(names)), names, rotation=angle, ha="right" if angle == 40 else "center")
    axes.tick_params(axis="x", labelsize=style.SMALL + 0.5 if len(names) <= MOST_NUMBERS else style.SMALL - 1)
    axes.set_yticks([])
    _bare(axes)
    axes.tick_params(length=0, labelbottom=True)


def _bare(axes: Any) -> None:
    axes.grid(visible=False)
    axes.tick_params(length=0, labelbottom=False, labelleft=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _percent(share: float) -> str:
    return "undefined" if np.isnan(share) else f"{100 * share:.1f}"
