"""How the objective moves while a sweep goes on."""

import math
from collections.abc import Sequence

from scipy.stats import linregress

from handgrad.evaluation import Interval, student
from handgrad.sweeps.analysis.configurations import told
from handgrad.sweeps.analysis.result import Timeline
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial

FEWEST = 3  # two trials always lie on a line


def timeline(sweep: Sweep, trials: Sequence[Trial]) -> Timeline | None:
    """Objective against the time of creation, with its least-squares line; None without an objective."""
    rated = sorted((trial for trial in trials if trial.rated), key=lambda trial: (trial.began, trial.number))
    if not rated:
        return None
    start = min(trial.began for trial in trials)
    points = tuple((trial.began - start, told(sweep, trial.objective or 0.0), trial.number) for trial in rated)
    best = max if sweep.definition.metric.goal == "maximize" else min
    running = tuple((points[i][0], best(value for _, value, _ in points[: i + 1])) for i in range(len(points)))
    return Timeline(points, running, *_line([x / 3600 for x, _, _ in points], [y for _, y, _ in points]))


def _line(hours: Sequence[float], values: Sequence[float]) -> tuple[Interval, float, float]:
    """Slope, intercept and the p-value of no slope; NaN where the times do not tell."""
    if len(hours) < FEWEST or max(hours) == min(hours):
        return Interval(math.nan, math.nan, math.nan, len(hours)), math.nan, math.nan
    fit = linregress(hours, values)
    half = student(len(hours) - 2) * float(fit.stderr)
    slope = float(fit.slope)
    return Interval(slope, slope - half, slope + half, len(hours)), float(fit.intercept), float(fit.pvalue)
