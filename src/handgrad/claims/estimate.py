"""What can be measured of an experiment, how sure a number is, and the difference of two with interval and test."""

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from statistics import fmean, stdev
from typing import NamedTuple

from scipy.stats import fisher_exact, t

from handgrad.claims.settings import Settings
from handgrad.evaluation import wilson

LEVEL = 0.05
FEWEST_EXPECTED = 5  # images in a cell of the two-by-two table, below which the normal approximation is not trusted


class Estimate(NamedTuple):
    """`value` and the `variance` of its error, NaN where nothing tells it; `freedom` is infinite where it is known.

    A share of `images` keeps their number and `right`, how many of them; `scale` is 100 for per cent, 1 for shares.
    """

    value: float
    variance: float
    freedom: float = math.inf
    right: int | None = None
    images: int | None = None
    scale: float = 1.0
    seeds: int = 1

    @property
    def half_width(self) -> float:
        """Half the length of the 95 % interval."""
        return _quantile(self.freedom) * math.sqrt(self.variance)


class Difference(NamedTuple):
    """first - second with its 95 % interval, and the two-sided `p` of its being `by`, found by `test`."""

    value: float
    low: float
    high: float
    by: float
    test: str
    statistic: float
    p: float

    @property
    def sign(self) -> int:
        """1: above `by`; -1: below it; 0: cannot be told."""
        return (1 if self.value > self.by else -1) if self.p < LEVEL else 0


class Evidence(NamedTuple):
    """An experiment's settings, its numbers by measure, and classes of which no image is right.

    Each such class comes with whether any image is taken for it.
    """

    title: str
    settings: Settings
    estimates: dict[str, Estimate]
    scale: float
    blind: tuple[tuple[int, bool], ...] = ()


def share(value: float, images: int, scale: float) -> Estimate:
    """An accuracy, or another share of `images` that were each right or wrong, as it was printed."""
    p = value / scale
    return Estimate(value, scale**2 * p * (1 - p) / images, math.inf, round(p * images), images, scale)


def counted(right: int, images: int, scale: float) -> Estimate:
    """The share that counts give."""
    return share(scale * right / images, images, scale)


def spread(mean: float, deviation: float, seeds: int) -> Estimate:
    """The mean of `seeds` runs with the standard deviation among them."""
    return Estimate(mean, deviation**2 / seeds, seeds - 1, seeds=seeds)


def over_seeds(values: Sequence[float]) -> Estimate:
    """The mean of one value a seed; of a single one, nothing tells how sure it is."""
    return spread(fmean(values), stdev(values), len(values)) if len(values) > 1 else bare(values[0])


def bare(value: float) -> Estimate:
    """A number of which nothing says how sure it is."""
    return Estimate(value, math.nan)


def exact(value: float) -> Estimate:
    """A number without an error, such as a count of parameters."""
    return Estimate(value, 0.0)


def minus(a: Estimate, b: Estimate) -> Estimate:
    """The estimate of a - b, for independent errors."""
    return Estimate(
        a.value - b.value, a.variance + b.variance, _freedom(a, b), scale=a.scale, seeds=min(a.seeds, b.seeds)
    )


def compare(a: Estimate, b: Estimate, by: float = 0.0) -> Difference:
    """a - b against `by`: Fisher's exact test for few images, z for shares of many, Welch's t for means over seeds."""
    low, high = interval(a, b)
    test, statistic, p = _few(a, b) if _are_few(a, b) and not by else _score(a, b, by)
    return Difference(a.value - b.value, low, high, by, test, statistic, p)


def interval(a: Estimate, b: Estimate) -> tuple[float, float]:
    """The 95 % interval of a - b.

    Ref     shares: Newcombe (1998), Statistics in Medicine 17, method 10; else Welch (1947), Biometrika 34
    """
    difference = minus(a, b)
    if not (a.images and b.images):
        return difference.value - difference.half_width, difference.value + difference.half_width
    (a_low, a_high), (b_low, b_high) = _wilson(a), _wilson(b)
    below = math.hypot(a.value - a_low, b_high - b.value)
    above = math.hypot(a_high - a.value, b.value - b_low)
    return difference.value - below, difference.value + above


def _wilson(estimate: Estimate) -> tuple[float, float]:
    within = wilson(estimate.right or 0, estimate.images or 0)
    return estimate.scale * within.low, estimate.scale * within.high


def _score(a: Estimate, b: Estimate, by: float) -> tuple[str, float, float]:
    """Math  (a - b - by) / sqrt(variance), which is that of equal shares where two shares are said to be equal"""
    difference = minus(a, b)
    variance = _pooled(a, b) if a.images and b.images and not by else difference.variance
    distance = difference.value - by
    name = "z" if math.isinf(difference.freedom) else "t"
    if not variance:  # numbers without an error, or runs that all ended alike, which say nothing of the next one
        return name, math.nan, 1.0 if not distance else 0.0 if math.isinf(difference.freedom) else math.nan
    statistic = distance / math.sqrt(variance)
    return name, statistic, 2 * float(t.sf(abs(statistic), difference.freedom))


def _pooled(a: Estimate, b: Estimate) -> float:
    """The variance of a - b if both are one share, the images' common one."""
    n, m = a.images or 0, b.images or 0
    p = (a.value * n + b.value * m) / ((n + m) * a.scale)
    return a.scale**2 * max(p * (1 - p), 0.0) * (1 / n + 1 / m)


def _few(a: Estimate, b: Estimate) -> tuple[str, float, float]:
    result = fisher_exact(_table(a, b))
    return "Fisher's exact test", float(result[0]), float(result[1])


def _are_few(a: Estimate, b: Estimate) -> bool:
    """Whether a cell of the table would hold too few images if both shares were equal."""
    if not (a.images and b.images):
        return False
    (right, wrong), (other_right, other_wrong) = _table(a, b)
    rarer = min(right + other_right, wrong + other_wrong) / (a.images + b.images)
    return min(a.images, b.images) * rarer < FEWEST_EXPECTED


def _table(a: Estimate, b: Estimate) -> list[list[int]]:
    return [[each.right or 0, (each.images or 0) - (each.right or 0)] for each in (a, b)]


def _freedom(a: Estimate, b: Estimate) -> float:
    """Ref  Satterthwaite (1946), Biometrics Bulletin 2"""
    below = a.variance**2 / a.freedom + b.variance**2 / b.freedom
    if below:
        return (a.variance + b.variance) ** 2 / below
    return min(a.freedom, b.freedom)


def _quantile(freedom: float) -> float:
    return float(t.ppf(1 - LEVEL / 2, freedom))


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
