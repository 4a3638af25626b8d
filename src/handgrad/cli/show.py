"""`handgrad show`, and what other commands print at their end."""

import textwrap
from collections.abc import Sequence
from typing import Any

from handgrad.classical import CLASSICAL, Estimate
from handgrad.cli.commands import Parser
from handgrad.cli.console import echo_notes
from handgrad.config import RunConfig
from handgrad.config.schema import departures
from handgrad.evaluation import mean_share
from handgrad.nn.summary import summary_text
from handgrad.runs import Prepared, Run, open_run
from handgrad.runs.classical import MOST_TRAIN_ROWS
from handgrad.runs.predictions import kept_epoch, kept_weights
from handgrad.screen import echo
from handgrad.text import duration
from handgrad.training import Trainer
from handgrad.training.layer_statistics import dead_units

PARTS = ("test", "validation", "train")
MANY_DEAD = 0.5
ENDINGS = {"patience": "patience was used up", "time limit": "the time limit was reached"}


def run_show(tokens: list[str]) -> int:
    """Print a run's network layer by layer, and how well it does."""
    run = open_run(Parser("show").arguments(tokens).run)
    network, config, metrics = run.load_model(), run.config, run.metrics
    echo(f"{run.path}: {config.model} trained on {config.dataset}, {config.optimizer}, {type(network.loss).__name__}")
    if metrics:
        echo(f"accuracy: {_accuracies(metrics)}")
    echo(summary_text(network))
    megabytes = (network.parameters.nbytes + network.buffers.nbytes) / 1e6
    echo(f"weights: {megabytes:.2f} MB of {network.dtype}; {', '.join(network.class_names)}")
    return 0


def print_result(run: Run) -> None:
    """Accuracy on the three parts, which weights those are, and what one would do next with the run."""
    metrics = run.metrics
    echo(f"accuracy: {_accuracies(metrics)}  (trained {metrics['seconds']:.1f} s)")
    if metrics["epochs"]:
        echo(f"kept: {kept_weights(run)}")
    if metrics["stopped"] in ENDINGS:
        echo(f"stopped early: {ENDINGS[metrics['stopped']]}, after step {metrics['steps']:,}")
    # Notes on layers of which the greater part learns nothing any more
    found = [] if run.config.model in CLASSICAL else dead_units(run.read_history().statistics, run.load_model())
    many = [each for each in found if each.dead >= MANY_DEAD * each.units]
    lines = [
        f"layer {each.layer}: {each.dead} of {each.units} units are dead, no gradient reaches them" for each in many
    ]
    echo_notes([*lines, *(["a lower --learning_rate, or --batch_norm, keeps units alive"] if many else [])])
    echo(f"next: handgrad evaluate {run.path}")


def print_seed(run: Run) -> None:
    """One of several seeds, in a line."""
    metrics = run.metrics
    epoch = f"; epoch {kept_epoch(run)} kept" if metrics["epochs"] else ""
    echo(f"seed {run.config.seed}: {_accuracies(metrics)}{epoch}")


def print_seeds(runs: Sequence[Run]) -> None:
    """Mean and 95 % interval over replicates that differ in their seed alone."""
    echo(f"over {len(runs)} seeds, mean and 95 % interval (Student's t):")
    for part in PARTS:
        values = [run.metrics[part]["accuracy"] for run in runs if _measured(run.metrics, part)]
        if values:
            mean, low, high = (100 * value for value in mean_share(values)[:3])
            echo(f"  {part:<11}{mean:.2f} %   [{low:.2f}, {high:.2f}]")
    echo(f"runs: {runs[0].path}")
    echo(f"      and {len(runs) - 1} beside it, the last {runs[-1].name}")


def _accuracies(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{part} {100 * metrics[part]['accuracy']:.2f} %" for part in PARTS if _measured(metrics, part))


def _measured(metrics: dict[str, Any], part: str) -> bool:
    return metrics[part]["accuracy"] is not None


def print_plan(config: RunConfig, trainer: Trainer, test_images: int, seconds: float) -> None:
    """The network layer by layer, how long training it would take, and what was chosen for it."""
    network, parts, settings = trainer.network, trainer.split, trainer.settings
    _print_parts(network.input_shape, len(parts.train_rows), len(parts.validation_rows), test_images)
    echo(summary_text(network))
    steps, epochs = f"{trainer.steps_per_epoch:,}", settings.epochs
    echo(f"steps: {trainer.total_steps:,} in all, {steps} in each of {epochs:,} epoch{'s' * (epochs > 1)}")
    echo(f"time: about {duration(seconds)} of training on this machine")
    _print_settings(config)


def print_fit_plan(config: RunConfig, prepared: Prepared, test_images: int, expected: Estimate) -> None:
    """A classical model, what it is fitted to, how long that would take, and what was chosen for it."""
    model, x, held = prepared.model, prepared.x_train, len(prepared.parts.validation_rows)
    options = ", ".join(f"{name} {value:g}" for name, value in vars(model).items())
    scored = test_images + held + min(len(x), MOST_TRAIN_ROWS)
    _print_parts(prepared.parts.x.shape[1:], len(x), held, test_images)
    echo(textwrap.fill(f"model: {model.title}{f' ({options})' if options else ''}", 80, subsequent_indent="  "))
    echo(f"fitted to: {len(x):,} images of {x.shape[1]:,} numbers each, then {scored:,} are scored")
    echo(f"time: about {duration(expected.fit)} to fit, {duration(expected.score * scored)} to score")
    echo(
        f"      (a fit to {expected.images:,} took {expected.seconds:.2f} s; time grows as images^{model.fit_power:g})"
    )
    _print_settings(config)


def _print_parts(shape: Sequence[int], train: int, validation: int, test: int) -> None:
    each = _shape(shape) if len(shape) > 1 else f"{shape[0]} numbers"
    echo(f"images: {train:,} training, {validation:,} validation, {test:,} test, each of {each}")


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(f"{size}" for size in shape)


def _print_settings(config: RunConfig) -> None:
    """The preset and those that differ from it, as the lines of a file for --config."""
    changed = departures(config)
    differing = len(changed.keys() - {"preset"})
    echo(
        f"settings that differ from preset {config.preset}: {differing}"
        if differing
        else f"settings: preset {config.preset}"
    )
    name = ""
    for line in config.to_yaml().splitlines():
        name = name if line.startswith(" ") else line.partition(":")[0]  # a long list goes on in the next line
        if name in changed:
            echo(f"  {line}")
