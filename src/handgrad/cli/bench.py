"""`handgrad bench`."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from statistics import median
from typing import Any

from rich.table import Table

from handgrad.classical import CLASSICAL
from handgrad.cli.console import Screen, echo, echo_additions, echo_notes, read_dataset, working
from handgrad.cli.flags import parse_or_help
from handgrad.cli.options import CONFIG, HELP, Option
from handgrad.config import RunConfig
from handgrad.config.value_types import Whole
from handgrad.errors import HandgradError, UsageError
from handgrad.machine import available_cores
from handgrad.plugins import how_to_install
from handgrad.runs import diagnose_run, prepare
from handgrad.training import Trainer
from handgrad.training.diagnose import heed

OPTIONS = (CONFIG, Option("rounds", Whole(1, 100), "how often each engine is timed", default=3), HELP)
EXAMPLES = ("handgrad bench --dataset mnist -hl 128 64 -a relu", "handgrad bench --config my.yaml --rounds 5")
COLUMNS = ("µs/step", "images/s", "s/epoch", "1st step s", "MB", "ratio")


def run_bench(tokens: list[str]) -> int:
    """Time the training steps of a configuration, here and in PyTorch, in processes of their own."""
    parsed = parse_or_help(tokens, "handgrad bench", EXAMPLES, OPTIONS)
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
    if config.noise or config.shift or config.elastic:
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
    command = [sys.executable, "-m", "handgrad.cli.timing", json.dumps({**task, "start": time.monotonic()})]
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
