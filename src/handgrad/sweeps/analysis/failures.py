"""Trials that came to nothing, and what they have in common."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc
from scipy.stats import fisher_exact

from handgrad.evaluation import holm
from handgrad.sweeps.analysis.factors import factors
from handgrad.sweeps.analysis.measured import Measurements
from handgrad.sweeps.analysis.result import CLEAR, Failure, FailureGroup
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import FAILED, LOST, Trial

Array = NDArray[Any]
BETTER_THAN_GUESSING = 0.01  # the largest chance that guessing has as many right


def failures(trials: Sequence[Trial], measurements: Measurements) -> tuple[Failure, ...]:
    """Those that failed or were lost, with the reason, and those that are no better than guessing, by number."""
    return tuple(_failures(sorted(trials, key=lambda trial: trial.number), measurements))


def guessing(right: int, images: int, classes: int) -> float:
    """The chance that whoever guesses has at least so many right: P(B >= right), B ~ Binomial(images, 1 / classes)."""
    return float(bdtrc(right - 1, images, 1 / classes)) if right else 1.0


def failure_groups(sweep: Sweep, trials: Sequence[Trial], failed: Sequence[Failure]) -> tuple[FailureGroup, ...]:
    """Values whose configurations failed more often than others, by Fisher's exact test, the surest first.

    A configuration failed where at least half of its replicates did.
    """
    numbers = {failure.trial.number for failure in failed}
    together: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.rated or trial.number in numbers:
            together.setdefault(sweep.definition.key(trial.values), []).append(trial)
    groups = [together[key] for key in sorted(together)]
    bad = np.array([2 * sum(trial.number in numbers for trial in group) >= len(group) for group in groups], bool)
    tested = [
        _group(factor.name, value, factor.codes == level, bad)
        for factor in factors(sweep.definition, [group[0].values for group in groups])
        for level, value in enumerate(factor.levels)
    ]
    corrected = holm([group.p for group in tested])
    found = [group._replace(p=p) for group, p in zip(tested, corrected, strict=True) if p < CLEAR]
    return tuple(sorted(found, key=lambda group: group.p))


def _failures(trials: Sequence[Trial], measurements: Measurements) -> Iterator[Failure]:
    for trial in trials:
        if trial.state in (FAILED, LOST):
            yield Failure(trial, trial.why or trial.state)
        elif trial.rated and trial.objective is not None:
            images, classes = measurements.of(trial)
            right = round(trial.objective * images)
            if images and guessing(right, images, classes) > BETTER_THAN_GUESSING:
                why = f"{right:,} of {images:,} images right, which is no more than guessing among {classes} gets"
                yield Failure(trial, why)


def _group(name: str, value: Any, has: Array, bad: Array) -> FailureGroup:
    """The test for one value.  Shapes  has, bad (n,) bool: which configurations have it, which failed"""
    failed, of, all_failed = int(np.sum(has & bad)), int(has.sum()), int(bad.sum())
    elsewhere, others = all_failed - failed, len(bad) - of
    p = float(fisher_exact([[failed, of - failed], [elsewhere, others - elsewhere]], "greater").pvalue)
    return FailureGroup(name, value, failed, of, p, elsewhere, others)
