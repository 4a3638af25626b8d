"""The hours of a grid in words."""

from collections.abc import Iterator
from typing import Any


def grid_lines(results: dict[str, Any]) -> Iterator[str]:
    """What was trained, what all of it would take, and what was estimated."""
    grid = results.get("grid")
    if not grid:
        return
    name, seconds = grid["definition"].get("name", "the sweep"), grid["seconds"]
    yield (
        f"{name}, all {grid['size']:,} configurations, {grid['slots']} at a time: {_range(grid['hours'], 'h')}, "
        f"from {grid['sample']} trained in {grid['strata']} strata (95 % interval)"
    )
    mean, between = [seconds["mean"], seconds["low"], seconds["high"]], 1000 * grid["between_seconds"]
    yield f"a configuration has a core for {_range(mean, 's')}, of which {between:.0f} ms are between two trainings"
    yield f"the estimate (--dry_run): {_range(grid['estimated_hours'], 'h')}"


def _range(numbers: list[float], unit: str) -> str:
    mean, low, high = (f"{number:.3g}" for number in numbers)
    return f"{mean} {unit} ({low} to {high})"
