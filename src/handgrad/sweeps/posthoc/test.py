"""The ranking of a sweep that is over, and the test accuracy of what validation has chosen, networks or ensembles.

sweeps/NAME/chosen.json lists every configuration that was ever evaluated on the test images, so that nobody can take
the best of many for the result of one.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.evaluation import (
    Interval,
    McNemar,
    Predictions,
    ensemble,
    mcnemar,
    mean_share,
    same_images,
    select_greedily,
    wilson,
)
from handgrad.files import write_object
from handgrad.runs import InterruptedRunError, Run
from handgrad.runs.executor.protocol import INTERRUPTED, EpochEnded, TaskProgress
from handgrad.runs.executor.worker import perform
from handgrad.runs.predictions import Progress, predictions_of_all
from handgrad.sweeps.analysis.leaderboard import Measurements, configurations, leaderboard
from handgrad.sweeps.analysis.result import IMAGES, SEEDS, Entry
from handgrad.sweeps.database import is_driven
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.run_trial import run_trial, task_of
from handgrad.sweeps.settings import read_stored
from handgrad.sweeps.store import RUNNING, STOPPED, Trial

Log = Callable[[str], None]
"""Hears that a network is trained again, which takes its time."""
FILE = "chosen.json"
REMEDY = (
    "Put it back as it was; if you delete it, nobody sees how many configurations were looked at on the test images"
)
SELECTIONS: dict[str, Callable[[Sequence[Predictions]], list[int]]] = {
    "all": lambda library: list(range(len(library))),
    "greedy": select_greedily,
}


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


def networks(sweep: Sweep, trials: Iterable[Trial], log: Log = lambda line: None) -> list[Kept]:
    """The runs of the trials.  Raises  UsageError when one cannot be trained again; InterruptedRunError."""
    kept = []
    for trial in trials:
        run, note = sweep.run(trial), ""
        if not run.model_file.exists():
            why = "its network is missing" if run.path.exists() else "it ran on another machine"
            log(f"{trial.run}: {why}, so it is trained again")
            objective = f"{sweep.definition.metric.name} {_retrain(sweep, trial):.4f}"
            note = f"{trial.run}: {why}; trained again, {objective}, {trial.objective:.4f} before"
        kept.append(Kept(trial, run, note))
    return kept


def _retrain(sweep: Sweep, trial: Trial) -> float:
    config = sweep.config(trial).replaced(track=())
    last = max(trial.epochs, default=config.epochs) if trial.state == STOPPED else config.epochs
    task = task_of(trial.number, config, sweep.definition.metric.name, [last])
    ended = perform(run_trial, task, StopAfter(last, config))
    if ended.how == INTERRUPTED:
        raise InterruptedRunError(f"stopped while {trial.run} was trained again, saved: the same command resumes it", 2)
    if ended.objective is None:
        raise UsageError(f"{trial.run} cannot be trained again here: {ended.how}, {ended.message}")
    return ended.objective


class StopAfter:
    """A trial's Reporter that ends it where it was stopped in its sweep."""

    def __init__(self, epoch: int, config: RunConfig) -> None:
        self.epoch, self.stops = epoch, epoch < config.epochs

    def report(self, event: EpochEnded | TaskProgress) -> str:
        late = isinstance(event, EpochEnded) and event.epoch >= self.epoch
        return "where the sweep stopped it" if self.stops and late else ""

    def interrupted(self) -> bool:
        """Signals reach the training by themselves."""
        return False


