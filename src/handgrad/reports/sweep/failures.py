"""What went wrong, and what was not worth finishing."""

from collections import Counter

from handgrad.reports.blocks import Block, Section, Table, Text, spelled
from handgrad.reports.sweep.data import SweepData, in_words
from handgrad.reports.sweep.facts import chance, counted, duration
from handgrad.sweeps.trial import STOPPED, Trial

MOST = 12  # rows of a table; all of them stand in trials.csv
GUESSED = "no better than guessing"


def failures_section(data: SweepData) -> Section:
    """Failures with their reasons, values that go with them; early stops with theirs, and what they saved."""
    blocks = [*_failures(data), *_groups(data), *_stops(data)]
    return Section("failures", "Failures and early stops", blocks)


def _failures(data: SweepData) -> list[Block]:
    failures = data.analysis.failures
    if not failures:
        return [Text("No trial failed, and none was as bad as guessing.")] if data.rated else []
    kinds = Counter(GUESSED if each.trial.rated else each.trial.state for each in failures)
    parts = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    summary = f"{len(failures):,} of {counted(len(data.trials), 'trial')} failed: {parts}."
    rows = [(str(each.trial.number), each.why, in_words(each.trial.values)) for each in failures[:MOST]]
    caption = "Trials that failed" + _first(len(failures))
    return [Text(summary), Table(("trial", "why", "values"), rows, caption, ("why", "values"), compact=True)]


def _first(count: int) -> str:
    return f"; the first {MOST}" if count > MOST else ""


def _groups(data: SweepData) -> list[Block]:
    groups = data.analysis.failure_groups
    if not groups:
        return []
    rows = [
        (each.name.replace("_", " "), spelled(each.value), f"{each.failed} of {each.of}", chance(each.p))
        for each in groups
    ]
    caption = "Values that failures have more often than chance explains; p after Holm's correction"
    return [Table(("parameter", "value", "failed", "p"), rows, caption, ("parameter", "value"))]


def _stops(data: SweepData) -> list[Block]:
    stopped = [trial for trial in data.trials if trial.state == STOPPED and trial.stop]
    if not stopped:
        return []
    rows = [_stop_row(data, trial) for trial in stopped[:MOST]]
    header = ("trial", "after epoch", data.measure.label, "threshold", "of trials there", "values")
    caption = "Early stops, each with what it was measured by" + _first(len(stopped))
    return [Text(_saved(data, stopped)), Table(header, rows, caption, ("values",), compact=True)]


def _stop_row(data: SweepData, trial: Trial) -> tuple[str, ...]:
    stop, measure = trial.stop, data.measure
    if stop is None:
        return ()
    value, threshold = (f"{measure.factor * each:.{measure.digits}f}" for each in (stop.value, stop.threshold))
    return str(trial.number), str(stop.rung), value, threshold, str(stop.reached), in_words(trial.values)


def _saved(data: SweepData, stopped: list[Trial]) -> str:
    """In epochs, which are counted, and in time, taking the epochs that were not run to be like those that were."""
    epochs = {trial.number: data.sweep.config(trial).epochs for trial in data.trials if trial.rated}
    saved = sum(epochs[trial.number] - trial.stop.rung for trial in stopped if trial.stop)
    seconds = sum(
        trial.seconds / trial.stop.rung * (epochs[trial.number] - trial.stop.rung) for trial in stopped if trial.stop
    )
    rule = data.sweep.definition.early_terminate
    eta = f"{rule.eta:g}" if rule else "eta"
    were = "was" if len(stopped) == 1 else "were"
    return (
        f"{len(stopped):,} of {counted(len(epochs), 'trial')} {were} stopped early, being worse than the value at rank "
        f"1/{eta} of those that had got as far. That saved {saved:,} of "
        f"{sum(epochs.values()):,} epochs, about {duration(seconds)} of training."
    )
