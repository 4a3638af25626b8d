"""Every contender trains every workload, or to a test accuracy, in turn, several times over."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from benchmarks.contenders import CONTENDERS, RACERS
from benchmarks.processes import ProcessError, cores_for, run
from benchmarks.workloads import GOAL, IMAGES, WORKLOADS, Cost, cost
from handgrad.data import load

Log = Callable[[str], None]
Measured = dict[str, Any]
OURS = "handgrad"
EQUAL_ACCURACY = 0.005


@dataclass(frozen=True)
class Options:
    """What to measure: names of WORKLOADS and CONTENDERS; `threads` is "1" or "all", the first of `epochs` is apart."""

    workloads: tuple[str, ...] = tuple(WORKLOADS)
    contenders: tuple[str, ...] = tuple(CONTENDERS)
    threads: str = "1"
    rounds: int = 3
    epochs: int = 3
    images: int = IMAGES
    dataset: str = ""


def contenders_of(peers: Sequence[str]) -> tuple[str, ...]:
    """handgrad's own and those of the peers named."""
    return tuple(name for name, entry in CONTENDERS.items() if not entry.peer or entry.peer in peers)


def in_turn(
    order: Iterable[str],
    rounds: int,
    measure: Callable[[str, int], Measured],
    said: Callable[[Measured], str],
    log: Log,
) -> dict[str, Measured]:
    """The measurements of everyone in `order`, round by round; who is skipped once is not asked again.

    `measure` gets a name and the number of the round.
    """
    order = tuple(order)
    results: dict[str, Measured] = {name: {"rounds": []} for name in order}
    for index in range(rounds):
        for name in order:
            if "skipped" in results[name]:
                continue
            try:
                measured = measure(name, index)
            except ProcessError as error:
                measured = {"skipped": str(error)}
            if "skipped" in measured:
                results[name] = measured
            else:
                results[name]["rounds"].append(measured)
            text = f"skipped: {measured['skipped']}" if "skipped" in measured else said(measured)
            log(f"round {index + 1} of {rounds}: {name:<15}{text}")
    return results


def measure(options: Options, log: Log = print) -> Measured:
    """Limits of the processor, and for each workload every contender's rounds and their summary, as plain data."""
    if not options.workloads:
        return {"options": asdict(options)}
    costs = {name: cost(WORKLOADS[name], _image_shape(name, options)) for name in options.workloads}
    sizes = sorted({one.optimizer_arrays_bytes for one in costs.values()})
    log("measuring the processor: matrix products, memory")
    limits = run("limits", {"array_bytes": sizes}, cores_for("1"))
    measured = {name: _workload(name, options, _limit(costs[name], limits), log) for name in options.workloads}
    return {"options": asdict(options), "limits": limits, "workloads": measured}


def _image_shape(name: str, options: Options) -> tuple[int, ...]:
    return load(options.dataset or WORKLOADS[name].dataset).image_shape


def _limit(one: Cost, limits: Measured) -> dict[str, float]:
    """The least a step can take on one core: its products at the best library's peak, its optimizer's traffic."""
    products = one.flops / max(limits["sgemm_flops"].values())
    traffic = one.optimizer_bytes / limits["stream_bytes"][str(one.optimizer_arrays_bytes)]
    numbers = {"flops": one.flops, "optimizer_bytes": one.optimizer_bytes}
    return numbers | {"products_us": 1e6 * products, "optimizer_us": 1e6 * traffic, "us": 1e6 * (products + traffic)}


def _workload(name: str, options: Options, limit: dict[str, float], log: Log) -> Measured:
    cores = cores_for(options.threads)
    common = {"workload": name, "epochs": options.epochs, "images": options.images, "dataset": options.dataset}

    def once(contender: str, index: int) -> Measured:
        return run("train", {"contender": contender, **common, "threads": len(cores), "seed": index}, cores)

    def said(one: Measured) -> str:
        return f"{1e6 * min(one['epoch_seconds'][1:]) / one['steps']:.0f} µs a step"

    log(f"workload {name}")
    results = in_turn(options.contenders, options.rounds, once, said, log)
    measured = {"title": WORKLOADS[name].title, "limit": limit, "contenders": results}
    return measured | {"summary": summarise(results, limit["us"])}


def goal(target: float, options: Options, log: Log = print) -> Measured:
    """Race handgrad, and PyTorch when it is among the contenders, to the test accuracy `target`, in turn."""
    cores = cores_for(options.threads)
    common = {"target": target, "dataset": options.dataset, "threads": len(cores)}
    if options.images != IMAGES:  # a trial; a race is on all images
        common["images"] = options.images

    def once(name: str, index: int) -> Measured:
        return run("race", {"contender": name, "start": time.monotonic(), **common, "seed": index}, cores)

    def said(one: Measured) -> str:
        best = max(lap["accuracy"] for lap in one["laps"])
        return f"{one['seconds']:.1f} s" if one["seconds"] else f"not reached, best {100 * best:.2f} %"

    log(f"race to {100 * target:g} %")
    results = in_turn([name for name in RACERS if name in options.contenders], options.rounds, once, said, log)
    for result in results.values():
        if "rounds" in result:
            reached = [one["seconds"] for one in result["rounds"]]
            result["seconds"] = None if None in reached else median(reached)
    return {"target": target, "threads": options.threads, "training": asdict(GOAL), "contenders": results}


def summarise(results: dict[str, dict[str, Any]], limit_us: float) -> dict[str, dict[str, Any]]:
    """A row for each contender that was not skipped, in the order given; see `row`."""
    raced = {name: result["rounds"] for name, result in results.items() if result.get("rounds")}
    return {name: row(rounds, raced.get(OURS, []), limit_us) for name, rounds in raced.items()}


def row(rounds: list[dict[str, Any]], ours: list[dict[str, Any]], limit_us: float) -> dict[str, Any]:
    """Medians over timed epochs and rounds; `ratio` is the median of the ratios to handgrad within each round.

    The first epoch of a process, in which things are compiled, is apart. `accuracy` is the mean over the rounds, and
    `equal_accuracy` tells whether it is within half a point of handgrad's. Both are None where handgrad has no rounds.
    """
    seconds = median(epoch for one in rounds for epoch in one["epoch_seconds"][1:])
    accuracies = [one["accuracy"] for one in rounds]
    us_per_step, accuracy = 1e6 * seconds / rounds[0]["steps"], mean(accuracies)
    ratios = [timed(theirs) / timed(own) for theirs, own in zip(rounds, ours, strict=False)]
    return {
        "us_per_step": us_per_step,
        "epoch_seconds": seconds,
        "ratio": median(ratios) if ratios else None,
        "first_epoch_seconds": median(one["epoch_seconds"][0] for one in rounds),
        "peak_bytes": median(one["peak_bytes"] for one in rounds),
        "accuracy": accuracy,
        "accuracy_range": max(accuracies) - min(accuracies),
        "equal_accuracy": abs(accuracy - mean(o["accuracy"] for o in ours)) <= EQUAL_ACCURACY if ours else None,
        "share_of_limit": limit_us / us_per_step,
    }


def timed(one: dict[str, Any]) -> float:
    """The median second of a round's epochs after the first."""
    return median(one["epoch_seconds"][1:])
