"""Reliability diagram: accuracy against confidence."""

from typing import Any, NamedTuple

import numpy as np

from handgrad.evaluation import Calibration, calibration
from handgrad.figures import style
from handgrad.figures.base import DoesNotApplyError, Table
from handgrad.figures.run_data import RunData


class Reliability(NamedTuple):
    """Accuracy against confidence."""

    run: str
    calibration: Calibration

    @property
    def caption(self) -> str:
        found = self.calibration
        filled = found.images > 0
        share = found.images[filled] / found.images.sum()
        excess = float((share * (found.confidence - found.accuracy)[filled]).sum())
        return (
            f"Accuracy of {self.run} against its confidence on {found.images.sum():,} test images in "
            f"{len(found.images)} bins: expected calibration error {100 * found.ece:.2f} percentage points, "
            f"{'surer' if excess > 0 else 'less sure'} than right by {100 * abs(excess):.2f} on average."
        )

    @property
    def table(self) -> Table:
        """A row a bin."""
        found = self.calibration
        columns = ("confidence_from", "confidence_to", "images", "mean_confidence", "accuracy")
        rows = zip(found.edges[:-1], found.edges[1:], found.images, found.confidence, found.accuracy, strict=True)
        return Table(columns, rows)


def reliability_data(data: RunData) -> Reliability:
    """On the test images."""
    found = calibration(data.predictions())
    if found is None:
        raise DoesNotApplyError("its scores are no probabilities")
    return Reliability(data.name, found)


def plot_reliability(found: Reliability) -> Any:
    """Accuracy against confidence with the gap to the diagonal, and below it how many images a bin holds."""
    bins = found.calibration
    title = f"Reliability on test images: accuracy against confidence\n{style.cut(found.run, 90)}"
    ratios = {"height_ratios": [3, 1]}
    figure, axes = style.grid(title, 4.8, 2, 1, 5.2, sharex=True, gridspec_kw=ratios)
    top, bottom = axes[:, 0]
    filled = bins.images > 0
    left, width = 100 * bins.edges[:-1][filled], 100 * np.diff(bins.edges)[filled]
    height = 100 * bins.accuracy[filled]
    top.bar(left, height, width, align="edge", color=style.COLOURS[4], edgecolor=style.PAPER, label="accuracy")
    top.plot([0, 100], [0, 100], color=style.INK, linewidth=1, linestyle=style.DASHES[1], label="as right as sure")
    points = 100 * bins.confidence[filled], height
    top.plot(*points, "o", color=style.COLOURS[1], label="mean confidence in the bin")
    top.set(ylabel="accuracy (%)", xlim=(0, 100), ylim=(0, 103))
    top.legend(loc="upper left")
    top.text(98, 4, f"expected calibration error\n{100 * bins.ece:.2f} percentage points", ha="right")
    bottom.bar(left, bins.images[filled], width, align="edge", color=style.FILL_DARK, edgecolor=style.PAPER)
    bottom.set(xlabel="confidence: probability of the predicted class (%)", ylabel="images\n(log scale)", yscale="log")
    bottom.set_ylim(bottom=0.7)
    return figure
