"""Measurements of handgrad beside the workloads, and the race to an accuracy, each in processes of their own."""

import json
import os
import tempfile
import time
from dataclasses import asdict
from statistics import median
from typing import Any

from handgrad.bench.goals import GOAL
from handgrad.bench.processes import ProcessError, available_cores, cores_for, finish, run, start
from handgrad.bench.racers import RACERS
from handgrad.bench.rounds import Options, Tell
from handgrad.bench.summary import timed
from handgrad.bench.workloads import IMAGES
from handgrad.data.places import CACHE_VARIABLE, DATA_VARIABLE, cache_root

PAIRED = ("A", "B")
PAIR_EPOCHS = 5


def extras(options: Options, tell: Tell = print) -> dict[str, Any]:
    """Every measurement by its name; one that fails is a reason, not an error."""
    found: dict[str, Any] = {}
    for name, measurement in MEASUREMENTS.items():
        tell(f"measuring {name.replace('_', ' ')}")
        try:
            found[name] = measurement(options)
        except ProcessError as error:
            found[name] = {"skipped": str(error)}
    return found


def probed(name: str, numbers: dict[str, Any] | None = None, variables: dict[str, str] | None = None) -> dict[str, Any]:
    """A probe's numbers, measured on one core."""
    return run("probe", [name, json.dumps(numbers or {})], cores_for("1"), variables)


def architectures(options: Options) -> dict[str, Any]:
    """In a process whose kernels, activations included, were compiled by one before it."""
    probed("architectures")
    return probed("architectures")


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
    dataset = {"dataset": options.dataset} if options.dataset else {}
    return probed("first_step", {"start": time.monotonic(), **dataset}, variables)


def two_at_once(options: Options) -> dict[str, Any]:
    """Steps a second of two trainings on a core each, over those of one alone: the median of the rounds."""
    cores = available_cores()[-2:]
    if len(cores) < 2:
        return {"skipped": "needs two cores"}
    return {name: median(_pair_gain(name, cores, options) for _ in range(options.rounds)) for name in PAIRED}


def _pair_gain(workload: str, cores: tuple[int, ...], options: Options) -> float:
    other = ["--dataset", options.dataset] if options.dataset else []
    command = ["handgrad", workload, "--epochs", str(PAIR_EPOCHS), "--images", str(options.images), *other]
    alone = timed(run("worker", command, cores[:1]))
    both = [start("worker", command, [core]) for core in cores]
    return sum(alone / timed(finish(process)) for process in both)


def between_steps(options: Options) -> dict[str, Any]:
    """Python's time between two steps of workload B."""
    return probed("between_steps", {"dataset": options.dataset, "images": options.images})


def peak(options: Options) -> dict[str, Any]:
    """Memory of an ordinary training."""
    return probed("peak", {"dataset": options.dataset} if options.dataset else {})


MEASUREMENTS = {
    "between_steps": between_steps,
    "architectures": architectures,
    "two_at_once": two_at_once,
    "second_process": second_process,
    "very_first_process": very_first_process,
    "peak": peak,
}


def goal(target: float, options: Options, tell: Tell = print) -> dict[str, Any]:
    """Race handgrad, and PyTorch when it is among the contenders, to the test accuracy `target`, in turn."""
    results: dict[str, dict[str, Any]] = {name: {"rounds": []} for name in RACERS if name in options.contenders}
    for index in range(options.rounds):
        for name, result in results.items():
            if "skipped" in result:
                continue
            measured = _race(name, target, options, index)
            if "skipped" in measured:
                results[name] = measured
            else:
                result["rounds"].append(measured)
            tell(f"race round {index + 1} of {options.rounds}: {name:<10}{_said(measured)}")
    for result in results.values():
        if "rounds" in result:
            reached = [one["seconds"] for one in result["rounds"]]
            result["seconds"] = None if None in reached else median(reached)
    return {"target": target, "threads": options.threads, "training": asdict(GOAL), "contenders": results}


def _race(name: str, target: float, options: Options, seed: int) -> dict[str, Any]:
    cores = cores_for(options.threads)
    flags = ["--target", str(target), "--threads", str(len(cores)), "--seed", str(seed)]
    other = ["--dataset", options.dataset] if options.dataset else []
    if options.images != IMAGES:  # a trial; a race is on all images
        other += ["--images", str(options.images)]
    try:
        return run("race", [name, "--start", str(time.monotonic()), *flags, *other], cores)
    except ProcessError as error:
        return {"skipped": str(error)}


def _said(measured: dict[str, Any]) -> str:
    if "skipped" in measured:
        return f"skipped: {measured['skipped']}"
    best = max(lap["accuracy"] for lap in measured["laps"])
    return f"{measured['seconds']:.1f} s" if measured["seconds"] else f"not reached, best {100 * best:.2f} %"
