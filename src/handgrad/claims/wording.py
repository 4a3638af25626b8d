"""Verdicts in words: the arithmetic line by line, and one sentence with what would change the verdict."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import scipy

from handgrad.claims.estimate import Evidence, quantity, unit_of, written
from handgrad.evaluation import Difference
from handgrad.evaluation.difference import IDENTICAL, MOST_SEEDS

MANY_RUNS = (10, 100)


def missing_line(evidence: Evidence, measure: str) -> str:
    """That a number is not there."""
    return f"No {evidence.words(measure)} of {evidence.title} is given."


def pair_line(measure: str, a: Evidence, b: Evidence, difference: Difference) -> str:
    """The subtraction, what it comes to, and how sure that is."""
    steps = [f"{a.number(measure)} - {b.number(measure)}", written(difference.value, measure, a.scale)]
    sources, estimates = zip(*((_source(measure, each), each.estimates[measure]) for each in (a, b)), strict=True)
    if all(sources):
        steps.insert(0, " - ".join(sources))
    what = f"{unit_of(measure, a.scale)} of {a.words(measure)}"
    if difference.by and estimates[1].value:
        what += f" ({100 * difference.value / estimates[1].value:.2f} % of {b.number(measure)})"
    own = ""
    if measure != "counted_accuracy" and all(each.images for each in estimates):
        halves = (f"± {written(each.half_width, measure, a.scale)}" for each in estimates)
        own = f"; the two numbers themselves {' and '.join(halves)}"
    lead = f"{a.title} against {b.title}: {' = '.join(steps)}{what}, {_outcome(difference)}"
    return f"{lead} ({certainty(measure, a, difference)}{own})."


def beside_line(measure: str, evidence: Evidence, difference: Difference) -> str:
    """A number, and on which side of another one it lies."""
    side = {1: "above", 0: "not distinguishable from", -1: "below"}[difference.sign]
    value = f"{evidence.title}: {evidence.words(measure)} {evidence.number(measure)}, {side} {difference.by:g}"
    return f"{value} ({certainty(measure, evidence, difference)})."


def _source(measure: str, evidence: Evidence) -> str:
    """How a number that nobody printed was worked out."""
    found = evidence.estimates
    if measure == "gap" and {"train_accuracy", "test_accuracy"} <= set(found):
        return f"({' - '.join(evidence.number(each) for each in ('train_accuracy', 'test_accuracy'))})"
    one = found[measure]
    return f"{one.right:,} / {one.images:,}" if measure == "counted_accuracy" and one.images else ""


def certainty(measure: str, evidence: Evidence, difference: Difference) -> str:
    """Interval and test, or that there is nothing to tell them from."""
    how = f"; {difference.how}" if difference.how else ""
    if math.isnan(difference.p) and difference.seeds > 1:
        return f"every seed gives the same, which leaves open how far others would differ{how}"
    if math.isnan(difference.p):
        return f"the uncertainty of these numbers is unknown: state `images`, or give several seeds{how}"
    if difference.test in ("z", "t") and math.isnan(difference.statistic):
        return "exact"
    if difference.test == IDENTICAL:
        return f"identical{how}"
    against = f" against {difference.by:g}" if difference.by else ""
    test = f"{difference.test} = {difference.statistic:.2f}{against}" if difference.test in "zt" else difference.test
    return f"{interval_words(measure, evidence.scale, difference)}, {test}, p {probability(difference.p)}{how}"


def interval_words(measure: str, scale: float, difference: Difference) -> str:
    """As in "95 % interval 0.21 to 0.63", of shares within what shares can be."""
    most = scale if quantity(measure).type == "share" else math.inf
    ends = max(difference.low, -most), min(difference.high, most)
    return f"95 % interval {' to '.join(written(end, measure, scale) for end in ends)}"


def probability(p: float) -> str:
    """As one says it: "= 0.60", "< 0.0001"."""
    if p < 0.0001:
        return "< 0.0001"
    return f"= {p:.2f}" if p >= 0.1 else f"= {p:.2g}"


def _outcome(difference: Difference) -> str:
    if difference.equal:
        return "equal"
    if difference.sign > 0:
        return f"over {difference.by:g}" if difference.by else "a difference"
    if difference.sign < 0:
        return f"not over {difference.by:g}" if difference.by else "the other way round"
    against = difference.value < difference.by
    return "cannot be distinguished" + (", and the numbers point the other way" if against else "")


def sentence(measure: str, sides: Sequence[Evidence], difference: Difference, within: float | None) -> str:
    """What was compared, the difference with its interval, and what would change the verdict; without the full stop."""
    first = sides[0]
    images, seeds = first.estimates[measure].images, difference.seeds
    source = difference.how.partition(":")[0] or (
        f"{seeds} seeds" if seeds > 1 else f"{images:,} images" if images else ""
    )
    values = " against ".join(f"{each.title} {each.number(measure)}" for each in sides)
    compared = ", ".join(part for part in (first.words(measure), source) if part)
    return f"{values} ({compared}): {_size(measure, first.scale, difference, within)}"


def _size(measure: str, scale: float, difference: Difference, within: float | None) -> str:
    """The difference with its interval, and how far from here another verdict is."""

    def amount(value: float) -> str:
        return f"{written(value, measure, scale)}{unit_of(measure, scale)}"

    value, low, high, by = difference[:4]
    if math.isnan(difference.p):
        return f"{amount(value)}; nothing tells how sure that is, and several seeds would"
    if difference.test == IDENTICAL:
        return "not one pair differs"
    if difference.test in "zt" and math.isnan(difference.statistic):
        return f"{amount(value)}, exactly"
    seen, of = f"{amount(value)} ({interval_words(measure, scale, difference)})", f" of {by:g}" if by else ""
    if within is not None:
        sure = (
            f"up to {amount(within - (high - low) / 2)} it would hold, from {amount(within + (high - low) / 2)} on not"
        )
        turn = sure if within > (high - low) / 2 else _needed(difference)
        return f"{seen}, where {within:g}{of} is allowed; {turn}"
    reach = amount(value - low if value > by else high - value)
    if difference.sign:
        return f"{seen}; within {reach}{of or ' of 0'} it would be undecided"
    return f"{seen}; a difference of {reach}{of and of.replace('of', 'from')} would decide, {_needed(difference)}"


def _needed(difference: Difference) -> str:
    count = difference.seeds_needed()
    if count is None and difference.seeds < 2:
        return "and several seeds would show whether it is the same for others"
    about = f"about {count:,}" if count else f"more than {MOST_SEEDS:,}"
    return f"or {about} seeds, by the spread of these (an estimate)"


def in_words(differences: Mapping[str, tuple[Any, Any]]) -> str:
    """As a sentence lists them: "optimizer (adam against sgd), framework (PyTorch against by hand)"."""
    return ", ".join(f"{name} ({_plain(a)} against {_plain(b)})" for name, (a, b) in differences.items())


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "-".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def two_line(measures: tuple[str, str] | None, evidence: Evidence, agree: bool) -> str:
    """Two measures of one experiment beside each other."""
    one, other = measures or ("", "")
    counts = " = ".join(part for part in (_source(other, evidence), evidence.number(other)) if part)
    said = f"{evidence.title}: {evidence.words(one)} {evidence.number(one)}, {evidence.words(other)} {counts}"
    return f"{said}: {'identical' if agree else 'not the same'}."


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
    result = written(difference.value, chosen_by, evidence.scale) + unit_of(chosen_by, evidence.scale)
    outcome = {1: "more than new images bear out", 0: "no more than luck", -1: "new images do even better"}
    line = (
        f"{evidence.title}: {evidence.words(chosen_by)} {evidence.number(chosen_by)} - "
        f"{evidence.words(judged_on)} {evidence.number(judged_on)} = "
        f"{result}, {outcome[difference.sign]} ({certainty(chosen_by, evidence, difference)})."
    )
    error = math.sqrt(estimate.variance)
    if math.isnan(error):
        return [line]
    runs = (best_of,) if best_of else MANY_RUNS
    scale = evidence.scale
    lucks = " and ".join(f"{written(highest_of(n) * error, chosen_by, scale)} of {n:,} runs" for n in runs)
    on = f" on {estimate.images:,} images" if estimate.images else ""
    luck = (
        f"The best of a selection is optimistic: its standard error is {written(error, chosen_by, scale)}{on}, and "
        f"the best of equally good runs lies above what they are worth by {lucks} in the mean, by luck alone."
    )
    return [line, luck]


def highest_of(count: int) -> float:
    """The mean of the highest of `count` independent standard normal numbers."""

    def density(z: float) -> float:
        return z * count * float(scipy.stats.norm.pdf(z)) * float(scipy.stats.norm.cdf(z)) ** (count - 1)

    return float(scipy.integrate.quad(density, -10, 10, points=[0, 3])[0])
