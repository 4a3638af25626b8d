"""Everything that the trials of a sweep tell."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from handgrad.sweeps.analysis.configurations import configurations
from handgrad.sweeps.analysis.correlation import correlations
from handgrad.sweeps.analysis.effects import effects
from handgrad.sweeps.analysis.factors import factors
from handgrad.sweeps.analysis.failures import failure_groups, failures
from handgrad.sweeps.analysis.importance import importances
from handgrad.sweeps.analysis.leaderboard import leaderboard
from handgrad.sweeps.analysis.measured import Measurements
from handgrad.sweeps.analysis.notes import UNMOVED, notes
from handgrad.sweeps.analysis.observations import observations
from handgrad.sweeps.analysis.recommendation import recommendation, surrogate
from handgrad.sweeps.analysis.result import Analysis, Importance
from handgrad.sweeps.analysis.timeline import timeline
from handgrad.sweeps.analysis.zoom import Zoom, zoom
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial


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
        notes=tuple(notes(sweep, trials, ranked, seen, failed)),
    )


def _zoomed(sweep: Sweep, values: Sequence[dict[str, Any]], seen: Zoom) -> tuple[Importance, ...]:
    rest = [values[i] for i in np.flatnonzero(seen.rows).tolist()]
    return importances(factors(sweep.definition, rest), rest, seen.y[seen.rows], sweep.definition)
