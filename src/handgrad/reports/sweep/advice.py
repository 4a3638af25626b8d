"""What to do with a sweep's result."""

from handgrad.reports.blocks import Block, Code, Points, Section, Table, Text, percent
from handgrad.reports.sweep.data import SweepData, in_words
from handgrad.sweeps.posthoc.test import read_chosen


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
    commands = {
        "the test accuracy of the best, looked at once": f"test {path}",
        "three good configurations that differ, on another data set": f"transfer {path} --dataset mnist --top 3",
        "the five best together": f"ensemble {path} --top 5",
        "the same configurations with more seeds": f"resume {path} --seeds {data.sweep.settings.seeds + 2}",
    }
    lines = [line for what, words in commands.items() for line in (f"# {what}", f"handgrad sweep {words}")]
    return [Text("To go on:"), Code("\n".join(lines))]


def _chosen(data: SweepData) -> list[Block]:
    """The test accuracy of what was chosen, which is looked at once it was, and chooses nothing."""
    rows = [
        (
            str(each["trial"]),
            percent(each["test_accuracy"]),
            f"{100 * each['low']:.2f} to {100 * each['high']:.2f}",
            f"{each['images']:,}",
            in_words(each["values"]),
        )
        for each in read_chosen(data.sweep)
    ]
    if not rows:
        return []
    header = ("trial", "test accuracy", "95 % interval", "images", "values")
    caption = "Test accuracy of chosen configurations, looked at after validation had chosen them"
    return [Table(header, rows, caption, ("values",), compact=True)]
