"""The arithmetic of a verdict in words."""

import math
from collections import Counter
from collections.abc import Sequence

from scipy.integrate import quad
from scipy.stats import norm

from handgrad.claims.estimate import MEASURES, Difference, Evidence, unit_of, written

MANY_RUNS = (10, 100)


def number(value: float, measure: str, evidence: Evidence) -> str:
    """A value of a measure as the report prints such values."""
    return written(value, measure, evidence.scale)


def missing(evidence: Evidence, measure: str) -> str:
    """That a number is not there."""
    return f"No {MEASURES[measure].words} of {evidence.title} is given."


def pair(measure: str, a: Evidence, b: Evidence, difference: Difference) -> str:
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


def beside(measure: str, evidence: Evidence, difference: Difference) -> str:
    """A number, and on which side of another one it lies."""
    side = {1: f"above {difference.by:g}", 0: f"cannot be told from {difference.by:g}", -1: f"below {difference.by:g}"}
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
        return "nothing tells how sure these numbers are: state `images`, or give several seeds"
    if math.isnan(difference.statistic):
        return "exact"
    most = evidence.scale if MEASURES[measure].kind == "share" else math.inf
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
    return "cannot be told apart" + (", and the numbers point the other way" if against else "")


def two(measures: tuple[str, str] | None, evidence: Evidence, agree: bool) -> str:
    """Two measures of one experiment beside each other."""
    one, other = measures or ("", "")
    said = f"{evidence.title}: {MEASURES[one].words} {number(evidence.estimates[one].value, one, evidence)}"
    seen = evidence.estimates[other]
    value = number(seen.value, other, evidence)
    counts = f"{seen.right:,} / {seen.images:,} = {value}" if other == "counted_accuracy" else value
    return f"{said}, {MEASURES[other].words} {counts}: {'identical' if agree else 'not the same'}."


def tally(verdicts: Sequence[str]) -> str:
    """How often each verdict was found among several experiments: "contradicted in 14 of 14 experiments"."""
    found = ", ".join(f"{verdict} in {count}" for verdict, count in Counter(verdicts).most_common())
    return f"{found} of {len(verdicts)} experiments.".capitalize()


def under_trained(evidence: Evidence) -> list[str]:
    """A line for each class that is never right: a network that has learned nothing of a class was not trained."""
    lines = []
    for k, predicted in evidence.blind:
        what = f"has no image of class {k} right" if predicted else f"never predicts class {k}"
        lines.append(f"{evidence.title} {what}: it is under-trained, and does not speak for its kind.")
    return lines


def selection(measures: tuple[str, str], best_of: int | None, evidence: Evidence, difference: Difference) -> list[str]:
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
