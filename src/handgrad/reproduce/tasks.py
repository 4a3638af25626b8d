"""The tasks of a recipe, runs and sweeps: their configurations, what is left to do of each, and doing it."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

from handgrad.claims.document import Document, Experiment
from handgrad.claims.questions import Found, choice
from handgrad.config import RunConfig
from handgrad.config.lookup import field_aliases, setting_name
from handgrad.config.schema import REPLACED_BY_LAYERS, filled
from handgrad.errors import ERROR, HandgradError, UsageError
from handgrad.files import read_object, write_object
from handgrad.runs import Run
from handgrad.runs.executor import protocol
from handgrad.runs.executor.local import complete_all
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, Reporter
from handgrad.runs.executor.worker import ProgressReports, complete_run, run_of
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.diagnostics import Plan, diagnose_sweep
from handgrad.sweeps.driver import SweepCallback, SweepProgress
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, open_sweep
from handgrad.sweeps.posthoc.test import evaluate_on_test, ranking
from handgrad.sweeps.posthoc.transfer import choose
from handgrad.sweeps.samplers import require
from handgrad.sweeps.search import run_sweep
from handgrad.text import squashed
from handgrad.training.models import save_weights

DIVERGED = "diverged"
WEIGHTS = "weights.npz"
OVER = "over.json"
FUNCTION = f"{__name__}:finish"
ORDERS: dict[str, Callable[[Sweep, Sequence[Entry], int], list[Entry]]] = {
    "best": lambda _sweep, entries, _count: list(entries),
    "worst": lambda _sweep, entries, _count: list(entries[::-1]),
    "diverse": lambda sweep, entries, count: [
        pick.entry for pick in choose(entries, count, sweep.definition, sweep.base).picks
    ],
}


class Display(Protocol):
    """Shows how far the runs are."""

    def moved(self, name: str, share: float) -> None:
        """A run is so far, from 0 to 1."""

    def ended(self, name: str, failure: str) -> None:
        """A run or sweep is over; `failure` says in one line why it has no result."""


def write_weights(configs: Sequence[RunConfig]) -> int:
    """Each network's weights as weights.npz in its run's folder, and how many there are; other models have none.

    Raises  FileSystemError, CorruptDataError.
    """
    runs = [run for run in map(run_of, configs) if run.model_file.exists()]
    for run in runs:
        if not (run.path / WEIGHTS).exists():
            save_weights(run.load_model(), run.path / WEIGHTS)
    return len(runs)


def failure_of(run: Run) -> str:
    """Why a run that is over has no result; nothing for one that has, or is not over."""
    return "training diverged" if run.metrics.get("stopped") == DIVERGED else ""


def run_is_over(config: RunConfig) -> bool:
    """Whether nothing is left to do of a run."""
    run = run_of(config)
    return run.complete or bool(failure_of(run))


def digest_of(*parts: Mapping[str, Any]) -> str:
    """Eight digits for settings; those that are off or empty do not count, so one that is added later changes none."""
    on = [{name: value for name, value in part.items() if value} for part in parts]
    return hashlib.sha256(json.dumps(on, sort_keys=True).encode()).hexdigest()[:8]


class PlannedSweep(NamedTuple):
    """A sweep of a recipe; its folder's name tells its space, but not how many trials it is to have."""

    folder: Path
    label: str
    definition: SweepDefinition
    base: RunConfig
    settings: Settings

    @property
    def name(self) -> str:
        """The folder's name, and the sweep's."""
        sweep = {name: part for name, part in self.definition.to_mapping().items() if name != "notices"}
        search = {"method": self.settings.method, "seed": self.settings.seed}
        return f"{self.label}-{digest_of(sweep, filled(self.base), search)}"

    def to_mapping(self) -> dict[str, Any]:
        """As plain data."""
        parts = {"folder": str(self.folder), "label": self.label, "definition": self.definition.to_mapping()}
        return {**parts, "base": self.base.to_mapping(), "settings": dataclasses.asdict(self.settings)}

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> Self:
        """What `to_mapping` made."""
        definition, base = SweepDefinition.from_mapping(mapping["definition"]), RunConfig(**mapping["base"])
        return cls(Path(mapping["folder"]), mapping["label"], definition, base, Settings(**mapping["settings"]))

    @property
    def sweep(self) -> Sweep:
        """The sweep, whether it is there or not."""
        return Sweep(self.folder / self.name, self.definition, self.base, self.settings)

    @property
    def wanted(self) -> int:
        """How many trials there are to be."""
        return self.sweep.wanted or 0

    @property
    def begun(self) -> int:
        """How many trials have a folder."""
        return min(self.wanted, sum(1 for _ in self.sweep.runs_dir.glob("*")))

    @property
    def over(self) -> bool:
        """Whether nothing is left to do: a sweep may end with fewer trials than are wanted, where there are no more."""
        try:
            return bool(read_object(self.sweep.path / OVER)["trials"] >= self.wanted)
        except (HandgradError, KeyError, TypeError):
            return False


