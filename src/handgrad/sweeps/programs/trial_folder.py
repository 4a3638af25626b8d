"""The folder of a program's trial: the parameters that it gets, how it ended, and what is odd about several."""

import json
import os
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from handgrad import strict_yaml
from handgrad.errors import HandgradError
from handgrad.files import atomic_write, json_text, read_json
from handgrad.runs.executor.protocol import Ended, Task
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.programs.logged import ABOUT, LOG, OUTPUT, SUMMARY, TRACKIO
from handgrad.sweeps.programs.program import STAND_IN, Program
from handgrad.sweeps.store import FAILED, Trial, TrialStore

TRIAL, OUTCOME, STOP = "trial.json", "outcome.json", "stop"
PARAMETERS, WANDB_PARAMETERS = "parameters.json", "parameters.yaml"
VARIABLE = "HANDGRAD_TRIAL"  # names the folder to the program
NEVER_LOGGED = "was never logged"  # what is said of a metric without a value
KEPT = ("values", "seed", "replicate", "began")  # of a trial, in its folder
MOST_EPOCHS = 10_000  # values of a metric that are reported; of a longer log, the last one and the summary count
MOST_FAILURES = 5  # at first, as W&B's agents have it
ENOUGH_EQUAL = 3  # different configurations with the same result


def parameters_of(definition: SweepDefinition, trial: Trial) -> dict[str, Any]:
    """What the program gets for a trial; where a parameter is called seed, its replicates count it up."""
    values = {**definition.constants, **trial.values}
    values = {name: values[name] for name in definition.parameters}
    if isinstance(values.get("seed"), int):
        values["seed"] = trial.seed
    return definition.program.parameters(values) if definition.program else values


def task_of(definition: SweepDefinition, trial: Trial, folder: Path, limit: float) -> Task:
    """The task of a trial in `folder`, which takes at most `limit` seconds, 0 for any."""
    folder, pruner = folder.absolute(), definition.early_terminate
    options = {
        "folder": str(folder),
        "sweep": folder.parents[1].name,
        "program": definition.program.to_mapping() if definition.program else {},
        "parameters": parameters_of(definition, trial),
        "metric": definition.metric.name,
        "rungs": pruner.rungs(MOST_EPOCHS) if pruner else [],
        "time_limit": limit,
        "trial": {name: getattr(trial, name) for name in KEPT},
    }
    return Task(trial.number, {}, options)


def prepare(task: Task) -> Path:
    """A folder for the trial to begin in, free of what an earlier attempt has logged."""
    folder = Path(task.options["folder"])
    for name in (LOG, OUTPUT, SUMMARY, ABOUT, OUTCOME, STOP):
        (folder / name).unlink(missing_ok=True)
    for name in ("wandb", TRACKIO, "media"):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = task.options["parameters"]
    atomic_write(folder / TRIAL, json_text(task.options["trial"]), durable=False)
    atomic_write(folder / PARAMETERS, json.dumps(parameters) + "\n", durable=False)
    listed = {name: {"value": value} for name, value in parameters.items()}
    atomic_write(folder / WANDB_PARAMETERS, strict_yaml.dump(listed), durable=False)
    return folder


def variables(program: Program, folder: Path, sweep: str) -> dict[str, str]:
    """The environment of a trial: where it logs to, its parameters for W&B, and nothing that leaves the machine."""
    found = {**os.environ, VARIABLE: str(folder), "WANDB_SWEEP_ID": sweep, "PYTHONUNBUFFERED": "1"}
    found |= {"WANDB_SWEEP_PARAM_PATH": str(folder / WANDB_PARAMETERS), "WANDB_RUN_ID": folder.name[-64:]}
    found |= {"WANDB_DIR": str(folder), "TRACKIO_DIR": str(folder / TRACKIO)}
    return found | python_path() if program.stand_in else {"WANDB_MODE": "offline", **found}


def python_path() -> dict[str, str]:
    """PYTHONPATH with the stand-in for wandb in front."""
    return {"PYTHONPATH": os.pathsep.join([str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])])}


def write_outcome(folder: Path, end: Ended, name: str) -> None:
    """Keep how the trial ended and what the program calls it, for whoever finds its folder."""
    atomic_write(folder / OUTCOME, json_text({"ended": list(end), "name": name}), durable=False)


def own_name(folder: Path) -> str:
    """What the program has called a trial that has ended; or nothing."""
    with suppress(HandgradError, AttributeError):
        return str(read_json(folder / OUTCOME).get("name") or "")
    return ""


def read_outcome(folder: Path, number: int) -> Ended | None:
    """How the trial ended, as trial `number`; None where it did not, or what it wrote is damaged."""
    with suppress(HandgradError, KeyError, TypeError):
        _, how, *rest = read_json(folder / OUTCOME)["ended"]
        end = Ended(number, how, *rest)
        return end._replace(epochs=tuple(end.epochs))
    return None


def names_of_trials(runs_dir: Path) -> set[str]:
    """The names of the folders below `runs_dir` that belong to a trial."""
    return {path.parent.name for path in runs_dir.glob(f"*/{TRIAL}")}


def recovered(definition: SweepDefinition, runs_dir: Path, known: Collection[str]) -> list[tuple[Trial, Ended | None]]:
    """A trial for each folder whose name is not `known`, in the order in which they were begun, with its end if any."""
    found: list[tuple[dict[str, Any], str]] = []
    for name in names_of_trials(runs_dir) - set(known):
        with suppress(HandgradError):
            found.append((read_json(runs_dir / name / TRIAL), name))
    trials: list[tuple[Trial, Ended | None]] = []
    for facts, name in sorted(found, key=lambda each: each[0].get("began", 0.0)):
        with suppress(HandgradError, KeyError, TypeError, ValueError):
            values = definition.canonical(facts["values"])
            trial = Trial(len(trials), values, name, facts["seed"], facts["replicate"], began=facts["began"])
            trials.append((trial, read_outcome(runs_dir / name, trial.number)))
    return trials


def hopeless(store: TrialStore, wanted: int | None) -> str:
    """Why no trial can be expected to have a result: the metric is never logged, or the first trials all failed.

    `wanted` is how many trials there are to be, None for any number.
    """
    failed = [trial for trial in store.known() if trial.state == FAILED]
    if store.best is not None or not failed:
        return ""
    last = failed[-1]
    if NEVER_LOGGED in last.why:
        return last.why
    if len(failed) < min(MOST_FAILURES, wanted or MOST_FAILURES):
        return ""
    every = "with the same error" if len({trial.why for trial in failed}) == 1 else "the last one with"
    return f"the first {len(failed)} trials failed, {every}: {last.why}"


def ignores_arguments(definition: SweepDefinition, trials: Sequence[Trial]) -> str:
    """That several configurations have exactly equal results, to the last digit and epoch by epoch; or nothing."""
    rated = [trial for trial in trials if trial.rated]
    different = {definition.key(trial.values) for trial in rated}
    if len(different) < ENOUGH_EQUAL or len({(trial.objective, *trial.epochs.values()) for trial in rated}) > 1:
        return ""
    program = definition.program.path if definition.program else "it"
    same = f"{len(different)} configurations have exactly equal results"
    return f"{same}: does {program} read its arguments, or wandb.config?"
