"""The ranking of a sweep that is over, and the test accuracy of the configurations that validation has chosen.

sweeps/NAME/chosen.json lists every configuration that was ever evaluated on the test images, so that nobody can take
the best of many for the result of one.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.evaluation import Interval, Predictions, mean_share, wilson
from handgrad.files import atomic_write
from handgrad.runs import InterruptedRunError, Run
from handgrad.runs.predictions import Watch, predictions_of_all
from handgrad.sweeps.analysis.leaderboard import Measurements, configurations, leaderboard
from handgrad.sweeps.analysis.result import IMAGES, SEEDS, Entry
from handgrad.sweeps.database import is_driven
from handgrad.sweeps.executors.protocol import INTERRUPTED, EpochEnded, Task
from handgrad.sweeps.executors.run_trial import run_trial
from handgrad.sweeps.folder import Sweep, read_stored
from handgrad.sweeps.trial import RUNNING, STOPPED, Trial


def ranking(sweep: Sweep) -> tuple[Entry, ...]:
    """Every configuration with a result; the test images are not looked at.

    Raises  FileSystemError while the sweep is driven; UsageError when it has no result yet.
    """
    trials = sweep.trials()
    if is_driven(sweep.storage_url, {trial.driver for trial in trials if trial.state == RUNNING}):
        raise FileSystemError(f"{sweep.path} is still running: wait for its end, or stop it with Ctrl-C")
    entries = leaderboard(sweep, configurations(sweep, trials), Measurements(sweep))
    if not entries:
        raise UsageError(f"{sweep.path} has no finished trial yet: go on with `handgrad sweep resume {sweep.path}`")
    return entries


def first_of(entries: Sequence[Entry], top: int) -> Sequence[Entry]:
    """The best `top` of them.  Raises  UsageError when there are fewer."""
    if top > len(entries):
        raise UsageError(f"top must be at most {len(entries)}, the configurations with a result, got {top} (--top)")
    return entries[:top]


def of_trial(entries: Sequence[Entry], number: int) -> Entry:
    """The configuration of a trial.  Raises  UsageError when it has no result."""
    for entry in entries:
        if number in {trial.number for trial in entry.trials}:
            return entry
    best = entries[0].trials[0].number
    raise UsageError(f"trial {number} has no result; the best is trial {best} (--trial)")


class Kept(NamedTuple):
    """The run of a trial, whose folder has its network; `note` says where it was trained again, and what came of it."""

    trial: Trial
    run: Run
    note: str = ""


Log = Callable[[str], None]
"""Hears that a network is trained again, which takes its time."""


def networks(sweep: Sweep, trials: Iterable[Trial], log: Log = lambda line: None) -> list[Kept]:
    """The runs of the trials.  Raises  UsageError when one cannot be trained again; InterruptedRunError."""
    return [_kept(sweep, trial, log) for trial in trials]


def _kept(sweep: Sweep, trial: Trial, log: Log) -> Kept:
    run = sweep.run(trial)
    if run.model_file.exists():
        return Kept(trial, run)
    why = "its network is missing" if run.path.exists() else "it ran on another machine"
    log(f"{trial.run}: {why}, so it is trained again")
    objective = _train_again(sweep, trial)
    metric = sweep.definition.metric.name
    return Kept(
        trial, run, f"{trial.run}: {why}; trained again, {metric} {objective:.4f}, {trial.objective:.4f} before"
    )


def _train_again(sweep: Sweep, trial: Trial) -> float:
    config = sweep.config(trial).replaced(track=())
    last = max(trial.epochs, default=config.epochs) if trial.state == STOPPED else config.epochs
    task = Task(trial.number, config.to_mapping(), sweep.definition.metric.name, (last,))
    ended = run_trial(task, StopAfter(last, config))
    if ended.how == INTERRUPTED:
        raise InterruptedRunError(f"stopped while {trial.run} was trained again, saved: the same command goes on", 2)
    if ended.objective is None:
        raise UsageError(f"{trial.run} cannot be trained again here: {ended.how}, {ended.message}")
    return ended.objective


class StopAfter:
    """A trial's Reporter that ends it where it was stopped in its sweep."""

    def __init__(self, epoch: int, config: RunConfig) -> None:
        self.epoch, self.stops = epoch, epoch < config.epochs

    def epoch_ended(self, event: EpochEnded) -> str:
        return "where the sweep stopped it" if self.stops and event.epoch >= self.epoch else ""

    def interrupted(self) -> bool:
        """Signals reach the training by themselves."""
        return False


