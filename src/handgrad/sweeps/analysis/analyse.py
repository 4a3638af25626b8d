"""Everything that the trials of a sweep tell."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from handgrad.sweeps.analysis.additive import FEWEST, SPARE
from handgrad.sweeps.analysis.configurations import Configuration, configurations
from handgrad.sweeps.analysis.correlation import correlations
from handgrad.sweeps.analysis.effects import effects
from handgrad.sweeps.analysis.factors import factors
from handgrad.sweeps.analysis.failures import failure_groups, failures
from handgrad.sweeps.analysis.importance import FEWEST as FEWEST_FOR_IMPORTANCE
from handgrad.sweeps.analysis.importance import importances
from handgrad.sweeps.analysis.leaderboard import leaderboard
from handgrad.sweeps.analysis.measured import Measurements
from handgrad.sweeps.analysis.observations import observations
from handgrad.sweeps.analysis.phrases import listed, phrase
from handgrad.sweeps.analysis.recommendation import recommendation, surrogate
from handgrad.sweeps.analysis.result import Analysis, Failure, Importance
from handgrad.sweeps.analysis.timeline import timeline
from handgrad.sweeps.analysis.zoom import SAME, Zoom, zoom
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import STOPPED, Trial

UNMOVED = ("grid", "random")  # searches that look at no result


def analyse(sweep: Sweep, trials: Sequence[Trial]) -> Analysis:
    """What a report of the sweep says, from the trials alone; the order in which they are given does not matter."""
    trials = sorted(trials, key=lambda trial: trial.number)
    ranked, measurements = configurations(sweep, trials), Measurements(sweep)
    values = [each.values for each in ranked]
    found = factors(sweep.definition, values)
    seen = zoom(found, ranked, 1 if sweep.definition.metric.goal == "maximize" else -1)
    learned = surrogate(sweep, seen, ranked, measurements)
    noise = [learned.noise(each.mean) for each in ranked] if learned else []
    entries = leaderboard(sweep, ranked, measurements, noise)
    failed = failures(trials, measurements)
    groups = failure_groups(sweep, trials, failed)
    told, course = effects(seen), timeline(sweep, trials)
    adaptive = sweep.settings.brain not in UNMOVED
    whole = importances(found, values, seen.y, sweep.definition)
    return Analysis(
        metric=sweep.definition.metric,
        states=dict(sorted(Counter(trial.state for trial in trials).items())),
        entries=entries,
        timeline=course,
        importances=whole,
        zoomed=_zoomed(sweep, values, seen) if seen.ruins else whole,
        correlations=correlations(found, values, seen.y),
        effects=told,
        ruinous=tuple((found[i].name, found[i].levels[level]) for i, level in seen.ruins),
        observations=observations(sweep.definition.metric, told, groups, course if adaptive else None),
        failures=failed,
        failure_groups=groups,
        recommendation=recommendation(sweep, entries, seen, told, learned),
        notes=tuple(_notes(sweep, trials, ranked, seen, failed)),
    )


def _zoomed(sweep: Sweep, values: Sequence[dict[str, Any]], seen: Zoom) -> tuple[Importance, ...]:
    rest = [values[i] for i in np.flatnonzero(seen.rows).tolist()]
    return importances(factors(sweep.definition, rest), rest, seen.y[seen.rows], sweep.definition)


def _notes(
    sweep: Sweep, trials: Sequence[Trial], ranked: Sequence[Configuration], seen: Zoom, failed: Sequence[Failure]
) -> Iterator[str]:
    """What was left out, and what a reader may take for more than it is."""
    if not ranked:
        yield "No trial has an objective yet."
        return
    if seen.ruins:
        pairs = listed([phrase(seen.factors[i].name, seen.factors[i].levels[level]) for i, level in seen.ruins])
        yield (
            f"Effects are those among the {int(seen.rows.sum()):,} of {len(ranked):,} configurations without {pairs}, "
            "beside which all other differences would look like none."
        )
    yield from _few(seen, ranked)
    stopped = sum(trial.state == STOPPED for trial in trials)
    if stopped:
        yield (
            f"{stopped:,} trials were stopped early and count with what they had reached, so that what made them slow "
            "looks worse than at the end of a training."
        )
    lost = sum(not failure.trial.rated for failure in failed)
    if lost:
        yield f"{lost:,} trials have no objective and count only among the failures."
    if sweep.settings.brain not in UNMOVED:
        yield (
            "The search went where results were good, so parameters did not vary independently: effects are adjusted "
            "for each other, correlations are not."
        )
    if all(len(each.trials) == 1 for each in ranked):
        yield "Each configuration was run with one seed: how much the seed changes is not known. Give --seeds 3."


def _few(seen: Zoom, ranked: Sequence[Configuration]) -> Iterator[str]:
    rare = int(seen.rows.sum()) - max((len(model.y) for model in seen.models), default=0)
    if seen.models and rare:
        yield f"{rare:,} configurations have a value that fewer than {FEWEST} have, and count for no effect."
    if len(ranked) < FEWEST_FOR_IMPORTANCE:
        yield f"Too few configurations for importances: {len(ranked):,}, and {FEWEST_FOR_IMPORTANCE} are needed."
    if len(ranked) > 1 and not seen.models and np.ptp(seen.y[seen.rows]) <= SAME:
        yield "All configurations reached the same, so no parameter had an effect."
    elif not seen.models:
        yield f"Too few configurations for effects: each value needs {FEWEST}, and all of them at least {SPARE} more."
    elif not seen.adjusted:
        yield (
            "There are too few configurations to take the parameters apart: each effect is that of its parameter "
            "alone, and may be due to others."
        )
