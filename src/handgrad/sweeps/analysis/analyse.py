"""The whole analysis of a sweep, from its trials."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from handgrad.sweeps.analysis.effects import effects, restrict
from handgrad.sweeps.analysis.importance import correlations, importances
from handgrad.sweeps.analysis.leaderboard import (
    Measurements,
    configurations,
    failure_groups,
    failures,
    leaderboard,
    timeline,
)
from handgrad.sweeps.analysis.model import factors
from handgrad.sweeps.analysis.recommendation import fit_surrogate, recommendation
from handgrad.sweeps.analysis.result import Analysis
from handgrad.sweeps.analysis.wording import UNMOVED, notes, observations
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial


def analyse(sweep: Sweep, trials: Sequence[Trial]) -> Analysis:
    """What a report of the sweep says, from the trials alone; the order in which they are given does not matter."""
    trials = sorted(trials, key=lambda trial: trial.number)
    ranked, measurements = configurations(sweep, trials), Measurements(sweep)
    values = [each.values for each in ranked]
    found = factors(sweep.definition, values)
    space = restrict(found, ranked, 1 if sweep.definition.metric.goal == "maximize" else -1)
    surrogate = fit_surrogate(sweep, space, ranked, measurements)
    noise = [surrogate.noise(each.mean) for each in ranked] if surrogate else []
    entries = leaderboard(sweep, ranked, measurements, noise)
    failed = failures(trials, measurements)
    groups = failure_groups(sweep, trials, failed)
    found_effects, course = effects(space), timeline(sweep, trials)
    adaptive = sweep.settings.method not in UNMOVED
    whole = importances(found, values, space.y, sweep.definition)
    rest = [values[i] for i in np.flatnonzero(space.rows).tolist()]
    return Analysis(
        metric=sweep.definition.metric,
        states=dict(sorted(Counter(trial.state for trial in trials).items())),
        entries=entries,
        timeline=course,
        importances=whole,
        restricted_importances=importances(factors(sweep.definition, rest), rest, space.y[space.rows], sweep.definition)
        if space.degenerate
        else whole,
        correlations=correlations(found, values, space.y),
        effects=found_effects,
        degenerate_levels=tuple((found[i].name, found[i].levels[level]) for i, level in space.degenerate),
        observations=observations(sweep.definition.metric, found_effects, groups, course if adaptive else None),
        failures=failed,
        failure_groups=groups,
        recommendation=recommendation(sweep, entries, space, found_effects, surrogate),
        notes=tuple(notes(sweep, trials, ranked, space, failed)),
    )
