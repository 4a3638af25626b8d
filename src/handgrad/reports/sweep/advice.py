"""What to do with a sweep's result."""

import json
from typing import Any

from handgrad.errors import CorruptDataError
from handgrad.reports.blocks import Block, Code, Points, Section, Table, Text, percent
from handgrad.reports.sweep.data import SweepData, in_words

CHOSEN = "chosen.json"


def advice_section(data: SweepData) -> Section:
    """The recommendation with its reason, its test accuracy if that was asked for, and what comes next."""
    advice = data.analysis.recommendation
    if advice is None:
        return Section("recommendation", "", [])
    blocks: list[Block] = [Text(f"{in_words(advice.values)}. {advice.words}"), Code(advice.command)]
    blocks += _chosen(data)
    if advice.open:
        blocks += [Text("What it leaves open:"), Points(advice.open)]
    return Section("recommendation", "The recommendation", [*blocks, *_next(data)])


def _next(data: SweepData) -> list[Block]:
    path = data.sweep.path
    commands = [
        f"handgrad sweep transfer {path} --dataset mnist --top 3    # good and diverse ones on another data set",
        f"handgrad sweep ensemble {path} --top 5                    # several of the best together",
        f"handgrad sweep resume {path} --seeds 3                    # the same configurations with more seeds",
    ]
    return [Text("To go on:"), Code("\n".join(commands))]


def _chosen(data: SweepData) -> list[Block]:
    """The test accuracy of what was chosen, which is computed once it was, and chooses nothing."""
    rows = [
        (
            str(each["trial"]),
            percent(each["test_accuracy"]),
            _between(each),
            f"{each['images']:,}",
            in_words(each["values"]),
        )
        for each in _read_chosen(data)
    ]
    if not rows:
        return []
    header = ("trial", "test accuracy", "95 % interval", "images", "values")
    caption = "Test accuracy of the chosen configurations, computed after the choice"
    return [Table(header, rows, caption, ("values",))]


def _between(each: dict[str, Any]) -> str:
    return f"{100 * each['low']:.2f} to {100 * each['high']:.2f}"


def _read_chosen(data: SweepData) -> list[dict[str, Any]]:
    path = data.sweep.path / CHOSEN
    if not path.exists():
        return []
    try:
        return list(json.loads(path.read_text())["configurations"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptDataError(f"{path} is damaged: {error!r}. Delete it, and choose again") from error
