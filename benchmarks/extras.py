"""Measurements of handgrad beside the workloads, each in processes of their own."""

import os
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.processes import ProcessError, cores_for, finish, run, start
from benchmarks.rounds import Log, Options, timed
from handgrad.data.places import CACHE_VARIABLE, DATA_VARIABLE, cache_root
from handgrad.machine import available_cores

PAIRED = ("A", "B")
PAIR_EPOCHS = 5


def extras(options: Options, log: Log = print) -> dict[str, Any]:
    """Every measurement by its name; one that fails is a reason, not an error."""
    found: dict[str, Any] = {}
    for name, measurement in MEASUREMENTS.items():
        log(f"measuring {name.replace('_', ' ')}")
        try:
            found[name] = measurement(options)
        except ProcessError as error:
            found[name] = {"skipped": str(error)}
    return found


def between_steps(options: Options) -> dict[str, Any]:
    """Python's time between two steps of workload B."""
    return run("between_steps", {"dataset": options.dataset, "images": options.images}, cores_for("1"))


def architectures(options: Options) -> dict[str, Any]:
    """In a process whose kernels, activations included, were compiled by one before it."""
    run("architectures", {}, cores_for("1"))
    return run("architectures", {}, cores_for("1"))


def two_at_once(options: Options) -> dict[str, Any]:
    """Steps a second of two trainings on a core each, over those of one alone: the median of the rounds."""
    cores = available_cores()[-2:]
    if len(cores) < 2:
        return {"skipped": "needs two cores"}
    return {name: median(_pair_gain(name, cores, options) for _ in range(options.rounds)) for name in PAIRED}


def _pair_gain(workload: str, cores: tuple[int, ...], options: Options) -> float:
    task = {"contender": "handgrad", "workload": workload, "epochs": PAIR_EPOCHS, "images": options.images}
    task |= {"dataset": options.dataset}
    alone = timed(run("train", task, cores[:1]))
    both = [start("train", task, [core]) for core in cores]
    return sum(alone / timed(finish(process)) for process in both)


def second_process(options: Options) -> dict[str, Any]:
    """Seconds from a process's start to its first step: the median of several, all kernels compiled before."""
    several = [_first_step(options) for _ in range(options.rounds + 1)][1:]
    return {name: median(one[name] for one in several) for name in several[0]}


def very_first_process(options: Options) -> dict[str, Any]:
    """The same with an empty cache: kernels are compiled and data decoded, nothing is downloaded."""
    here = cache_root() / "data"
    with tempfile.TemporaryDirectory() as folder:
        data = {} if DATA_VARIABLE in os.environ or not here.is_dir() else {DATA_VARIABLE: str(here)}
        return _first_step(options, {CACHE_VARIABLE: folder, **data})


def _first_step(options: Options, variables: dict[str, str] | None = None) -> dict[str, Any]:
    return run("first_step", {"start": time.monotonic(), **_dataset(options)}, cores_for("1"), variables)


def peak(options: Options) -> dict[str, Any]:
    """Memory of an ordinary training."""
    return run("peak", _dataset(options), cores_for("1"))


def _dataset(options: Options) -> dict[str, str]:
    return {"dataset": options.dataset} if options.dataset else {}


MEASUREMENTS: dict[str, Callable[[Options], dict[str, Any]]] = {
    "between_steps": between_steps,
    "architectures": architectures,
    "two_at_once": two_at_once,
    "second_process": second_process,
    "very_first_process": very_first_process,
    "peak": peak,
}
