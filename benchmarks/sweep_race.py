"""Everyone sweeps the same configurations, in turn, each in processes of its own; handgrad once more at the end."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from benchmarks.processes import finish, start, watched
from benchmarks.rounds import EQUAL_ACCURACY, OURS, Log, in_turn
from benchmarks.sweepers import SWEEPERS, Job, write_job
from benchmarks.training_times import Span, waits
from benchmarks.workloads import IMAGES
from handgrad.config import RunConfig, build_dataset, build_initializer, build_optimizer, build_split
from handgrad.data import Dataset
from handgrad.errors import UsageError
from handgrad.machine import available_cores
from handgrad.nn import ACTIVATIONS
from handgrad.sweeps import SweepDefinition, read_sweep
from handgrad.sweeps.samplers import Random
from handgrad.torch_mapping import arguments_from

SWEEP = "da6401"


@dataclass(frozen=True)
class Options:
    """How many configurations, of how many epochs, on how many images, and who takes part."""

    sweepers: tuple[str, ...] = tuple(SWEEPERS)
    configurations: int = 40
    epochs: int = 5
    images: int = IMAGES
    dataset: str = "fashion_mnist"
    rounds: int = 1
    seed: int = 0


def sweepers_of(peers: Sequence[str]) -> tuple[str, ...]:
    """handgrad's own and those of the peers named."""
    return tuple(name for name, entry in SWEEPERS.items() if not entry.peer or entry.peer in peers)


def sweep_race(options: Options, log: Log = print) -> dict[str, Any]:
    """Each sweeper's rounds and their summary, as plain data.

    Raises  UsageError, FileSystemError, CorruptDataError for a data set that cannot be had.
    """
    others = [name for name in options.sweepers if name != OURS]
    with tempfile.TemporaryDirectory(prefix="handgrad-") as made:
        folder = Path(made)
        job = prepared(options, folder)
        log("a sweep of two configurations first, so that everything is compiled")
        _once(OURS, replace(job, trials=job.trials[:2]), folder)

        def once(name: str, index: int) -> dict[str, Any]:
            log(f"{name} sweeps {options.configurations} configurations")
            return _once(name, job, folder)

        found = in_turn([OURS, *others, OURS] if others else [OURS], options.rounds, once, _said, log)
    return {"options": asdict(options), "slots": job.slots, "sweepers": found, "summary": summarise(found)}


def prepared(options: Options, folder: Path) -> Job:
    """The sweep in handgrad's words and in PyTorch's, and the images, split as handgrad splits them, in `folder`."""
    base = RunConfig(dataset=options.dataset, epochs=options.epochs, seed=options.seed)
    definition = read_sweep(SWEEP, base).fixed(dataset=options.dataset, epochs=options.epochs)
    dataset = build_dataset(base)
    there = len(build_split(definition.to_config(_first(definition, base), base), dataset).train_rows)
    if options.images < there:
        base = base.replaced(train_fraction=options.images / there)
    configs = configurations(definition, base, options.configurations)
    _write_images(configs[0], dataset, folder)
    trials = [in_torch(config, dataset) for config in configs]
    cores = available_cores()
    return Job(len(cores), folder, definition.to_mapping(), base.to_mapping(), trials, folder)


def _first(definition: SweepDefinition, base: RunConfig) -> dict[str, Any]:
    return Random(definition, base, base.seed).suggest(0, (), ()) or {}


def configurations(definition: SweepDefinition, base: RunConfig, count: int) -> list[RunConfig]:
    """The first that handgrad's random search tries, in its order."""
    sampler, taken = Random(definition, base, base.seed), set[str]()
    found: list[RunConfig] = []
    while len(found) < count and (values := sampler.suggest(len(found), taken, ())) is not None:
        taken.add(definition.key(values))
        found.append(definition.to_config(values, base))
    return found


def in_torch(config: RunConfig, dataset: Dataset) -> dict[str, Any]:
    """A configuration in the words of `torch_sweeps.train`, by the mappings of layers and optimizers."""
    optimizer, activation = build_optimizer(config), ACTIVATIONS[config.activation]()
    mapping = optimizer.torch
    if mapping is None:
        raise UsageError(f"PyTorch has no optimizer {config.optimizer}")
    (module,) = activation.torch_modules((1,))
    return {
        "sizes": [int(np.prod(dataset.image_shape)), *config.hidden_sizes, dataset.classes],
        "activation": module.name.removeprefix("torch.nn."),
        "weights": config.weight_init,
        "std": getattr(build_initializer(config), "std", None),
        "optimizer": mapping.name.removeprefix("torch.optim."),
        "arguments": {"lr": optimizer.learning_rate, **arguments_from(optimizer, mapping.arguments)},
        "weight_decay": config.weight_decay,
        "batch_size": config.batch_size,
        "epochs": config.epochs,
        "seed": config.seed,
    }


