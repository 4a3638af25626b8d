"""Which weights a run keeps, as the console and the report say it."""

from handgrad.evaluation import wilson
from handgrad.runs.folder import Run


def kept_epoch(run: Run) -> int:
    """The epoch whose weights the run keeps: the best, where it chose one, or the last."""
    metrics = run.metrics
    return (metrics["best_epoch"] if run.config.keep == "best" else None) or len(metrics["epochs"])


def kept_weights(run: Run) -> str:
    """Which weights, and by how many images they were chosen: "epoch 7 of 20, best of 144 validation images, …"."""
    metrics, config = run.metrics, run.config
    epoch, images = f"epoch {kept_epoch(run)} of {config.epochs}", metrics["validation_images"]
    if config.keep == "last" and metrics["steps"] != metrics["epochs"][-1]["step"]:
        return f"the weights after step {metrics['steps']:,}, in epoch {len(metrics['epochs']) + 1} of {config.epochs}"
    if config.keep == "last" or metrics["best_epoch"] is None:
        why = "" if images else ": there are no validation images to choose by"
        return f"{epoch}, the last one{why if config.keep == 'best' else ''}"
    if config.monitor == "validation_loss":
        return f"{epoch}, least loss on {images:,} validation images"
    _, low, high, _ = wilson(round(images * metrics["validation"]["accuracy"]), images)
    return f"{epoch}, best of {images:,} validation images, ± {50 * (high - low):.1f} points"
