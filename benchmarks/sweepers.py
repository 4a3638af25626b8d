"""Who sweeps: the same configurations on the same images, each in a process of its own and its children."""

import importlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

JOB = "job.json"


@dataclass(frozen=True)
class Job:
    """What a sweeper is given: so many `slots` at once, an empty folder, and the sweep twice over.

    handgrad draws the configurations itself, from its own `definition` and `base`. The others are given them in its
    order, as `trials` in words of PyTorch (see `torch_sweeps.train`), and the `images`, a folder of arrays.
    """

    slots: int
    folder: Path
    definition: dict[str, Any]
    base: dict[str, Any]
    trials: list[dict[str, Any]]
    images: Path


class Swept(NamedTuple):
    """A trial: its place in the order, validation accuracy after each epoch, and from the end of its first step until
    it was over, in seconds since 1970."""

    number: int
    accuracies: list[float]
    stepped: float
    over: float


def sweep_with_handgrad(job: Job) -> list[Swept]:
    """handgrad as a user sweeps with it: method random, a worker a core, in a folder of its own."""
    from benchmarks.training_times import spans
    from handgrad.config import RunConfig  # here and below: a process pays for its own imports only
    from handgrad.sweeps import SweepDefinition
    from handgrad.sweeps.folder import Settings, create_sweep
    from handgrad.sweeps.search import run_sweep

    definition, base = SweepDefinition.from_mapping(job.definition), RunConfig(**job.base)
    settings = Settings("random", seed=base.seed, configurations=len(job.trials))
    made = create_sweep(job.folder / "sweep", definition, base, settings)
    run_sweep(made, job.slots)
    found = []
    for trial in made.trials():
        run = made.run(trial)
        (stretch,) = spans([run])
        accuracies = [epoch["validation_accuracy"] for epoch in run.metrics["epochs"]]
        found.append(Swept(trial.number, accuracies, stretch.stepped, stretch.over))
    return found


class Entry(NamedTuple):
    """Where a sweeper's function of a job is, the name by which `--peers` asks for it, and the packages it needs."""

    function: str
    peer: str = ""
    packages: tuple[str, ...] = ()
    install: str = ""


SWEEPERS = {
    "handgrad": Entry("sweepers:sweep_with_handgrad"),
    "optuna": Entry("torch_sweeps:sweep_with_optuna", "optuna", ("optuna", "torch"), "optuna torch"),
    "ray": Entry("torch_sweeps:sweep_with_ray", "ray", ("ray", "pandas", "pyarrow", "torch"), "'ray[tune]' torch"),
}


def sweep(name: str, folder: str) -> dict[str, Any]:
    """Every trial's accuracies and times, and when the last of what belongs to the sweep was done.

    The job is in `folder`; a package that is missing is a reason under `skipped`, not an error.
    """
    entry = SWEEPERS[name]
    if any(find_spec(package) is None for package in entry.packages):
        return {"skipped": f"not installed: python -m pip install {entry.install}"}
    module, _, function = entry.function.partition(":")
    sweeps: Callable[[Job], list[Swept]] = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    trials = sweeps(read_job(Path(folder)))
    return {"done": time.time(), "trials": [trial._asdict() for trial in trials]}


def write_job(job: Job) -> None:
    """Put a job into its folder, for a process to read."""
    (job.folder / JOB).write_text(json.dumps({**vars(job), "folder": "", "images": str(job.images)}))


def read_job(folder: Path) -> Job:
    """Read what `write_job` wrote."""
    job = Job(**json.loads((folder / JOB).read_text()))
    return replace(job, folder=folder, images=Path(job.images))
