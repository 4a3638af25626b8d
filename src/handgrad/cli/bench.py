"""`handgrad bench`: training steps of one configuration timed in handgrad and in PyTorch, each alone in its process.

`python -m handgrad.cli.bench '{"engine": "handgrad", …}'` prints the numbers, see `timed`, as one line of JSON.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
from rich.table import Table

from handgrad.classical import CLASSICAL
from handgrad.cli.console import echo_additions, echo_notes, read_dataset
from handgrad.cli.flags import parse_or_help
from handgrad.config import RunConfig, build_dataset
from handgrad.errors import HandgradError, UsageError
from handgrad.machine import available_cores, peak_bytes
from handgrad.plugins import how_to_install
from handgrad.runs import diagnose_run, prepare
from handgrad.screen import Screen, echo, working
from handgrad.torch_mapping import arguments_from
from handgrad.torch_port import to_torch
from handgrad.torch_port.port import criterion, places, torch_attribute
from handgrad.training import Augmentation, Trainer
from handgrad.training.diagnose import heed

COLUMNS = ("µs/step", "images/s", "s/epoch", "1st step s", "MB", "ratio")
WARM_UP_SECONDS, TIMED_SECONDS = 0.2, 1.0
# The other optimizers of PyTorch have a foreach version.
FUSED = {"torch.optim.SGD", "torch.optim.Adam", "torch.optim.AdamW", "torch.optim.Adagrad"}

TimeSteps = Callable[[int], float]
"""Trains the first so many steps of an epoch, and returns the seconds that they took."""


def run_bench(tokens: list[str]) -> int:
    """Time the training steps of a configuration, here and in PyTorch, in processes of their own."""
    parsed = parse_or_help(tokens, "bench")
    config = parsed.config
    if config.model in CLASSICAL:
        raise UsageError(f"model {config.model} makes no training steps that could be timed (--model)")
    echo_additions(config)
    echo_notes([*parsed.notes, *_notes(config, parsed.stated)])
    dataset = read_dataset(config)
    heed(diagnose_run(config, dataset))
    trainer = Trainer(*prepare(config, dataset))
    images, size = len(trainer.split.train_rows), config.batch_size
    echo(f"{images:,} training images, {trainer.steps_per_epoch:,} steps an epoch, each of {size} images")
    found = _measured(config, parsed.options["rounds"])
    Screen().print(_table(found, images, trainer.steps_per_epoch))
    echo_notes(f"{name} left out: {one['skipped']}" for name, one in found.items() if "skipped" in one)
    echo("medians of training steps, without validation; ratio: time of a step over that of handgrad")
    return 0


def _notes(config: RunConfig, stated: dict[str, Any]) -> Iterator[str]:
    if "backend" in stated:
        yield "no effect here: backend (handgrad and PyTorch are both timed)"
    if any(getattr(config, field.name) for field in fields(Augmentation) if field.name != "elastic_sigma"):
        yield "PyTorch trains without the augmentation, which handgrad does"
    if find_spec("torch") is None:
        yield f"PyTorch is not installed, so only handgrad is timed: {how_to_install('torch')}"


def _measured(config: RunConfig, rounds: int) -> dict[str, dict[str, Any]]:
    """Medians for handgrad, and for PyTorch on one core and on all, in turn."""
    engines: dict[str, dict[str, Any]] = {"handgrad": {"engine": "handgrad"}}
    for threads in sorted({1, len(available_cores())}) if find_spec("torch") else ():
        engines[f"PyTorch, {threads} core{'s' * (threads > 1)}"] = {"engine": "torch", "threads": threads}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in engines}
    with working("timing") as update:
        for number in range(1, rounds + 1):
            for name, engine in engines.items():
                if found[name] and "skipped" in found[name][0]:
                    continue
                update(f"timing {name}, round {number} of {rounds}")
                found[name].append(_once({**engine, "config": config.to_mapping()}))
    return {name: _median(several) for name, several in found.items()}


def _median(several: list[dict[str, Any]]) -> dict[str, Any]:
    if "skipped" in several[0]:
        return several[0]
    return {key: median(one[key] for one in several) for key in several[0]}


def _once(task: dict[str, Any]) -> dict[str, Any]:
    """Time one engine in a process of its own.  Raises  HandgradError when that fails."""
    command = [sys.executable, "-m", "handgrad.cli.bench", json.dumps({**task, "start": time.monotonic()})]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise HandgradError(f"the process that timed {task['engine']} failed: {said[-1]}")
    numbers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def _table(found: dict[str, dict[str, Any]], images: int, steps: int) -> Table:
    table = Table(box=None)
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, one in found.items():
        if "skipped" not in one:
            epoch = steps * one["seconds"]
            cells = (f"{1e6 * one['seconds']:.0f}", f"{images / epoch:,.0f}", f"{epoch:.2f}", f"{one['first']:.1f}")
            ratio = f"{one['seconds'] / found['handgrad']['seconds']:.2f}"
            table.add_row(name, *cells, f"{one['bytes'] / 1e6:.0f}", ratio)
    return table


def timed(engine: str, config: dict[str, Any], start: float, threads: int = 1) -> dict[str, Any]:
    """Seconds of a step, from `start` (time.monotonic) to the end of the first step, and peak bytes.

    What PyTorch lacks is a reason under `skipped`, not an error.
    """
    settings = RunConfig(**config)
    trainer = Trainer(*prepare(settings, build_dataset(settings)))
    try:
        time_steps = trainer.seconds_for if engine == "handgrad" else ordinary_pytorch(trainer, threads)
    except UsageError as reason:
        return {"skipped": str(reason)}
    time_steps(1)
    first = time.monotonic() - start
    return {"seconds": step_seconds(time_steps, trainer.steps_per_epoch), "first": first, "bytes": peak_bytes()}


def step_seconds(time_steps: TimeSteps, steps_per_epoch: int) -> float:
    """Seconds of a step once a doubling number of them has warmed everything up."""
    steps = 1
    while time_steps(steps) < WARM_UP_SECONDS and steps < steps_per_epoch:
        steps = min(2 * steps, steps_per_epoch)
    seconds, calls = 0.0, 0
    while seconds < TIMED_SECONDS:
        seconds, calls = seconds + time_steps(steps), calls + 1
    return seconds / (steps * calls)


def ordinary_pytorch(trainer: Trainer, threads: int) -> TimeSteps:
    """The same network, loss, optimizer, penalties and batches in the loop that PyTorch programs usually have.

    The images are one tensor, updates are fused, denormal numbers flushed to zero; there is no augmentation.

    Raises  UsageError when PyTorch has no counterpart of a layer, the loss or the optimizer, or there is an L1 penalty.
    """
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    network, batches, clip_norm = trainer.network, trainer.batches(0), trainer.settings.transforms.clip_norm
    model, loss = to_torch(network).train(), criterion(network.loss)
    optimizer = _optimizer(trainer, model)
    plane = batches.images.shape[1] // len(batches.scale)
    pixels = batches.images.astype(network.dtype) * batches.scale.repeat(plane) + batches.shift.repeat(plane)
    images = torch.from_numpy(pixels.reshape(-1, *network.input_shape))
    labels, order = torch.from_numpy(np.array(batches.labels)), torch.from_numpy(np.array(batches.order))

    def time_steps(steps: int) -> float:
        rates = [trainer.learning_rate_at(step) for step in range(1, steps + 1)]
        begin = time.perf_counter()
        for rate, rows in zip(rates, order.split(batches.size), strict=False):
            optimizer.zero_grad()
            loss(model(images[rows]).flatten(1), labels[rows]).backward()
            if clip_norm:
                torch.nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        return time.perf_counter() - begin

    return time_steps


def _optimizer(trainer: Trainer, model: Any) -> Any:
    """PyTorch's optimizer, with one group of parameters, or two where only the weights decay."""
    ours, transforms = trainer.settings.optimizer, trainer.settings.transforms
    if ours.torch is None or transforms.l1:
        lacking = "L1 penalty" if transforms.l1 else f"optimizer {type(ours).__name__.lower()}"
        raise UsageError(f"PyTorch has no {lacking}")
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if transforms.weight_decay:
        decaying = {place.key for place in places(trainer.network) if place.trained and place.slot.part.penalised}
        weights, others = (
            [p for name, p in model.named_parameters() if (name in decaying) is decays] for decays in (True, False)
        )
        groups = [{"params": weights, "weight_decay": transforms.weight_decay}, {"params": others, "weight_decay": 0.0}]
    arguments = arguments_from(ours, ours.torch.arguments) | {"fused" if ours.torch.name in FUSED else "foreach": True}
    return torch_attribute(ours.torch.name)(groups, lr=ours.learning_rate, **arguments)


if __name__ == "__main__":
    print(json.dumps(timed(**json.loads(sys.argv[1]))))
