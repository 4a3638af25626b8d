"""What happened in a training: the loss of every iteration, and a row an epoch."""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from handgrad.previews import curves_html, show_figures

SEAL = re.compile(r', "digest": "([0-9a-f]{16})"}$')


class Output(NamedTuple):
    """A layer's outputs: mean, standard deviation, and the share of those where next to no gradient comes through.

    `dead` is the share of units, or channels, where that is so for every image; NaN where an older version measured.
    """

    mean: float
    deviation: float
    flat: float
    dead: float = 0.0


class Size(NamedTuple):
    """Root mean square of a parameter's elements, and of the loss's gradient with respect to them.

    `symmetry` of a layer's weights: see handgrad.training.layer_statistics; NaN of others, and by older versions.
    """

    weight: float
    gradient: float
    symmetry: float = math.nan


@dataclass(frozen=True)
class Statistics:
    """Of every layer that computes something, by its number, and every parameter, by its name, after `step` steps."""

    step: int
    outputs: dict[int, Output]
    parameters: dict[str, Size]

    def record(self) -> dict[str, Any]:
        """As a line of a history file: null for what is not finite."""
        return {
            "step": self.step,
            "outputs": {str(layer): list(map(_finite, output)) for layer, output in self.outputs.items()},
            "parameters": {name: list(map(_finite, size)) for name, size in self.parameters.items()},
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Statistics":
        """What `record` gave.  Raises  KeyError, TypeError, ValueError, AttributeError when it is none."""
        return cls(
            int(record["step"]),
            {int(layer): Output(*map(_number, [*numbers, None][:4])) for layer, numbers in record["outputs"].items()},
            {name: Size(*map(_number, [*numbers, None][:3])) for name, numbers in record["parameters"].items()},
        )


class Activity(NamedTuple):
    """A histogram of a layer's outputs, from `low` to `high`, and for how many of the images each unit is active.

    A unit, or channel, is active for an image that some gradient comes through it for.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    active: tuple[int, ...]


@dataclass(frozen=True)
class Activities:
    """The units of layers, by the layer's number, after `step` steps, for so many `images`."""

    step: int
    outputs: dict[int, Activity]
    images: int

    def record(self) -> dict[str, Any]:
        """As a line of a history file."""
        return {
            "step": self.step,
            "outputs": {str(layer): list(activity) for layer, activity in self.outputs.items()},
            "images": self.images,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Activities":
        """What `record` gave.  Raises  as that of Statistics."""
        outputs = {
            int(layer): Activity(float(low), float(high), tuple(counts), tuple(active))
            for layer, (low, high, counts, active) in record["outputs"].items()
        }
        return cls(int(record["step"]), outputs, int(record["images"]))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set. `train_*` are means over its iterations, while the weights were changing.

    `seconds` counts the training alone, without evaluation and saving.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float
    test_loss: float = math.nan
    test_accuracy: float = math.nan
    validation_balanced_accuracy: float = math.nan
    validation_macro_f1: float = math.nan
    test_balanced_accuracy: float = math.nan
    test_macro_f1: float = math.nan

    def row(self) -> dict[str, Any]:
        """As a dictionary; the test set's numbers only where they were asked for, None for what was not measured."""
        return _without_nan(asdict(self))


@dataclass(frozen=True)
class Evaluation:
    """A measurement in the middle of an epoch, after `step` iterations."""

    step: int
    validation_loss: float
    validation_accuracy: float
    test_loss: float = math.nan
    test_accuracy: float = math.nan


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: None stands for it, and what the test set or an older version lacks is left out."""
    numbers = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()}
    optional = "test", "validation_balanced", "validation_macro"
    return {name: value for name, value in numbers.items() if not (name.startswith(optional) and value is None)}


def _with_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in row.items()}


@dataclass(repr=False)
class History:
    """Losses and right answers of each iteration, gradient norms {step: norm}, evaluations, epochs, why it ended.

    `statistics` of the layers, and `activities` of their units, are there when a LayerRecorder measured them.
    `unit_gradients` are by weight the norms of the gradients of a layer's first units, a row an iteration.
    `stopped` is "finished", "patience", "time limit", "interrupted" or, while it goes on, empty.
    """

    losses: list[float] = field(default_factory=list)
    correct: list[int] = field(default_factory=list)
    gradient_norms: dict[int, float] = field(default_factory=dict)
    evaluations: list[Evaluation] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    statistics: list[Statistics] = field(default_factory=list)
    activities: list[Activities] = field(default_factory=list)
    unit_gradients: dict[str, list[list[float]]] = field(default_factory=dict)
    stopped: str = ""

    def best(self, monitor: str) -> Epoch | None:
        """The epoch with the best `monitor`; of equal ones the one with the least validation loss, then the first.

        None before the first epoch, or without validation.
        """
        rated = [epoch for epoch in self.epochs if not math.isnan(getattr(epoch, monitor))]
        sign = 1 if monitor.endswith("loss") else -1
        return min(rated, key=lambda epoch: (sign * getattr(epoch, monitor), epoch.validation_loss), default=None)

    def stale_epochs(self, monitor: str) -> int:
        """How many epochs have passed since the best one."""
        best = self.best(monitor)
        return len(self.epochs) - best.epoch if best else 0

    def same_as(self, other: "History") -> bool:
        """Whether every number but the seconds is equal to the last bit."""
        return self._comparable() == other._comparable()

    def to_frame(self) -> Any:
        """A row an epoch, as a DataFrame of pandas, which must be installed."""
        import pandas as pd

        return pd.DataFrame([epoch.row() for epoch in self.epochs]).set_index("epoch")

    def curves(self) -> dict[str, dict[str, list[float]]]:
        """Loss, and accuracy in per cent, of each epoch: in training, on the validation and on the test images."""
        parts, units = ("train", "validation", "test"), {"loss": 1, "accuracy": 100}
        found = {
            name: {part: [unit * getattr(epoch, f"{part}_{name}") for epoch in self.epochs] for part in parts}
            for name, unit in units.items()
        }
        return {
            name: {part: values for part, values in each.items() if not all(map(math.isnan, values))}
            for name, each in found.items()
        }

    def plot(self) -> Any:
        """A Matplotlib figure of loss and accuracy by epoch.  Raises  UsageError without Matplotlib."""
        show_figures()
        from matplotlib.figure import Figure

        figure: Any = Figure(figsize=(7.2, 2.6), layout="constrained")
        for axes, (name, curves) in zip(figure.subplots(1, 2), self.curves().items(), strict=True):
            for part, values in curves.items():
                axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3, label=part)
            axes.set(xlabel="epoch", ylabel="loss" if name == "loss" else "accuracy (%)")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend(frameon=False)
        return figure

    def __repr__(self) -> str:
        epochs, steps = len(self.epochs), len(self.losses)
        parts = [f"{epochs} epoch{'s' * (epochs != 1)}", f"{steps:,} steps", *([self.stopped] if self.stopped else [])]
        last = {name: {part: values[-1] for part, values in each.items()} for name, each in self.curves().items()}
        parts += [f"{part} loss {value:.4f}" for part, value in last["loss"].items()]
        parts += [f"{part} accuracy {value:.2f} %" for part, value in last["accuracy"].items()]
        return f"History({', '.join(parts)})"

    def _repr_html_(self) -> str:
        return "".join(curves_html(name, curves) for name, curves in self.curves().items())

    def _comparable(self) -> Any:
        timeless = [repr(asdict(epoch) | {"seconds": 0}) for epoch in self.epochs]
        measured = [*map(repr, self.evaluations), *map(repr, self.statistics), *map(repr, self.activities)]
        return self.losses, self.correct, self.gradient_norms, repr(self.unit_gradients), measured, timeless


def steps_record(
    first: int, losses: list[float], correct: list[int], norms: dict[int, float], history: History
) -> dict[str, Any]:
    """The line of some iterations of a history, the first with number `first`; null where a number is not finite."""
    kept = {step: norm for step, norm in norms.items() if math.isfinite(norm)}
    last = first - 1 + len(losses)
    units = {
        name: [list(map(_finite, r)) for r in rows[first - 1 : last]] for name, rows in history.unit_gradients.items()
    }
    recorded = {name: rows for name, rows in units.items() if rows}
    record = {"first": first, "losses": list(map(_finite, losses)), "correct": correct, "norms": kept}
    return record | ({"units": recorded} if recorded else {})


def measured_record(row: Epoch | Evaluation | Statistics | Activities) -> dict[str, Any]:
    """The line of an epoch, of a measurement in the middle of one, or of what was measured of layers or units."""
    written = row.record() if isinstance(row, Statistics | Activities) else _without_nan(asdict(row))
    return {type(row).__name__.lower(): written}


def records(history: History, step: int) -> Iterable[dict[str, Any]]:
    """The lines that a history file would hold up to `step`: see `read_record`."""
    norms = {at: norm for at, norm in history.gradient_norms.items() if at <= step}
    yield steps_record(1, history.losses[:step], history.correct[:step], norms, history)
    rows: list[Any] = [*history.evaluations, *history.epochs, *history.statistics, *history.activities]
    for row in rows:
        if row.step <= step:
            yield measured_record(row)


def sealed(record: dict[str, Any], before: str) -> tuple[str, str]:
    """The line of a record, which ends with a digest of itself and of the digest `before` it; and this digest.

    So no line of a history file can be changed, left out or moved without being found out.
    """
    text = json.dumps(record, allow_nan=False, separators=(",", ":"))
    digest = _digest(before, text)
    return f'{text[:-1]}, "digest": "{digest}"}}', digest


def unsealed(line: str, before: str) -> tuple[dict[str, Any], str]:
    """The record in a line, and its digest; a file without digests, as older versions wrote them, has none in any line.

    Raises  ValueError when the line is not as it was written.
    """
    seal = SEAL.search(line)
    if seal and _digest(before, line[: seal.start()] + "}") != seal[1]:
        raise ValueError("its digest does not match")
    if not seal and before:
        raise ValueError("it has no digest")
    record = json.loads(line[: seal.start()] + "}" if seal else line)
    return record, seal[1] if seal else ""


def _digest(before: str, text: str) -> str:
    return hashlib.sha256((before + text).encode()).hexdigest()[:16]


def read_record(history: History, record: dict[str, Any]) -> None:
    """Add one line of a history file; raises KeyError, TypeError or ValueError when it is none."""
    if "losses" in record:
        if record["first"] != len(history.losses) + 1:
            raise ValueError(f"iteration {record['first']} follows iteration {len(history.losses)}")
        history.losses += [math.nan if loss is None else float(loss) for loss in record["losses"]]
        history.correct += [int(number) for number in record["correct"]]
    history.gradient_norms |= {int(step): float(norm) for step, norm in record.get("norms", {}).items()}
    if "evaluation" in record:
        history.evaluations.append(Evaluation(**_with_nan(record["evaluation"])))
    if "epoch" in record:
        history.epochs.append(Epoch(**_with_nan(record["epoch"])))
    if "statistics" in record:
        history.statistics.append(Statistics.from_record(record["statistics"]))
    if "activities" in record:
        history.activities.append(Activities.from_record(record["activities"]))
    for name, rows in record.get("units", {}).items():
        history.unit_gradients.setdefault(name, []).extend([list(map(_number, row)) for row in rows])
    known = {"first", "losses", "correct", "norms", "units", "evaluation", "epoch", "statistics", "activities"}
    unknown = set(record) - known
    if unknown:
        raise ValueError(f"unknown field {sorted(unknown)[0]}")
