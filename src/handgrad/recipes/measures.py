"""What can be measured of an experiment: the names that claims may use, and how each is written."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple


class Measure(NamedTuple):
    """A quantity in words; `part` names the images that it is a share of, where it is a share of images."""

    words: str
    kind: str = "share"
    part: str | None = None
    better: int = 1  # 1: the higher the better; -1: the lower


PRINTED = {
    "test_accuracy": Measure("test accuracy", part="test"),
    "train_accuracy": Measure("training accuracy", part="train"),
    "validation_accuracy": Measure("validation accuracy", part="validation"),
    "precision": Measure("precision"),
    "recall": Measure("recall"),
    "macro_f1": Measure("macro F1"),
    "test_loss": Measure("test loss", "number", better=-1),
    "train_loss": Measure("training loss", "number", better=-1),
    "validation_loss": Measure("validation loss", "number", better=-1),
    "parameters": Measure("parameters", "count", better=-1),
    "seconds": Measure("seconds", "number", better=-1),
}

WORKED_OUT = {
    "counted_accuracy": Measure("accuracy by the printed counts"),
    "gap": Measure("train-test gap", better=-1),
}

MEASURES = PRINTED | WORKED_OUT
SCALES = {"percent": 100.0, "share": 1.0}


def written(value: float, measure: str, scale: float) -> str:
    """A value as a report prints it: 97.21 in per cent, 0.9721 as a share, 1.266 of a loss, 109,386 of a count."""
    kind = MEASURES[measure].kind
    if kind == "count":
        return f"{value:,.0f}"
    if kind == "number":
        return f"{value:.4g}"
    return str(
        Decimal(repr(float(value))).quantize(last_digit(scale), ROUND_HALF_UP)
    )  # 0.89425 is 0.8943, as at school


def last_digit(scale: float) -> Decimal:
    """The step between two shares that are written differently."""
    return Decimal("0.01" if scale == SCALES["percent"] else "0.0001")


def unit_of(measure: str, scale: float) -> str:
    """What follows such a number where a difference is meant."""
    return " points" if MEASURES[measure].kind == "share" and scale == SCALES["percent"] else ""
