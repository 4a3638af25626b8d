"""Training against test accuracy of many runs, those that memorise by name."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation.difference import Estimate, compare, share
from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData, grouped
from handgrad.runs.predictions import predictions_of
from handgrad.text import counted

Array = NDArray[Any]
PERCENT = 100.0
MARGIN = 2.0  # points of accuracy in training beyond that on test images, from which a run memorises
NAMED = 8  # memorisers of one figure that are named
LONGEST = 46  # letters of a name
TICKS = (10, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98)


class Dot(NamedTuple):
    """A run's accuracies in per cent; `low` and `high` are the ends of the 95 % interval of their difference."""

    label: str
    run: str
    train: float
    test: float
    low: float
    high: float

    @property
    def gap(self) -> float:
        """Points by which it is better in training."""
        return self.train - self.test

    @property
    def memorises(self) -> bool:
        """Whether all of the interval lies beyond MARGIN."""
        return self.low > MARGIN


class TrainTest(NamedTuple):
    """Runs in the order of their gap, the widest first."""

    dots: tuple[Dot, ...]

    @property
    def memorisers(self) -> dict[str, list[Dot]]:
        """Runs that memorise, by the name of their configuration."""
        found: dict[str, list[Dot]] = {}
        for dot in self.dots:
            if dot.memorises:
                found.setdefault(dot.label, []).append(dot)
        return found

    @property
    def caption(self) -> str:
        named = "; ".join(
            f"{label}: {np.mean([dot.gap for dot in dots]):.2f} points" for label, dots in self.memorisers.items()
        )
        count = sum(map(len, self.memorisers.values()))
        which = f"{count} of {counted(len(self.dots), 'run')}" if count else f"none of {counted(len(self.dots), 'run')}"
        return (
            "Training against test accuracy at the end, each scale by the logarithm of the errors. A run memorises "
            f"whose 95 % interval of training minus test accuracy lies above {MARGIN:g} points: {which}"
            f"{f' ({named})' if named else ''}."
        )

    @property
    def table(self) -> Table:
        """A row a run."""
        columns = ("configuration", "run", "training_accuracy_percent", "test_accuracy_percent", "gap", "low", "high")
        rows = (
            (dot.label, dot.run, dot.train, dot.test, dot.gap, dot.low, dot.high, "yes" if dot.memorises else "no")
            for dot in self.dots
        )
        return Table((*columns, "memorises"), rows)


def compare_train_test_data(runs: Sequence[RunData]) -> TrainTest:
    """Of every run; trials of a sweep, which measure neither accuracy, are evaluated."""
    dots = [_dot(group.label, data) for group in grouped(runs) for data in group.members]
    return TrainTest(tuple(sorted(dots, key=lambda dot: -dot.gap)))


def _dot(label: str, data: RunData) -> Dot:
    train = _accuracy(data, "train", len(data.split.train_rows))
    test = _accuracy(data, "test", len(data.inputs.y_test))
    gap = compare(train, test)
    return Dot(label, data.run.name, train.value, test.value, gap.low, gap.high)


def _accuracy(data: RunData, part: str, images: int) -> Estimate:
    """As the run measured it, else of its network now."""
    measured = data.metrics[part].get("accuracy")
    found = float(predictions_of(data.run, part, data.inputs).right.mean()) if measured is None else measured
    return share(PERCENT * found, images, PERCENT)


def plot_train_test(found: TrainTest) -> Any:
    """A point a run over the line where both are equal; memorisers in colour, with their names below."""
    memorisers = found.memorisers
    title = f"Training against test accuracy: {counted(len(found.dots), 'run')}, those that memorise named"
    figure, axes = style.new(title, 5.2 + 0.17 * min(len(memorisers), NAMED + 1))
    others = [dot for dot in found.dots if dot.label not in memorisers]
    ends = np.array([(dot.train, dot.test) for dot in found.dots])
    low, high = max(0.0, ends.min() - 1.0), min(PERCENT, max(ends.max(), 99.9))
    line = PERCENT - np.geomspace(PERCENT - low, least_error(high), 200)
    axes.plot(place_of(line), place_of(line), color=style.MUTED, linewidth=0.9, label="equal")
    above = line[line - MARGIN > low]
    look = {"color": style.MUTED, "linewidth": 0.9, "linestyle": style.DASHES[1]}
    axes.plot(place_of(above), place_of(above - MARGIN), label=f"{MARGIN:g} points less on test images", **look)
    if others:
        x, y = place_of(np.array([(dot.train, dot.test) for dot in others])).T
        faint = {"color": style.UNSELECTED, "markersize": 3.5, "alpha": 0.6, "linestyle": "none", "marker": "o"}
        axes.plot(x, y, label=f"does not memorise ({len(others)})", **faint)
    for number, (label, dots) in enumerate(memorisers.items()):
        x, y = place_of(np.array([(dot.train, dot.test) for dot in dots])).T
        named = number < NAMED
        name = f"{style.cut(label, LONGEST)}: {np.mean([dot.gap for dot in dots]):.1f} points"
        rest = f"{len(memorisers) - NAMED} more that memorise" if number == NAMED else None
        mark = style.look(number) if named else style.look(NAMED)
        hollow = {"color": mark.color, "markerfacecolor": "none", "markeredgewidth": 1.3, "markersize": 6}
        axes.plot(x, y, mark.marker, label=name if named else rest, **hollow)
    _scale(axes, low, high)
    style.legend_below(figure, axes, 2)
    return figure


def least_error(accuracy: float) -> float:
    """Per cent of errors, no less than what the scale ends with."""
    return max(PERCENT - accuracy, PERCENT - TICKS[-1])


def place_of(accuracy: Array) -> Array:
    """Where an accuracy in per cent stands on a scale by the logarithm of the errors: an error less, farther right."""
    return np.asarray(-np.log10(np.maximum(PERCENT - accuracy, PERCENT - TICKS[-1])))


def _scale(axes: Any, low: float, high: float) -> None:
    ticks = [tick for tick in TICKS if low <= tick <= max(high, 99.9)]
    labels = [f"{tick:g}" for tick in ticks]
    if high >= TICKS[-1]:
        labels[-1] = f"≥ {labels[-1]}"
    ends = place_of(np.array([low, PERCENT if high >= TICKS[-1] else high]))
    margin = 0.03 * (ends[1] - ends[0])
    axes.set_xticks(place_of(np.array(ticks)), labels)
    axes.set_yticks(place_of(np.array(ticks)), labels)
    axes.set_xlim(ends[0] - margin, ends[1] + margin)
    axes.set_ylim(ends[0] - margin, ends[1] + margin)
    axes.set_xlabel("training accuracy (%), scale by the errors")
    axes.set_ylabel("test accuracy (%), scale by the errors")
