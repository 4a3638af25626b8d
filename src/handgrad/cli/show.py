"""What a command prints at its end."""

from collections.abc import Sequence

from handgrad.classical import Estimate
from handgrad.cli.console import say
from handgrad.evaluation import mean_interval
from handgrad.runs import Prepared, Run
from handgrad.runs.classical import MOST_TRAIN_ROWS
from handgrad.training import Trainer


def print_result(run: Run) -> None:
    """Accuracy on the three parts, and what one would do next with the run."""
    metrics = run.metrics
    parts = [
        f"{part} {100 * metrics[part]['accuracy']:.2f} %"
        for part in ("test", "validation", "train")
        if _measured(metrics, part)
    ]
    ending = {
        "patience": f", stopped early: best was epoch {metrics['best_epoch']}",
        "time limit": ", stopped at the time limit",
    }
    say(f"accuracy: {', '.join(parts)}   ({metrics['seconds']:.1f} s of training{ending.get(metrics['stopped'], '')})")
    say(f"next: handgrad evaluate {run.path}")


def print_seeds(runs: Sequence[Run]) -> None:
    """Mean and 95 % interval over replicates that differ in their seed alone."""
    say(f"over {len(runs)} seeds, mean and 95 % interval (Student's t):")
    for part in ("test", "validation", "train"):
        values = [100 * run.metrics[part]["accuracy"] for run in runs if _measured(run.metrics, part)]
        if values:
            mean, low, high, _ = mean_interval(values)
            say(f"  {part:<11}{mean:.2f} %   [{low:.2f}, {high:.2f}]")


def _measured(metrics: dict[str, dict[str, float | None]], part: str) -> bool:
    return metrics[part]["accuracy"] is not None


def print_plan(trainer: Trainer, seconds: float) -> None:
    """The network layer by layer, and how long training it would take."""
    network = trainer.network
    sizes = [sum(part.size for part in plan.parameters) for plan in network.plans]
    print("layers:")
    print(f"  {'input':<22}{network.input_shape!s:<16}")
    for layer, plan, size in zip(network.layers, network.plans, sizes, strict=True):
        print(f"  {type(layer).__name__:<22}{plan.output!s:<16}{f'{size:,}' if size else '':>12}")
    print(f"parameters: {network.parameters.size:,}")
    print(f"steps: {trainer.total_steps:,} ({trainer.settings.epochs} epochs of {trainer.steps_per_epoch:,})")
    print(f"estimated time: {duration(seconds)}")


def print_fit_plan(prepared: Prepared, expected: Estimate, test_images: int) -> None:
    """A classical model, what it is fitted to, and how long that would take."""
    model, x = prepared.model, prepared.x_train
    options = ", ".join(f"{name} {value:g}" for name, value in vars(model).items())
    scored = test_images + len(prepared.parts.validation_rows) + min(len(x), MOST_TRAIN_ROWS)
    print(f"model: {model.title}{f' ({options})' if options else ''}")
    print(f"fitted to: {len(x):,} images of {x.shape[1]:,} numbers each, then {scored:,} are scored")
    print(f"estimated time: {duration(expected.fit)} to fit, {duration(expected.score * scored)} to score")
    trial = f"a fit to {expected.images:,} took {expected.seconds:.2f} s"
    print(f"  ({trial}, and grows with their number to the power {model.fit_power:g})")


def duration(seconds: float) -> str:
    """Seconds as a person would say them: "8 s", "3 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
