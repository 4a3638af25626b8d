"""What can be measured of an experiment, how sure a number is, and the difference of two with interval and test."""

import math
from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from statistics import fmean, stdev
from typing import Any, NamedTuple

from scipy.integrate import quad
from scipy.stats import fisher_exact, norm, t

from handgrad.evaluation import wilson

Settings = dict[str, Any]
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
        """1: above `by`; -1: below it; 0: neither."""
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
    type: str = "share"
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
    written_as = MEASURES[measure].type
    if written_as == "count":
        return f"{value:,.0f}"
    if written_as == "number":
        return f"{value:.4g}"
    return str(
        Decimal(repr(float(value))).quantize(last_digit(scale), ROUND_HALF_UP)
    )  # 0.89425 is 0.8943, as at school


def last_digit(scale: float) -> Decimal:
    """The step between two shares that are written differently."""
    return Decimal("0.01" if scale == SCALES["percent"] else "0.0001")


def unit_of(measure: str, scale: float) -> str:
    """What follows such a number where a difference is meant."""
    return " points" if MEASURES[measure].type == "share" and scale == SCALES["percent"] else ""


MANY_RUNS = (10, 100)


def number(value: float, measure: str, evidence: Evidence) -> str:
    """A value of a measure as the report prints such values."""
    return written(value, measure, evidence.scale)


def missing_line(evidence: Evidence, measure: str) -> str:
    """That a number is not there."""
    return f"No {MEASURES[measure].words} of {evidence.title} is given."


def pair_line(measure: str, a: Evidence, b: Evidence, difference: Difference) -> str:
    """The subtraction, what it comes to, and how sure that is."""
    first, second = (number(each.estimates[measure].value, measure, each) for each in (a, b))
    steps = [f"{first} - {second}", number(difference.value, measure, a)]
    sources = [_source(measure, each) for each in (a, b)]
    if all(sources):
        steps.insert(0, " - ".join(sources))
    what = f"{unit_of(measure, a.scale)} of {MEASURES[measure].words}"
    if difference.by and b.estimates[measure].value:
        what += f" ({100 * difference.value / b.estimates[measure].value:.2f} % of {second})"
    lead = f"{a.title} against {b.title}: {' = '.join(steps)}{what}, {_outcome(difference)}"
    return f"{lead} ({certainty(measure, a, difference)}{_each(measure, a, b)})."


def beside_line(measure: str, evidence: Evidence, difference: Difference) -> str:
    """A number, and on which side of another one it lies."""
    side = {
        1: f"above {difference.by:g}",
        0: f"not distinguishable from {difference.by:g}",
        -1: f"below {difference.by:g}",
    }
    value = number(difference.value, measure, evidence)
    what = f"{MEASURES[measure].words} {value}, {side[difference.sign]}"
    return f"{evidence.title}: {what} ({certainty(measure, evidence, difference)})."


def _source(measure: str, evidence: Evidence) -> str:
    """How a number that nobody printed was worked out."""
    estimate = evidence.estimates[measure]
    if measure == "gap" and {"train_accuracy", "test_accuracy"} <= set(evidence.estimates):
        parts = (evidence.estimates[each].value for each in ("train_accuracy", "test_accuracy"))
        return f"({' - '.join(number(part, measure, evidence) for part in parts)})"
    return f"{estimate.right:,} / {estimate.images:,}" if measure == "counted_accuracy" and estimate.images else ""


def _each(measure: str, a: Evidence, b: Evidence) -> str:
    """The intervals of both numbers, where they are shares as printed."""
    estimates = [each.estimates[measure] for each in (a, b)]
    if measure == "counted_accuracy" or not all(each.images for each in estimates):
        return ""
    halves = (f"± {number(each.half_width, measure, a)}" for each in estimates)
    return f"; the two numbers themselves {' and '.join(halves)}"


