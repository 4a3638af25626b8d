"""Every contender trains every workload, in turn, several times over."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from handgrad.bench.contenders import CONTENDERS
from handgrad.bench.processes import ProcessError, cores_for, run
from handgrad.bench.summary import summarise
from handgrad.bench.workloads import IMAGES, WORKLOADS, Cost, cost
from handgrad.data import load

Tell = Callable[[str], None]


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


def measure(options: Options, tell: Tell = print) -> dict[str, Any]:
    """Limits of the processor, and for each workload every contender's rounds and their summary, as plain data."""
    if not options.workloads:
        return {"options": asdict(options)}
    costs = {name: cost(WORKLOADS[name], _image_shape(name, options)) for name in options.workloads}
    sizes = sorted({one.optimizer_arrays_bytes for one in costs.values()})
    tell("measuring the processor: matrix products, memory")
    limits = run("probe", ["limits", json.dumps({"array_bytes": sizes})], cores_for("1"))
    measured = {name: _workload(name, options, _limit(costs[name], limits), tell) for name in options.workloads}
    return {"options": asdict(options), "limits": limits, "workloads": measured}


def _image_shape(name: str, options: Options) -> tuple[int, int]:
    return load(options.dataset or WORKLOADS[name].dataset).image_shape


def _limit(one: Cost, limits: dict[str, Any]) -> dict[str, float]:
    """The least a step can take on one core: its products at the best library's peak, its optimizer's traffic."""
    products = one.flops / max(limits["sgemm_flops"].values())
    traffic = one.optimizer_bytes / limits["stream_bytes"][str(one.optimizer_arrays_bytes)]
    numbers = {"flops": one.flops, "optimizer_bytes": one.optimizer_bytes}
    return numbers | {"products_us": 1e6 * products, "optimizer_us": 1e6 * traffic, "us": 1e6 * (products + traffic)}


def _workload(name: str, options: Options, limit: dict[str, float], tell: Tell) -> dict[str, Any]:
    results: dict[str, dict[str, Any]] = {contender: {"rounds": []} for contender in options.contenders}
    for index in range(options.rounds):
        for contender, result in results.items():
            if "skipped" in result:
                continue
            measured = _once(contender, name, options, seed=index)
            if "skipped" in measured:
                results[contender] = measured
            else:
                result["rounds"].append(measured)
            tell(f"{name} round {index + 1} of {options.rounds}: {contender:<15}{_said(measured)}")
    shown = {"title": WORKLOADS[name].title, "limit": limit, "contenders": results}
    return shown | {"summary": summarise(results, limit["us"])}


def _once(contender: str, workload: str, options: Options, seed: int) -> dict[str, Any]:
    cores = cores_for(options.threads)
    numbers = {"epochs": options.epochs, "images": options.images, "threads": len(cores), "seed": seed}
    flags = [text for flag, number in numbers.items() for text in (f"--{flag}", str(number))]
    other = ["--dataset", options.dataset] if options.dataset else []
    try:
        return run("worker", [contender, workload, *flags, *other], cores)
    except ProcessError as error:
        return {"skipped": str(error)}


def _said(measured: dict[str, Any]) -> str:
    if "skipped" in measured:
        return f"skipped: {measured['skipped']}"
    return f"{1e6 * min(measured['epoch_seconds'][1:]) / measured['steps']:.0f} µs a step"