def plan_sweep(document: Document, name: str, folder: Path, dataset: str | None) -> PlannedSweep:
    """The sweep called `name`, on another `dataset` where one is given.

    Raises  UsageError with the place, for a file that is no sweep, settings that cannot be, and errors of the
            diagnostics; or when Optuna is missing.
    """
    search = document.sweeps[name]
    if search.file is not None and search.file not in BUNDLED and not Path(search.file).exists():
        wrong = choice("sweep file", search.file, BUNDLED)
        raise UsageError(f"sweeps.{name}.file: {wrong}; or give a file, seen from the recipe")
    held = search.settings | ({"dataset": dataset} if dataset is not None else {})
    base = with_settings(sweep_base(document, name), held, f"sweeps.{name}.settings")
    try:
        rows = {each: row if isinstance(row, Mapping) else {"values": row} for each, row in search.space.items()}
        metric = {"name": "validation_accuracy", "goal": "maximize"}
        definition = read_sweep(search.file or {"method": "grid", "metric": metric, "parameters": rows}, base)
        definition = definition.fixed(**{field: getattr(base, field) for field in map(setting_name, held)})
        definition = dataclasses.replace(definition, method=search.method or definition.method)
        trials = search.trials or definition.size
        if trials is None:
            raise UsageError("has infinitely many configurations: give `trials`")
        for diagnostic in diagnose_sweep(definition, base, Plan(trials)):
            if diagnostic.severity == ERROR:
                raise UsageError(str(diagnostic))
    except UsageError as error:
        raise UsageError(f"sweeps.{name}: {error}") from error
    require(definition.method)
    base = base.replaced(dataset=definition.constants.get("dataset", base.dataset))
    settings = Settings(definition.method, search.seed, configurations=trials)
    return PlannedSweep(folder, name, definition, base, settings)


def sweep_base(document: Document, name: str) -> RunConfig:
    """What a sweep begins with; one that is `of` an experiment holds out training images, and never sees test images.

    Raises  UsageError with the place.
    """
    experiment = document.sweeps[name].of
    if experiment is None:
        return _laid(RunConfig(), [("", document)])
    config = config_of(document, experiment)
    held_out = config.validation_fraction or RunConfig().validation_fraction
    return config.replaced(validation_fraction=held_out, log_test=False, fold=None)


class _SweepProgress(SweepCallback):
    """Reports which share of the trials is over."""

    def __init__(self, reports: ProgressReports) -> None:
        self._reports = reports

    def polled(self, progress: SweepProgress) -> None:
        """Several times a second."""
        self._reports.report(progress.ended / max(progress.wanted or 1, 1))


def _finish_sweep(planned: PlannedSweep, reports: ProgressReports) -> None:
    """Run the sweep, or go on with it, one trial at a time.

    What bayes suggests depends on the results that are there by then: one after the other, they are the same each
    time. Other sweeps and runs have the other cores. The best one is tested once, and chosen.json says so.
    """
    new = planned.sweep
    if os.path.lexists(new.summary_file):
        sweep = changed(open_sweep(new.path), configurations=new.settings.configurations)
    else:
        sweep = create_sweep(new.path, new.definition, new.base, new.settings)
    run_sweep(sweep, jobs=1, callback=_SweepProgress(reports))
    with suppress(UsageError):  # no trial has a result
        evaluate_on_test(sweep, ranking(sweep)[:1], log=lambda line: None)
    write_object(sweep.path / OVER, {"trials": planned.wanted})


