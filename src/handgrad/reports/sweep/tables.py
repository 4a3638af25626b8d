"""A sweep as tables for other programs, numbers with all their digits."""

from typing import Any

from handgrad.figures import Table
from handgrad.reports.blocks import spelled
from handgrad.reports.sweep.data import SweepData


def leaderboard_table(data: SweepData) -> Table:
    """A row a configuration."""
    names = tuple(data.sweep.definition.varying)
    interval = (data.analysis.metric.name, "low", "high", "interval over")
    rows = (
        (
            entry.rank,
            *entry.objective[:3],
            entry.over,
            "yes" if entry.tied else "no",
            " ".join(str(trial.number) for trial in entry.trials),
            entry.seconds,
            *(_exact(entry.values[name]) for name in names),
            entry.command,
        )
        for entry in data.analysis.entries
    )
    return Table(("rank", *interval, "tied with the best", "trials", "seconds", *names, "command"), rows)


def trials_table(data: SweepData) -> Table:
    """A row a trial, failed ones included."""
    names = tuple(data.sweep.definition.varying)
    head = ("trial", "run", "state", data.analysis.metric.name, "seed", "began", "seconds", "epochs")
    stop = ("stopped at rung", "value", "threshold", "trials there")
    rows = (
        (
            *(trial.number, trial.run, trial.state, trial.objective, trial.seed, trial.began, trial.seconds),
            len(trial.epochs),
            *(
                (trial.stop.rung, trial.stop.value, trial.stop.threshold, trial.stop.reached)
                if trial.stop
                else [None] * 4
            ),
            trial.why,
            *(_exact(trial.values[name]) for name in names),
        )
        for trial in data.trials
    )
    return Table((*head, *stop, "why", *names), rows)


def _exact(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else spelled(value)