def evaluate_on_test(
    sweep: Sweep, entries: Sequence[Entry], log: Log = print, watch: Progress = iter
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
    for (trial, _, note), said in zip(kept, predictions, strict=True):
        right, images = int(said.right.sum()), len(said.labels)
        own = {"trial": trial.number, "run": trial.run, "seed": trial.seed, "test_accuracy": right / images}
        known.setdefault(trial.run, own | {"right": right, "images": images} | ({"note": note} if note else {}))
    records = {record["run"]: record for record in read_chosen(sweep)}
    for entry in entries:
        evaluated = [known[trial.run] for trial in entry.trials if trial.run in known]
        if len(evaluated) > len(records.get(entry.trials[0].run, {}).get("networks", ())):
            records[entry.trials[0].run] = _record(entry, evaluated)
    stored = {"tested": len(records), "chosen_by": sweep.definition.metric.name}
    write_object(chosen_file(sweep), {**stored, "configurations": list(records.values())})


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


def _record(entry: Entry, evaluated: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A configuration: its only network with Wilson's interval, or the mean over its seeds with Student's."""
    first, only, over = entry.trials[0], evaluated[0], SEEDS if len(evaluated) > 1 else IMAGES
    interval = mean_share([each["test_accuracy"] for each in evaluated])
    interval = wilson(only["right"], only["images"]) if over == IMAGES else interval
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
        "images": only["images"],
        "networks": list(evaluated),
    }


class Member(NamedTuple):
    """A network, and how often it counts; `validation` and `test` are its accuracies."""

    kept: Kept
    rank: int
    weight: int
    validation: Interval
    test: Interval

    def to_mapping(self) -> dict[str, Any]:
        trial = self.kept.trial
        return {
            "trial": trial.number,
            "run": trial.run,
            "values": trial.values,
            "rank": self.rank,
            "weight": self.weight,
            "validation_accuracy": self.validation.to_mapping(),
            "test_accuracy": self.test.to_mapping(),
        } | ({"note": self.kept.note} if self.kept.note else {})


class Outcome(NamedTuple):
    """An ensemble chosen among `candidates` networks, and how it compares to its best member on test images.

    `members` stand in the order of the sweep's ranking, so that validation has chosen the first one to compare with.
    `validation` is None where the members held out different images.
    """

    select: str
    candidates: int
    members: tuple[Member, ...]
    validation: Interval | None
    test: Interval
    gain: McNemar

    def to_mapping(self) -> dict[str, Any]:
        return {
            "select": self.select,
            "candidates": self.candidates,
            "validation_accuracy": self.validation.to_mapping() if self.validation else None,
            "test_accuracy": self.test.to_mapping(),
            "images": self.test.size,
            "against_best_member": self.gain.to_mapping(),
            "members": [member.to_mapping() for member in self.members],
        }


def evaluate_ensemble(
    sweep: Sweep, entries: Sequence[Entry], select: str = "all", log: Log = print, watch: Progress = iter
) -> Outcome:
    """Choose among one network of each configuration by validation images, and ask those chosen about the test images.

    One each: the first replicates share their seed, and with it the images that they held out. The members' test
    accuracies are written down in chosen.json, the outcome in ensemble/.

    Raises  UsageError for fewer than two networks; as `networks` and `predictions_of`.
    """
    if len(entries) < 2:
        raise UsageError(f"an ensemble needs two configurations or more, got {len(entries)} (--top)")
    kept = networks(sweep, [entry.trials[0] for entry in entries], log)
    held_out = predictions_of_all([each.run for each in kept], "validation", None, watch)
    picks = SELECTIONS[select](held_out)
    chosen = sorted(set(picks))
    runs = [kept[place].run for place in chosen]
    tested = predictions_of_all(runs, "test", None, watch)
    weights = [picks.count(place) for place in chosen]
    together, alike = _together(tested, weights), all(same_images(held_out[chosen[0]], held_out[i]) for i in chosen)
    outcome = Outcome(
        select,
        len(kept),
        tuple(
            Member(kept[place], entries[place].rank, weight, _accuracy(held_out[place]), _accuracy(said))
            for place, weight, said in zip(chosen, weights, tested, strict=True)
        ),
        _accuracy(_together([held_out[place] for place in chosen], weights)) if alike else None,
        _accuracy(together),
        mcnemar(together.right, tested[0].right),
    )
    record(sweep, [entries[place] for place in chosen], [kept[place] for place in chosen], tested)
    path = outcome_file(sweep, outcome)
    path.parent.mkdir(exist_ok=True)
    write_object(path, outcome.to_mapping())
    return outcome


def outcome_file(sweep: Sweep, outcome: Outcome) -> Path:
    """Where it is kept, such as ensemble/all_5.json."""
    return sweep.path / "ensemble" / f"{outcome.select}_{outcome.candidates}.json"


def _together(predictions: Sequence[Predictions], weights: Sequence[int]) -> Predictions:
    return ensemble([each for each, weight in zip(predictions, weights, strict=True) for _ in range(weight)])


def _accuracy(predictions: Predictions) -> Interval:
    return wilson(int(predictions.right.sum()), len(predictions.labels))
