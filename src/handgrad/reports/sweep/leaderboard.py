"""The configurations by rank."""

from collections.abc import Sequence

from handgrad.reports.blocks import Attachment, Block, Code, Section, Table, Text, spelled
from handgrad.reports.sweep.data import SweepData
from handgrad.reports.sweep.facts import counted
from handgrad.reports.sweep.tables import leaderboard_table
from handgrad.sweeps.analysis.result import Entry

TOP, TIED = 20, " ≈"


def leaderboard_section(data: SweepData) -> Section:
    """The best and the worst, each with its command; all of them as CSV."""
    entries = data.analysis.entries
    if not entries:
        return Section("leaderboard", "", [])
    blocks: list[Block] = [
        _table(data, entries[:TOP], _caption(data)),
        Attachment("leaderboard.csv", leaderboard_table(data).csv(), _all(data)),
    ]
    blocks += [Text("The best that was tried:"), Code(entries[0].command)]
    if len(entries) > 1:
        worst = entries[-1]
        blocks += [Text(f"The worst, {data.measure.text(worst.objective.mean)}:"), Code(worst.command)]
    return Section("leaderboard", "Leaderboard", blocks)


def _caption(data: SweepData) -> str:
    entries = data.analysis.entries
    shown = (
        f"The best {TOP} of {len(entries):,} configurations"
        if len(entries) > TOP
        else counted(len(entries), "configuration")
    )
    tied = sum(entry.tied for entry in entries) > 1
    return (
        f"{shown} by {data.measure.label}, with 95 % intervals over "
        f"{' or '.join(dict.fromkeys(OVER[entry.over] for entry in entries))}"
        f"{f'.{TIED}: not to be told apart from the best' if tied else ''}"
    )


OVER = {
    "seeds": "seeds (Student's t)",
    "images": "the images of a single run (Wilson)",
    "nothing": "nothing, where there is one run",
}


def _all(data: SweepData) -> str:
    return f"all {counted(len(data.analysis.entries), 'configuration')} with their values, intervals and commands"


def _table(data: SweepData, entries: Sequence[Entry], caption: str) -> Table:
    names, measure = data.parameters, data.measure
    header = ("", measure.label, "95 % interval", "runs", "seconds", *(name.replace("_", " ") for name in names))
    rows = [
        (
            f"{entry.rank}{TIED * (entry.tied and entry.rank > 1)}",
            f"{measure.factor * entry.objective.mean:.{measure.digits}f}",
            measure.bounds(entry.objective.low, entry.objective.high),
            str(len(entry.trials)),
            f"{entry.seconds:.3g}",
            *(spelled(entry.values[name]) for name in names),
        )
        for entry in entries
    ]
    return Table(header, rows, caption, compact=True)
