"""A sweep as a folder on disk: its definition, its settings, the runs of its trials, and its trial store."""

import dataclasses
import json
import logging
import os
import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from handgrad import strict_yaml
from handgrad.config import RunConfig
from handgrad.config.describe import effective_differences
from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.files import atomic_write, new_folder, read_object
from handgrad.previews import table_html
from handgrad.runs import Run, list_runs
from handgrad.runs.executor.protocol import INTERRUPTED, Ended, Task
from handgrad.sweeps.database import Database, open_readonly, without_password
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.programs import trial_folder
from handgrad.sweeps.run_trial import EARLY, STATES, ended, task_of
from handgrad.sweeps.settings import (
    BASE_FILE,
    REMEDY,
    STUDY_FILE,
    SUMMARY_FILE,
    SWEEP_FILE,
    Settings,
    digest_of,
    read_sweep_files,
    study_of,
)
from handgrad.sweeps.store import FAILED, Trial, TrialStore
from handgrad.text import counted, numbered

log = logging.getLogger("handgrad")
UNFINISHED = (None, "", "failed", INTERRUPTED)  # what diverged is tried again, and diverges again


def recovered(definition: SweepDefinition, base: RunConfig, runs_dir: Path, known: Collection[str] = ()) -> list[Trial]:
    """A trial for each run in the folder whose name is not `known`, in the order in which they were begun.

    One that is not over waits for a driver, which goes on from its checkpoint. Why a trial was stopped early is lost;
    one that was refused before it had a folder is tried anew. A run of another origin is named, and left alone.
    """
    if definition.program:
        pairs = trial_folder.recovered(definition, runs_dir, known)
        return [_with_outcome(trial, end, end.message) if end else trial for trial, end in pairs]
    found: list[Trial] = []
    for run in list_runs(runs_dir):
        if run.name in known:
            continue
        try:
            found.append(_recovered(definition, base, run, len(found)))
        except HandgradError as error:
            log.warning("%s is no trial of this sweep, and is left out: %s", run.path, error)
    return found


def _recovered(definition: SweepDefinition, base: RunConfig, run: Run, number: int) -> Trial:
    """Raises  HandgradError for a run with other settings than the sweep can give it."""
    config = run.config
    values = definition.canonical({name: getattr(config, name) for name in definition.varying})
    expected = definition.to_config(values, base)
    other = sorted(name for name in effective_differences(config, expected) if name != "seed")
    if other:
        raise HandgradError(f"{other[0]} is {getattr(config, other[0])}, not {getattr(expected, other[0])}")
    trial = Trial(
        number,
        values,
        run.name,
        config.seed,
        replicate=config.seed - expected.seed,
        began=round(run.config_file.stat().st_mtime, 3),
    )
    return _outcome(definition, config, run, trial)


def _outcome(definition: SweepDefinition, config: RunConfig, run: Run, trial: Trial) -> Trial:
    """The trial with what came of its run, where that is over; else as it is, for a driver to go on with."""
    try:
        over = run.metrics.get("stopped") not in UNFINISHED and run.model_file.exists()
        end = ended(trial.number, definition.metric.name, config, run) if over else None
    except (HandgradError, LookupError, TypeError):  # what is wrong with it is said by whoever goes on with it
        end = None
    if end is None or end.how != EARLY:
        return _with_outcome(trial, end, end.message) if end else trial
    text = run.log_file.read_text(errors="replace") if run.log_file.is_file() else ""
    return _with_outcome(trial, end, (re.findall(r"stopped: (after epoch .*)", text) or ["stopped early"])[-1])


def _with_outcome(trial: Trial, end: Ended, why: str) -> Trial:
    return dataclasses.replace(
        trial,
        state=STATES.get(end.how, FAILED),
        objective=end.objective,
        epochs={epoch: value for epoch, value in enumerate(end.epochs, 1) if value is not None},
        seconds=end.seconds,
        why=why,
    )


