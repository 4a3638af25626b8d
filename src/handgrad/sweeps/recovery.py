"""Trials found again from the folders of their runs, where the storage that they stood in is lost."""

import dataclasses
import logging
import re
from collections.abc import Collection
from pathlib import Path

from handgrad.config import RunConfig
from handgrad.config.influence import effective_differences
from handgrad.errors import HandgradError
from handgrad.runs import Run, list_runs
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.executor import INTERRUPTED, STATES
from handgrad.sweeps.trial import FAILED, STOPPED, Trial
from handgrad.sweeps.workers.execution import ended

log = logging.getLogger("handgrad")
UNFINISHED = (None, "", "failed", INTERRUPTED)  # what diverged is tried again, and diverges again


def recovered(definition: SweepDefinition, base: RunConfig, runs_dir: Path, known: Collection[str] = ()) -> list[Trial]:
    """A trial for each run in the folder whose name is not `known`, in the order in which they were begun.

    One that is not over waits for a driver, which goes on from its checkpoint. Why a trial was stopped early is lost;
    one that was refused before it had a folder is tried anew. A run that is none of the sweep is told, and left alone.
    """
    found: list[Trial] = []
    for run in list_runs(runs_dir):
        if run.name in known:
            continue
        try:
            found.append(_trial(definition, base, run, len(found)))
        except HandgradError as error:
            log.warning("%s is no trial of this sweep, and is left out: %s", run.path, error)
    return found


def _trial(definition: SweepDefinition, base: RunConfig, run: Run, number: int) -> Trial:
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
    if end is None:
        return trial
    state = STATES.get(end.how, FAILED)
    return dataclasses.replace(
        trial,
        state=state,
        objective=end.objective,
        epochs={epoch: value for epoch, value in enumerate(end.epochs, 1) if value is not None},
        seconds=end.seconds,
        why=_reason(run) if state == STOPPED else end.message,
    )


def _reason(run: Run) -> str:
    """Why the run was stopped, as its log has it."""
    log_file = run.log_file
    text = log_file.read_text(errors="replace") if log_file.is_file() else ""
    return (re.findall(r"stopped: (after epoch .*)", text) or ["stopped early"])[-1]
