"""Test accuracy of several runs, with intervals."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.evaluation import Interval, mean_share, wilson
from handgrad.figures import style
from handgrad.figures.base import Table
from handgrad.figures.run_data import RunData, grouped

Array = NDArray[Any]
PERCENT = 100.0
LONGEST = 70  # letters of a label


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
        each = "; ".join(
            f"{bar.label}: {bar.interval.mean:.2f} % [{bar.interval.low:.2f}, {bar.interval.high:.2f}] ({bar.method})"
            for bar in self.bars
        )
        return f"Test accuracy with 95 % intervals. {each}. A single run's interval says nothing about other seeds."

    @property
    def table(self) -> Table:
        """A row for each configuration."""
        columns = ("configuration", "runs", "accuracy_percent", "low", "high", "interval", "accuracies_percent")
        rows = (
            (bar.label, len(bar.accuracies), *bar.interval[:3], bar.method, " ".join(map(repr, bar.accuracies)))
            for bar in self.bars
        )
        return Table(columns, rows)


def compare_test_data(runs: Sequence[RunData]) -> Bars:
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


def plot_bars(found: Bars) -> Any:
    """A bar for each configuration with its interval, and a dot for each run; the axis begins where it must."""
    title = "Test accuracy with 95 % intervals: configurations compared"
    labels = [style.wrapped(style.cut(bar.label, 2 * LONGEST), 3.2) for bar in found.bars]
    lines = sum(max(label.count("\n") + 1, 2) for label in labels)
    figure, axes = style.new(title, 0.17 * lines + 0.14 * len(labels) + 1.15)
    lows = [low for bar in found.bars for low in (bar.interval.low, *bar.accuracies) if np.isfinite(low)]
    highs = [high for bar in found.bars for high in (bar.interval.high, *bar.accuracies) if np.isfinite(high)]
    margin = max(0.15 * (max(highs) - min(lows)), 0.5)
    start = max(0.0, np.floor(min(lows) - margin))
    for place, bar in enumerate(found.bars):
        mean, low, high, _ = bar.interval
        look = {"color": style.BLUE_BAR, "edgecolor": style.COLOURS[0], "linewidth": 0.8}
        axes.barh(place, mean - start, left=start, height=0.62, **look)
        axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], color=style.INK, capsize=4, linewidth=1.2)
        axes.plot(bar.accuracies, [place] * len(bar.accuracies), "o", color=style.COLOURS[1], markersize=3.5, zorder=5)
        beside = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
        axes.annotate(f"{mean:.2f} %  ({bar.method})", (1, place), (7, 0), va="center", size=style.SMALL, **beside)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(start, min(max(highs) + 0.05 * (max(highs) - start), PERCENT))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"test accuracy (%){', axis cut at ' + format(start, 'g') if start else ''}; dots: single runs")
    return figure