class Sweep:
    """sweep.yaml, base.yaml, sweep.json, study.db, runs/ and workers.log in the folder `path`."""

    def __init__(self, path: Path, definition: SweepDefinition, base: RunConfig, settings: Settings) -> None:
        self.path, self.definition, self.base, self.settings = Path(path), definition, base, settings
        self.runs_dir, self.study_file = self.path / "runs", self.path / STUDY_FILE
        self.workers_log, self.summary_file = self.path / "workers.log", self.path / SUMMARY_FILE

    @property
    def name(self) -> str:
        return Path(os.path.abspath(self.path)).name

    @property
    def study(self) -> str:
        """What the study is called: as the folder was when the sweep began."""
        return study_of(self.path, self.settings)[1]

    @property
    def storage_url(self) -> str:
        """Where the trials are kept."""
        return study_of(self.path, self.settings)[0]

    @property
    def configurations(self) -> int | None:
        """How many there are to be: never more than the space has; None for any number."""
        bounds = (self.settings.configurations, self.definition.size)
        return min((bound for bound in bounds if bound is not None), default=None)

    @property
    def wanted(self) -> int | None:
        """How many trials there are to be, each configuration with its seeds; None for any number."""
        return None if self.configurations is None else self.configurations * self.settings.seeds

    def __repr__(self) -> str:
        return f"Sweep({', '.join([self.name, self.settings.method, *(f'{v} {k}' for k, v in self._summary())])})"

    def _repr_html_(self) -> str:
        header = ["method", *(name for name, _ in self._summary())]
        return table_html(header, [[self.settings.method, *(value for _, value in self._summary())]], self.name)

    def _summary(self) -> list[tuple[str, str]]:
        """How many trials are in each state, and the best objective, as sweep.json had them last."""
        summary = read_object(self.summary_file) if self.summary_file.exists() else {}
        best, name = summary.get("best"), self.definition.metric.name
        states = [(state, str(count)) for state, count in summary.get("states", {}).items()]
        return [*states, *([(f"best {name}", f"{best['objective']:.4g}")] if best else [])]

    def trials(self) -> list[Trial]:
        """Every trial as it is now, by number; also while the sweep runs.

        Raises  CorruptDataError for a damaged storage; where there is none, they are found again from their folders.
        """
        with open_readonly(self.storage_url) as storage:
            if storage is not None:
                return TrialStore(storage, self.study, self.definition).trials()
        return recovered(self.definition, self.base, self.runs_dir)

    def store(self, storage: Database) -> TrialStore:
        """The trials for a driver, with those besides of whose runs there are folders, and nothing in the storage."""
        program = self.definition.program  # the folders before the trials are read: each has begun by then
        there = (
            trial_folder.names_of_trials(self.runs_dir) if program else {run.name for run in list_runs(self.runs_dir)}
        )
        store = TrialStore(storage, self.study, self.definition)
        known = {trial.run for trial in store.trials()}
        found = recovered(self.definition, self.base, self.runs_dir, known) if there - known else []
        for trial in found:
            store.add(trial)
        if found:
            log.warning("%s: %s found again from their folders", self.path, counted(len(found), "trial"))
        return store

    @property
    def resume_command(self) -> str:
        """What runs the missing trials."""
        program = self.definition.program
        return shlex.join(program.function) if program and program.function else f"handgrad sweep resume {self.path}"

    def task(self, trial: Trial) -> Task:
        """What an executor does for a trial.  Raises  UsageError where its values cannot go together."""
        if self.definition.program:
            return trial_folder.task_of(self.definition, trial, self.run(trial).path, self.base.time_limit)
        config, pruner = self.config(trial), self.definition.early_terminate
        return task_of(trial.number, config, self.definition.metric.name, pruner.rungs(config.epochs) if pruner else ())

    def command(self, values: Mapping[str, Any], trial: Trial | None = None) -> str:
        """What trains a configuration again, as a run of its own: with the seed of `trial`, if there is one."""
        if program := self.definition.program:
            own = trial or Trial(0, dict(values), "", self.base.seed)
            parameters = trial_folder.parameters_of(self.definition, own)
            if program.function:
                return f"# {program.path} with wandb.config = {parameters}"
            return shlex.join(program.words(parameters, trial_folder.PARAMETERS))
        config = self.config(trial) if trial else self.definition.to_config(values, self.base)
        return config.replaced(name=None, runs_dir="runs", wandb_group=None).command()

    def config(self, trial: Trial) -> RunConfig:
        """The configuration of a trial's run.  Raises  UsageError where its values cannot go together."""
        config = self.definition.to_config(trial.values, self.base)
        group = self.base.wandb_group or self.study
        return config.replaced(seed=trial.seed, name=trial.run, runs_dir=str(self.runs_dir), wandb_group=group)

    def run(self, trial: Trial) -> Run:
        """The trial's folder; on this machine only if it ran here."""
        return Run(self.runs_dir / trial.run)

    def own_name(self, trial: Trial) -> str:
        """What its program calls a trial; or nothing."""
        return trial_folder.own_name(self.runs_dir / trial.run) if self.definition.program else ""

    def title(self, trial: Trial) -> str:
        """The name of a trial's folder, and the one that its program gave it."""
        own = self.own_name(trial)
        return f"{trial.run} ({own})" if own else trial.run

    def ranked(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those with an objective, the best first."""
        objective = self.definition.metric.objective
        return sorted((t for t in trials if t.rated), key=lambda t: objective(t.objective or 0.0))

    def best(self, trials: Iterable[Trial] | None = None) -> Trial | None:
        """The one with the best objective, the first of equal ones; among all trials, or those given."""
        return next(iter(self.ranked(self.trials() if trials is None else trials)), None)

    def save(self, trials: list[Trial], durable: bool = True) -> None:
        """Write sweep.json: the settings, and a summary of how far the sweep is, with the best trial so far."""
        best = self.best(trials)
        states = [trial.state for trial in trials]
        settings = dataclasses.asdict(self.settings)
        if self.settings.storage:
            settings["storage"] = without_password(self.settings.storage)
        summary = {
            "settings": settings,
            "wanted": self.wanted,
            "states": {state: states.count(state) for state in sorted(set(states))},
            "best": dataclasses.asdict(best) if best else None,
        }
        atomic_write(self.summary_file, json.dumps(summary, indent=2) + "\n", durable)


def create_sweep(path: Path, definition: SweepDefinition, base: RunConfig, settings: Settings) -> Sweep:
    """Make the folder of a new sweep, which appears whole.

    Raises  UsageError when there is something already; FileSystemError when it cannot be made.
    """
    name = Path(os.path.abspath(path)).name
    sweep = Sweep(path, definition, base, dataclasses.replace(settings, study=name))

    def fill(folder: Path) -> None:
        atomic_write(folder / SWEEP_FILE, strict_yaml.dump(definition.to_mapping()))
        atomic_write(folder / BASE_FILE, base.to_yaml())
        sweep.settings = dataclasses.replace(sweep.settings, digest=digest_of(folder, sweep.settings))
        new = Sweep(folder, definition, base, sweep.settings)
        new.runs_dir.mkdir()
        new.save([])

    try:
        made = new_folder(sweep.path.parent, [name], fill)
    except OSError as error:
        raise FileSystemError(f"cannot make a sweep in {path}: {error.strerror}") from error
    if made is None:
        what = f"exists and is no sweep, for it has no {SUMMARY_FILE}: remove it"
        if os.path.lexists(sweep.summary_file):
            what = f"exists: go on with it by `handgrad sweep resume {path}`"
        raise UsageError(f"{path} {what}, or choose another --name")
    os.close(made[1])
    return sweep


def open_sweep(path: Path) -> Sweep:
    """The sweep in the folder `path`.

    Raises  FileSystemError when there is no such folder; UsageError when it holds no sweep; CorruptDataError when its
            files were damaged, or changed since it began.
    """
    path = Path(path)
    stored = read_sweep_files(path)
    try:
        definition = SweepDefinition.from_mapping(stored.definition)
        base = RunConfig.from_yaml(path / BASE_FILE)
    except (HandgradError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = error if isinstance(error, HandgradError) else repr(error)
        raise CorruptDataError(f"{path} is damaged: {reason}. {REMEDY}") from error
    return Sweep(path, definition, base, stored.settings)


def changed(sweep: Sweep, **settings: Any) -> Sweep:
    """The sweep with other settings, such as more configurations."""
    return Sweep(sweep.path, sweep.definition, sweep.base, dataclasses.replace(sweep.settings, **settings))


def free_path(folder: Path, name: str) -> Path:
    """Where a new sweep called `name` goes: with "-2", "-3" … behind a name that is taken."""
    return next(folder / each for each in numbered(name) if not (folder / each).exists())
