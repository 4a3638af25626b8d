"""Everything that the trials of a sweep tell."""

from collections import Counter
from collections.abc import Sequence

from handgrad.sweeps.analysis.configurations import configurations
from handgrad.sweeps.analysis.leaderboard import leaderboard
from handgrad.sweeps.analysis.measured import Measurements
from handgrad.sweeps.analysis.result import Analysis
from handgrad.sweeps.analysis.timeline import timeline
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial


def analyse(sweep: Sweep, trials: Sequence[Trial]) -> Analysis:
    """What a report of the sweep says, from the trials alone; the order in which they are given does not matter."""
    ranked, measurements = configurations(sweep, trials), Measurements(sweep)
    return Analysis(
        metric=sweep.definition.metric,
        states=dict(sorted(Counter(trial.state for trial in trials).items())),
        entries=leaderboard(sweep, ranked, measurements),
        timeline=timeline(sweep, trials),
    )
