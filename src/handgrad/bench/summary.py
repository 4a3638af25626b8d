"""From rounds to the few numbers that are shown."""

from statistics import mean, median
from typing import Any

OURS = "handgrad"
EQUAL_ACCURACY = 0.005


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