def certainty(measure: str, evidence: Evidence, difference: Difference) -> str:
    """Interval and test, or that there is nothing to tell them from."""
    if math.isnan(difference.p):
        return "the uncertainty of these numbers is unknown: state `images`, or give several seeds"
    if math.isnan(difference.statistic):
        return "exact"
    most = evidence.scale if MEASURES[measure].type == "share" else math.inf
    ends = max(difference.low, -most), min(difference.high, most)
    low, high = (number(end, measure, evidence) for end in ends)
    if difference.test in ("z", "t"):
        against = f" against {difference.by:g}" if difference.by else ""
        test = f"{difference.test} = {difference.statistic:.2f}{against}, p {probability(difference.p)}"
    else:
        test = f"{difference.test}, p {probability(difference.p)}"
    return f"95 % interval {low} to {high}, {test}"


def probability(p: float) -> str:
    """As one says it: "= 0.60", "< 0.0001"."""
    if p < 0.0001:
        return "< 0.0001"
    return f"= {p:.2f}" if p >= 0.1 else f"= {p:.2g}"


def _outcome(difference: Difference) -> str:
    if difference.sign > 0:
        return f"over {difference.by:g}" if difference.by else "a difference"
    if difference.sign < 0:
        return f"not over {difference.by:g}" if difference.by else "the other way round"
    against = difference.value < difference.by
    return "cannot be distinguished" + (", and the numbers point the other way" if against else "")


def two_line(measures: tuple[str, str] | None, evidence: Evidence, agree: bool) -> str:
    """Two measures of one experiment beside each other."""
    one, other = measures or ("", "")
    said = f"{evidence.title}: {MEASURES[one].words} {number(evidence.estimates[one].value, one, evidence)}"
    seen = evidence.estimates[other]
    value = number(seen.value, other, evidence)
    counts = f"{seen.right:,} / {seen.images:,} = {value}" if other == "counted_accuracy" else value
    return f"{said}, {MEASURES[other].words} {counts}: {'identical' if agree else 'not the same'}."


def tally_line(verdicts: Sequence[str]) -> str:
    """How often each verdict was found among several experiments: "contradicted in 14 of 14 experiments"."""
    found = ", ".join(f"{verdict} in {count}" for verdict, count in Counter(verdicts).most_common())
    return f"{found} of {len(verdicts)} experiments.".capitalize()


def under_trained_lines(evidence: Evidence) -> list[str]:
    """A line for each class that is never right: a network that has learned nothing of a class was not trained."""
    lines = []
    for k, predicted in evidence.blind:
        what = f"has no image of class {k} right" if predicted else f"never predicts class {k}"
        lines.append(f"{evidence.title} {what}: it is under-trained, and does not speak for its kind.")
    return lines


def selection_lines(
    measures: tuple[str, str], best_of: int | None, evidence: Evidence, difference: Difference
) -> list[str]:
    """What the best of several runs owes to luck."""
    chosen_by, judged_on = measures
    estimate = evidence.estimates[chosen_by]
    values = [number(evidence.estimates[each].value, each, evidence) for each in (chosen_by, judged_on)]
    result = number(difference.value, chosen_by, evidence) + unit_of(chosen_by, evidence.scale)
    outcome = {1: "more than new images bear out", 0: "no more than luck", -1: "new images do even better"}
    line = (
        f"{evidence.title}: {MEASURES[chosen_by].words} {values[0]} - {MEASURES[judged_on].words} {values[1]} = "
        f"{result}, {outcome[difference.sign]} ({certainty(chosen_by, evidence, difference)})."
    )
    error = math.sqrt(estimate.variance)
    if math.isnan(error):
        return [line]
    runs = (best_of,) if best_of else MANY_RUNS
    lucks = " and ".join(f"{number(highest_of(n) * error, chosen_by, evidence)} of {n:,} runs" for n in runs)
    on = f" on {estimate.images:,} images" if estimate.images else ""
    luck = (
        f"The best of a selection is optimistic: its standard error is {number(error, chosen_by, evidence)}{on}, and "
        f"the best of equally good runs lies above what they are worth by {lucks} in the mean, by luck alone."
    )
    return [line, luck]


def highest_of(count: int) -> float:
    """The mean of the highest of `count` independent standard normal numbers."""

    def density(z: float) -> float:
        return z * count * float(norm.pdf(z)) * float(norm.cdf(z)) ** (count - 1)

    return float(quad(density, -10, 10, points=[0, 3])[0])