def _write_images(config: RunConfig, dataset: Dataset, folder: Path) -> None:
    parts = build_split(config, dataset)
    for part, rows in (("train", parts.train_rows), ("validation", parts.validation_rows)):
        pixels = parts.x[rows].reshape(len(rows), -1).astype(np.float32) / np.float32(255)
        np.save(folder / f"x_{part}.npy", pixels)
        np.save(folder / f"y_{part}.npy", parts.y[rows].astype(np.int64))


def _once(name: str, job: Job, folder: Path) -> dict[str, Any]:
    """One sweep in a process of its own, on every core, in a new folder below `folder`.  Raises  ProcessError."""
    own = replace(job, folder=Path(tempfile.mkdtemp(dir=folder)))
    write_job(own)
    begin = time.time()
    process = start("sweep", {"name": name, "folder": str(own.folder)}, available_cores(), {"OMP_NUM_THREADS": "1"})
    with watched(process.pid) as peak:
        measured = finish(process)
    return measured if "skipped" in measured else _numbers(measured, job, begin) | {"peak_bytes": peak.bytes}


def _numbers(measured: dict[str, Any], job: Job, begin: float) -> dict[str, Any]:
    trials = sorted(measured["trials"], key=lambda trial: trial["number"])
    if len(trials) != len(job.trials):
        return {"skipped": f"{len(trials)} of {len(job.trials)} trials came to an end"}
    found = [Span(trial["stepped"], trial["over"]) for trial in trials]
    seconds, between = measured["done"] - begin, waits(found, job.slots)
    return {
        "seconds": seconds,
        "trials_per_hour": 3600 * len(trials) / seconds,
        "first_step_seconds": min(found).stepped - begin,
        "between_seconds": mean(between) if between else None,
        "longest_between_seconds": max(between, default=None),
        "accuracies": [trial["accuracies"] for trial in trials],
    }


def _said(measured: dict[str, Any]) -> str:
    return f"{measured['seconds']:.1f} s, {measured['trials_per_hour']:,.0f} trials an hour"


def summarise(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A row for each sweeper that was not skipped; see `row`."""
    swept = {name: result["rounds"] for name, result in found.items() if result.get("rounds")}
    return {name: row(rounds, swept.get(OURS, [])) for name, rounds in swept.items()}


def row(rounds: list[dict[str, Any]], ours: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds; `ratio` is handgrad's trials an hour over these, in medians.

    `apart` is the mean difference of the best validation accuracies from handgrad's, configuration by configuration,
    `median_apart` the median of them, and `equal_accuracy` whether the mean is within half a point. All are None where
    handgrad has no rounds. `drift` is the highest of the trials an hour over the lowest.
    """
    names = ("seconds", "trials_per_hour", "first_step_seconds", "between_seconds", "longest_between_seconds")
    middle = {name: median_of(rounds, name) for name in (*names, "peak_bytes")}
    rates = [one["trials_per_hour"] for one in rounds]
    best = np.median([_best(one) for one in rounds], axis=0)
    apart = best - np.median([_best(one) for one in ours], axis=0) if ours else None
    return {
        **middle,
        "drift": max(rates) / min(rates),
        "accuracy": float(best.mean()),
        "ratio": median(one["trials_per_hour"] for one in ours) / median(rates) if ours else None,
        "apart": None if apart is None else float(apart.mean()),
        "median_apart": None if apart is None else float(np.median(apart)),
        "equal_accuracy": None if apart is None else bool(abs(apart.mean()) <= EQUAL_ACCURACY),
    }


def median_of(rounds: list[dict[str, Any]], name: str) -> float | None:
    """Of the rounds that have the number."""
    known = [one[name] for one in rounds if one[name] is not None]
    return median(known) if known else None


def _best(one: dict[str, Any]) -> list[float]:
    return [max(accuracies) for accuracies in one["accuracies"]]