FILE = "chosen.json"
REMEDY = (
    "Put it back as it was; if you delete it, nobody sees how many configurations were looked at on the test images"
)


def evaluate_on_test(
    sweep: Sweep, entries: Sequence[Entry], log: Log = print, watch: Watch = iter
) -> list[dict[str, Any]]:
    """The records of the configurations in chosen.json; networks that it lacks are evaluated now, each once.

    Raises  as `networks` and `predictions_of`; CorruptDataError for a damaged chosen.json.
    """
    known = {each["run"] for record in read_chosen(sweep) for each in record["networks"]}
    missing = [trial for entry in entries for trial in entry.trials if trial.run not in known]
    if missing:
        kept = networks(sweep, missing, log)
        record(sweep, entries, kept, predictions_of_all([each.run for each in kept], "test", None, watch))
    records = {record["run"]: record for record in read_chosen(sweep)}
    return [records[entry.trials[0].run] for entry in entries]


def record(sweep: Sweep, entries: Sequence[Entry], kept: Sequence[Kept], predictions: Sequence[Predictions]) -> None:
    """Add to chosen.json what networks of the configurations said of the test images; what it knows already stays."""
    known = {each["run"]: each for record in read_chosen(sweep) for each in record["networks"]}
    for each, said in zip(kept, predictions, strict=True):
        known.setdefault(each.trial.run, _network(each, said))
    records = {record["run"]: record for record in read_chosen(sweep)}
    for entry in entries:
        evaluated = [known[trial.run] for trial in entry.trials if trial.run in known]
        if len(evaluated) > len(records.get(entry.trials[0].run, {}).get("networks", ())):
            records[entry.trials[0].run] = _record(entry, evaluated)
    stored = {
        "looked_at": len(records),
        "chosen_by": sweep.definition.metric.name,
        "configurations": list(records.values()),
    }
    atomic_write(chosen_file(sweep), json.dumps(stored, indent=2) + "\n")


def read_chosen(sweep: Sweep) -> list[dict[str, Any]]:
    """Every configuration that was looked at on the test images; none where nobody has looked."""
    path = chosen_file(sweep)
    if not os.path.lexists(path):
        return []
    try:
        records = list(read_stored(path, REMEDY)["configurations"])
        for record in records:
            record["run"], *(each["run"] for each in record["networks"])
    except (KeyError, TypeError) as error:
        raise CorruptDataError(f"{path} is damaged: {error!r}. {REMEDY}") from error
    return records


def chosen_file(sweep: Sweep) -> Path:
    """Where it is kept."""
    return sweep.path / FILE


def _network(kept: Kept, predictions: Predictions) -> dict[str, Any]:
    trial, right, images = kept.trial, int(predictions.right.sum()), len(predictions.labels)
    own = {"trial": trial.number, "run": trial.run, "seed": trial.seed, "test_accuracy": right / images}
    return own | {"right": right, "images": images} | ({"note": kept.note} if kept.note else {})


def _record(entry: Entry, evaluated: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A configuration: its only network with Wilson's interval, or the mean over its seeds with Student's."""
    interval, over = _accuracy(evaluated)
    first: Trial = entry.trials[0]
    return {
        "trial": first.number,
        "run": first.run,
        "values": entry.values,
        "rank": entry.rank,
        "objective": entry.objective.mean,
        "test_accuracy": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "over": over,
        "images": evaluated[0]["images"],
        "networks": list(evaluated),
    }


def _accuracy(evaluated: Sequence[dict[str, Any]]) -> tuple[Interval, str]:
    if len(evaluated) > 1:
        return mean_share([each["test_accuracy"] for each in evaluated]), SEEDS
    return wilson(evaluated[0]["right"], evaluated[0]["images"]), IMAGES