class Finds:
    """What the sweeps of a plan have found so far; each is read once."""

    def __init__(self, document: Document, sweeps: Mapping[str, PlannedSweep]) -> None:
        self._sweeps = sweeps
        self._orders: dict[tuple[str, str], list[Entry]] = {}
        self._found = [experiment.found for experiment in document.experiments.values() if experiment.found]

    def values(self, found: Found) -> dict[str, Any] | None:
        """Of what varies, at that place among the sweep's configurations; None where there is none yet, or at all."""
        planned = self._sweeps.get(found.sweep)
        if planned is None or not planned.over:
            return None
        key = found.sweep, found.among
        if key not in self._orders:
            self._orders[key] = []
            count = max((each.rank for each in self._found if (each.sweep, each.among) == key), default=1)
            with suppress(UsageError):  # not one has a result
                self._orders[key] = ORDERS[found.among](planned.sweep, ranking(planned.sweep), count)
        order = self._orders[key]
        return order[found.rank - 1].values if len(order) >= found.rank else None


def config_of(document: Document, name: str, found: RunConfig | None = None) -> RunConfig:
    """The configuration of an experiment's replication, its seed apart; what a sweep has `found` is in the document's
    place.

    Raises  UsageError with the place, for settings that runs do not have or that do not go together.
    """
    own: list[tuple[str, Document | Experiment]] = [
        (f"experiments.{each}.", document.experiments[each]) for each in document.lineage(name)
    ]
    return _laid(found, own) if found is not None else _laid(RunConfig(), [("", document), *own])


def _laid(config: RunConfig, parts: Sequence[tuple[str, Document | Experiment]]) -> RunConfig:
    """For each part its `settings` as far as runs have them, what is `open`, and `train`; later ones win."""
    table = field_aliases()
    for place, part in parts:
        # Without the settings that runs do not have, and those of a network that `train` describes anew as `layers`
        dropped = (None, *(REPLACED_BY_LAYERS if "layers" in part.train else ()))
        known = {name: value for name, value in part.settings.items() if table.get(squashed(name)) not in dropped}
        opened = {name: each.value for name, each in part.open.items()}
        for key, changes in (("settings", known), ("open", opened), ("train", part.train)):
            config = with_settings(config, changes, f"{place}{key}")
    return config


def with_settings(config: RunConfig, changes: dict[str, Any], place: str) -> RunConfig:
    """Raises  UsageError with the place, for settings that runs do not have or that do not go together."""
    try:
        return config.replaced(**changes) if changes else config
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from error


Task = RunConfig | PlannedSweep


def finish(task: protocol.Task, reporter: Reporter) -> Ended:
    """Do what is left of a run or a sweep of a recipe.

    Raises  as `complete_run` and `run_sweep`.
    """
    reports = ProgressReports(task.number, reporter)
    if task.options:
        planned = PlannedSweep.from_mapping(task.options)
        if not planned.over:
            _finish_sweep(planned, reports)
        return Ended(task.number, "finished")
    config = RunConfig(**task.config)
    if not run_is_over(config):
        complete_run(config, lambda *_: [reports])
    failure = failure_of(run_of(config))
    return Ended(task.number, "finished" if run_is_over(config) else INTERRUPTED, message=failure)


def finish_all(tasks: Sequence[Task], jobs: int, display: Display) -> dict[str, str]:
    """Do, resume or skip each; the failed ones by name, each with its reason.

    Raises  InterruptedRunError after Ctrl-C or SIGTERM, when every run has saved itself; FileSystemError.
    """
    names, failures = [str(task.name) for task in tasks], dict[str, str]()
    jobs = 1 if sum(not over(task) for task in tasks) < 2 else jobs
    orders = [
        protocol.Task(number, {}, task.to_mapping())
        if isinstance(task, PlannedSweep)
        else protocol.Task(number, task.to_mapping(), {})
        for number, task in enumerate(tasks)
    ]

    def report(event: protocol.TaskProgress) -> None:
        display.moved(names[event.number], event.share)

    with closing(complete_all(FUNCTION, orders, jobs, report)) as endings:
        for ended in endings:
            display.ended(names[ended.number], ended.message)
            failures |= {names[ended.number]: ended.message} if ended.message else {}
    return failures


def one_thread_each() -> None:
    """For libraries that would take all cores, as PyTorch does, and are not imported yet: other runs want them too."""
    os.environ["OMP_NUM_THREADS"] = "1"


def over(each: Task) -> bool:
    """Whether nothing is left to do of a task."""
    return each.over if isinstance(each, PlannedSweep) else run_is_over(each)


def runs_in(each: Task) -> int:
    """How many runs a task is: the trials of a sweep, or one."""
    return each.wanted if isinstance(each, PlannedSweep) else 1
