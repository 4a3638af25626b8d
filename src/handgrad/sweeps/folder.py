"""A sweep as a folder on disk: its definition, its settings, its trials' runs, and where its study is."""

import dataclasses
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handgrad import strict_yaml
from handgrad.config import RunConfig
from handgrad.errors import CorruptDataError, FileSystemError, UsageError
from handgrad.files import atomic_write
from handgrad.runs import Run
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.ledger import Ledger
from handgrad.sweeps.storage import looked_at, sqlite_url, without_password
from handgrad.sweeps.trial import Trial


@dataclass(frozen=True)
class Settings:
    """How a sweep is carried out: who chooses, from which seed, with how many seeds for each configuration.

    `configurations` is how many there are to be in all, None for as many as there is time for. `storage` is where the
    study is kept, None for a file in the sweep's folder; `study` is its name there, which a renamed folder keeps.
    """

    brain: str
    seed: int = 0
    seeds: int = 1
    configurations: int | None = None
    storage: str | None = None
    study: str | None = None


class Sweep:
    """sweep.yaml, base.yaml, sweep.json, study.db, runs/ and workers.log in the folder `path`."""

    def __init__(self, path: Path, definition: SweepDefinition, base: RunConfig, settings: Settings) -> None:
        self.path, self.definition, self.base, self.settings = Path(path), definition, base, settings
        self.runs_dir, self.study_file = self.path / "runs", self.path / "study.db"
        self.workers_log, self.summary_file = self.path / "workers.log", self.path / "sweep.json"

    @property
    def name(self) -> str:
        """The folder's own name."""
        return Path(os.path.abspath(self.path)).name

    @property
    def study(self) -> str:
        """What the study is called: as the folder was when the sweep began."""
        return self.settings.study or self.name

    @property
    def storage_url(self) -> str:
        """Where Optuna keeps the study."""
        return self.settings.storage or sqlite_url(self.study_file)

    @property
    def configurations(self) -> int | None:
        """How many there are to be: never more than the space has; None for any number."""
        bounds = (self.settings.configurations, self.definition.size)
        return min((bound for bound in bounds if bound is not None), default=None)

    @property
    def wanted(self) -> int | None:
        """How many trials there are to be, each configuration with its seeds; None for any number."""
        return None if self.configurations is None else self.configurations * self.settings.seeds

    def trials(self) -> list[Trial]:
        """Every trial as it is now, by number; also while the sweep runs."""
        with looked_at(self.storage_url) as storage:
            return Ledger(storage, self.study, self.definition).trials() if storage else []

    def config(self, trial: Trial) -> RunConfig:
        """The configuration of a trial's run.  Raises  UsageError where its values cannot go together."""
        config = self.definition.to_config(trial.values, self.base)
        group = self.base.wandb_group or self.study
        return config.replaced(seed=trial.seed, name=trial.run, runs_dir=str(self.runs_dir), wandb_group=group)

    def run(self, trial: Trial) -> Run:
        """The trial's folder; on this machine only if it ran here."""
        return Run(self.runs_dir / trial.run)

    def ranked(self, trials: Iterable[Trial]) -> list[Trial]:
        """Those with an objective, the best first."""
        objective = self.definition.metric.objective
        return sorted((t for t in trials if t.rated), key=lambda t: objective(t.objective or 0.0))

    def best(self, trials: Iterable[Trial] | None = None) -> Trial | None:
        """The one with the best objective, the first of equal ones; among all trials, or those given."""
        objective = self.definition.metric.objective
        among = self.trials() if trials is None else trials
        return min((t for t in among if t.rated), key=lambda t: objective(t.objective or 0.0), default=None)

    def save(self, trials: list[Trial]) -> None:
        """Write sweep.json: the settings, and a summary for whoever has no Optuna at hand."""
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
        atomic_write(self.summary_file, json.dumps(summary, indent=2) + "\n")


def create_sweep(path: Path, definition: SweepDefinition, base: RunConfig, settings: Settings) -> Sweep:
    """Make the folder of a new sweep.

    Raises  UsageError when there is something already; FileSystemError when it cannot be made.
    """
    name = Path(os.path.abspath(path)).name
    sweep = Sweep(path, definition, base, dataclasses.replace(settings, study=name))
    try:
        sweep.path.parent.mkdir(parents=True, exist_ok=True)
        sweep.path.mkdir()
        sweep.runs_dir.mkdir()
    except FileExistsError:
        raise UsageError(
            f"{path} exists: go on with it by `handgrad sweep resume {path}`, or choose another --name"
        ) from None
    except OSError as error:
        raise FileSystemError(f"cannot make a sweep in {path}: {error.strerror}") from error
    atomic_write(sweep.path / "sweep.yaml", strict_yaml.dump(definition.to_mapping()))
    atomic_write(sweep.path / "base.yaml", base.to_yaml())
    sweep.save([])
    return sweep


def open_sweep(path: Path) -> Sweep:
    """The sweep in the folder `path`.

    Raises  FileSystemError when there is no such folder; UsageError when it holds no sweep; CorruptDataError when its
            files were damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise FileSystemError(f"no sweep in {path}: no such folder")
    if not (path / "sweep.json").is_file():
        raise UsageError(f"{path} is no sweep: it has no sweep.json")
    try:
        definition = SweepDefinition.from_mapping(strict_yaml.load_mapping(path / "sweep.yaml"))
        stored: dict[str, Any] = json.loads((path / "sweep.json").read_text())["settings"]
        return Sweep(path, definition, RunConfig.from_yaml(path / "base.yaml"), Settings(**stored))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDataError(f"{path} is damaged: {error!r}") from error


def changed(sweep: Sweep, **settings: Any) -> Sweep:
    """The sweep with other settings, such as more configurations."""
    return Sweep(sweep.path, sweep.definition, sweep.base, dataclasses.replace(sweep.settings, **settings))


def free_path(folder: Path, name: str) -> Path:
    """Where a new sweep called `name` goes: with "-2", "-3" … behind a name that is taken."""
    suffixes = ["", *(f"-{n}" for n in range(2, 10_000))]
    return next(folder / (name + suffix) for suffix in suffixes if not (folder / (name + suffix)).exists())
