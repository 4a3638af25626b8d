"""A sweep's good and diverse configurations run on another data set.

Their runs are the trials of a sweep of their own, in sweeps/NAME/transfer/DATASET: they are shared out among
processes, stopped, gone on with and counted as any sweep's. Only what is run is not left to a search.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from handgrad.config import RunConfig, decides_training
from handgrad.config.naming import file_name
from handgrad.errors import HandgradError, UsageError
from handgrad.runs import prepare
from handgrad.sweeps.after.diverse import Choice, Pick, choose
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.choosing import Chooser
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, open_sweep
from handgrad.sweeps.storage import joined
from handgrad.sweeps.workers.execution import data_set

NOBODY = ""  # the driver of a trial that waits for one


def choose_for(sweep: Sweep, entries: Sequence[Entry], top: int, settings: Mapping[str, Any]) -> Choice:
    """The configurations that go over to another data set, with the `settings` that hold for all of them there.

    Raises  UsageError when there is nothing to go over to, or one of the `settings` is what the sweep varied.
    """
    own = sweep.definition.constants.get("dataset", sweep.base.dataset)
    if settings == {"dataset": own} and "dataset" not in sweep.definition.varying:
        raise UsageError(f"{settings['dataset']} is what {sweep.path} was run on: name another data set (--dataset)")
    placed = settings.keys() & {"name", "runs_dir"}
    if placed:
        raise UsageError(
            f"the runs are in a folder of the sweep's, called by their settings: leave --{min(placed)} out"
        )
    varied = [name for name in settings if name in sweep.definition.varying and name != "dataset"]
    if varied:
        raise UsageError(f"{varied[0]} is what the sweep varied: leave --{varied[0]} out")
    definition = _over_there(sweep, settings)
    return choose(_distinct(entries, definition), top, definition, sweep.base)


def open_transfer(sweep: Sweep, picks: Sequence[Pick], settings: Mapping[str, Any], seeds: int) -> Sweep:
    """The sweep in transfer/DATASET, made where there is none, with a trial that waits for each configuration.

    Raises  UsageError when a configuration cannot go over, or the folder was begun with other settings;
            FileSystemError, CorruptDataError for a data set that cannot be had.
    """
    definition = _over_there(sweep, settings)
    base = sweep.base.replaced(**{"wandb_group": f"{sweep.name}-{settings['dataset']}"} | _watching(settings))
    _check(sweep, definition, base, picks)
    path = sweep.path / "transfer" / file_name(PurePath(settings["dataset"]).stem)
    fresh = Settings("random", seed=sweep.settings.seed, seeds=seeds, configurations=len(picks))
    if (path / "sweep.json").exists():
        there = open_sweep(path)
        if (there.definition, there.base) != (definition, base):
            raise UsageError(f"{path} was begun with other settings: give the same ones, or move it away")
    else:
        there = create_sweep(path, definition, base, fresh)
    return _enqueued(changed(there, seeds=max(seeds, there.settings.seeds)), picks)


def _over_there(sweep: Sweep, settings: Mapping[str, Any]) -> SweepDefinition:
    """The sweep's space with some settings held; each configuration is trained to its end."""
    definition, metric = sweep.definition, sweep.definition.metric
    held = definition.fixed(**{name: value for name, value in settings.items() if decides_training(name)})
    target = metric.target if metric.goal == "target" else None
    metric = dataclasses.replace(metric, target=target)
    return dataclasses.replace(held, metric=metric, early_terminate=None, run_cap=None, notices=())


def _distinct(entries: Sequence[Entry], definition: SweepDefinition) -> list[Entry]:
    """With the values that vary over there; of those that are one there, the best."""
    found: dict[str, Entry] = {}
    for entry in entries:
        values = {name: entry.values[name] for name in definition.varying}
        found.setdefault(definition.key(values), entry._replace(values=values))
    return list(found.values())


def _watching(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that change no result, such as who follows the runs."""
    return {name: value for name, value in settings.items() if not decides_training(name)}


def _check(sweep: Sweep, definition: SweepDefinition, base: RunConfig, picks: Sequence[Pick]) -> None:
    """Build every network once, before anything is trained."""
    for each in picks:
        config = definition.to_config(each.entry.values, base)
        dataset = data_set(config)
        try:
            prepare(config, dataset)
        except HandgradError as error:
            trial = each.entry.trials[0]
            raise UsageError(
                f"trial {trial.number}, {trial.run}, cannot go over to {config.dataset}: {error}"
            ) from error


def _enqueued(there: Sweep, picks: Sequence[Pick]) -> Sweep:
    """With a trial of each configuration in the study, for a driver to find as one that another left behind."""
    with joined(there.storage_url) as (_, storage):
        ledger, chooser = there.ledger(storage), Chooser(there)
        chooser.see(ledger.trials())
        for each in picks:
            if not chooser.known(each.entry.values):
                values, run, note = chooser.trial(each.entry.values)
                chooser.see([ledger.begin(values, run, driver=NOBODY, **note)])
        there = changed(there, configurations=len({there.definition.key(t.values) for t in ledger.trials()}))
        there.save(ledger.trials())
    return there
