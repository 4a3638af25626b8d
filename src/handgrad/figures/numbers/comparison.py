"""Any set of runs side by side: curves, accuracies with intervals, ROC curves, what each says of the same images."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Curve, Interval, mean_share, roc, wilson
from handgrad.figures.kind import DoesNotApplyError
from handgrad.figures.numbers.curves import UNITS, measured, running_mean, smoothing_window
from handgrad.figures.numbers.groups import grouped, run_labels
from handgrad.figures.run_data import RunData
from handgrad.figures.table import Table

Array = NDArray[Any]
PERCENT = 100.0


class Line(NamedTuple):
    """The mean over a configuration's runs, with their smallest and largest value.

    Shapes  epochs, mean, low, high (n,) float64
    """

    label: str
    runs: int
    epochs: Array
    mean: Array
    low: Array
    high: Array


class Overlay(NamedTuple):
    """One line for each configuration in training (running mean) and in validation."""

    quantity: str
    label: str
    training: tuple[Line, ...]
    validation: tuple[Line, ...]

    @property
    def caption(self) -> str:
        """Where each of them ends."""
        lines = self.validation or self.training
        part = "validation" if self.validation else "training"
        unit = " %" if self.quantity == "accuracy" else ""
        ends = "; ".join(f"{line.label}: {line.mean[-1]:.4g}{unit}" for line in lines)
        return (
            f"{self.quantity.capitalize()} of {len(self.training)} configurations against the epoch. Last {part} "
            f"value, mean over seeds: {ends}. Bands go from the smallest to the largest run of a configuration."
        )

    @property
    def table(self) -> Table:
        """A row for each point of each line."""
        rows = (
            (part, line.label, line.runs, *point)
            for part, lines in (("training", self.training), ("validation", self.validation))
            for line in lines
            for point in zip(*line[2:], strict=True)
        )
        return Table(("part", "configuration", "runs", "epoch", "mean", "smallest", "largest"), rows)


class Bar(NamedTuple):
    """A configuration's accuracy in per cent, with a 95 % interval: Student's over seeds, or Wilson's of one run."""

    label: str
    accuracies: tuple[float, ...]
    interval: Interval

    @property
    def method(self) -> str:
        """Over what the interval is."""
        return f"{len(self.accuracies)} seeds, Student's t" if len(self.accuracies) > 1 else "1 run, Wilson"


class Bars(NamedTuple):
    """Test accuracy of every configuration."""

    bars: tuple[Bar, ...]

    @property
    def caption(self) -> str:
        """Every bar."""
        each = "; ".join(
            f"{bar.label}: {bar.interval.mean:.2f} % [{bar.interval.low:.2f}, {bar.interval.high:.2f}] ({bar.method})"
            for bar in self.bars
        )
        return f"Test accuracy with 95 % intervals. {each}. A single run's interval tells nothing about other seeds."

    @property
    def table(self) -> Table:
        """A row for each configuration."""
        columns = ("configuration", "runs", "accuracy_percent", "low", "high", "interval", "accuracies_percent")
        rows = (
            (bar.label, len(bar.accuracies), *bar.interval[:3], bar.method, " ".join(map(repr, bar.accuracies)))
            for bar in self.bars
        )
        return Table(columns, rows)


class RocOverlay(NamedTuple):
    """The macro-averaged ROC curve of each run."""

    curves: tuple[tuple[str, Curve], ...]

    @property
    def caption(self) -> str:
        """The areas."""
        areas = "; ".join(f"{label}: {curve.auc:.4f}" for label, curve in self.curves)
        return f"ROC curves on test images, averaged over classes (macro), of {len(self.curves)} runs. Areas: {areas}."

    @property
    def table(self) -> Table:
        """The points of every curve."""
        rows = (
            (label, x, y, curve.auc) for label, curve in self.curves for x, y in zip(curve.fpr, curve.tpr, strict=True)
        )
        return Table(("run", "false_positive_rate", "true_positive_rate", "auc"), rows)


def overlaid(runs: Sequence[RunData], quantity: str) -> Overlay:
    """Loss or accuracy of all of them, against the epoch, since their iterations may hold different numbers of images.

    Raises  DoesNotApplyError when none was trained step by step.
    """
    groups = [group._replace(members=tuple(filter(_trained, group.members))) for group in grouped(runs)]
    groups = [group for group in groups if group.members]
    if not groups:
        raise DoesNotApplyError("none of the runs was trained step by step")
    training = tuple(_line(group.label, [_running(data, quantity) for data in group.members]) for group in groups)
    pairs = [(group.label, [_validation(data, quantity) for data in group.members]) for group in groups]
    validation = tuple(_line(label, curves) for label, curves in pairs if all(len(x) for x, _ in curves))
    units = {UNITS.get(data.config.loss, "loss") for group in groups for data in group.members}
    label = "accuracy (%)" if quantity == "accuracy" else units.pop() if len(units) == 1 else "loss (of several kinds)"
    return Overlay(quantity, label, training, validation)


def compared_losses(runs: Sequence[RunData]) -> Overlay:
    """See `overlaid`."""
    return overlaid(runs, "loss")


def compared_accuracies(runs: Sequence[RunData]) -> Overlay:
    """See `overlaid`."""
    return overlaid(runs, "accuracy")


def test_accuracies(runs: Sequence[RunData]) -> Bars:
    """Of every configuration, with an interval."""
    bars = []
    for group in grouped(runs):
        right = [
            (int(found.right.sum()), len(found.labels)) for found in (data.predictions() for data in group.members)
        ]
        shares = [count / total for count, total in right]
        interval = mean_share(shares) if len(shares) > 1 else wilson(*right[0])
        mean, low, high = (PERCENT * value for value in interval[:3])
        bars.append(
            Bar(group.label, tuple(PERCENT * share for share in shares), Interval(mean, low, high, len(shares)))
        )
    return Bars(tuple(bars))


def compared_roc(runs: Sequence[RunData]) -> RocOverlay:
    """Of every run.  Raises  DoesNotApplyError when no curve is defined."""
    found = [(label, roc(data.predictions()).macro) for label, data in zip(run_labels(runs), runs, strict=True)]
    curves = tuple((label, curve) for label, curve in found if curve)
    if not curves:
        raise DoesNotApplyError("all test images are of one class")
    return RocOverlay(curves)


def _trained(data: RunData) -> bool:
    return bool(data.run.read_history().losses)


def _running(data: RunData, quantity: str) -> tuple[Array, Array]:
    history = data.history
    values = np.array(history.losses)
    if quantity == "accuracy":
        values = PERCENT * np.array(history.correct) / data.batch_rows
    smooth = running_mean(values, smoothing_window(len(values)), data.batch_rows)
    return np.arange(1, len(values) + 1) / data.steps_per_epoch, smooth


def _validation(data: RunData, quantity: str) -> tuple[Array, Array]:
    points = measured(data.history, f"validation_{quantity}")
    return points.steps / data.steps_per_epoch, points.values * (PERCENT if quantity == "accuracy" else 1)


def _line(label: str, curves: list[tuple[Array, Array]]) -> Line:
    """As far as all runs go; those of one configuration measure at the same steps."""
    shortest = min(len(epochs) for epochs, _ in curves)
    values = np.array([values[:shortest] for _, values in curves])
    return Line(
        label, len(curves), curves[0][0][:shortest], values.mean(axis=0), values.min(axis=0), values.max(axis=0)
    )
