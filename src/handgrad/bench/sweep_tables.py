"""The sweeps' throughput as a table: for a terminal of 80 columns, and in Markdown."""

from collections.abc import Callable
from typing import Any

from rich.table import Table

Row = dict[str, Any]
COLUMNS: dict[str, Callable[[Row], str]] = {
    "trials/h": lambda row: f"{row['trials_per_hour']:,.0f}",
    "ratio": lambda row: "–" if row["ratio"] is None else f"{row['ratio']:.2f}",
    "s": lambda row: f"{row['seconds']:.1f}",
    "1st s": lambda row: f"{row['first_step_seconds']:.2f}",
    "between ms": lambda row: _ms(row["between_seconds"]),
    "MB": lambda row: "–" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 1e6:,.0f}",
    "valid. %": lambda row: f"{100 * row['accuracy']:.2f}{' !' if row['equal_accuracy'] is False else ''}",
}
NOTES = """ratio: handgrad's trials an hour over the row's
1st s: from the start of the process to the end of the first trial's first step
between ms: from the end of a trial's last epoch, with its validation, to the
            end of the first step of the one that takes its place; the mean
MB: the most that the process and all that it started occupied together
valid. %: the mean over the configurations of the best epoch's accuracy; ! where
          it is more than 0.5 points from handgrad's"""


def title(race: Row) -> str:
    """What was run."""
    options = race["options"]
    return (
        f"{options['configurations']} configurations of da6401, {options['epochs']} epochs, {options['dataset']}, "
        f"{options['images']:,} images, {race['slots']} at a time"
    )


def sweep_table(race: Row) -> Table:
    """A row for each who swept; the caption names who was skipped, and why."""
    caption = "\n".join(f"{who} skipped: {why}" for who, why in skipped_sweepers(race).items())
    table = Table(title=title(race), caption=caption or None, box=None, title_justify="left", caption_justify="left")
    table.add_column("sweeper")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, row in race["summary"].items():
        table.add_row(name, *(cell(row) for cell in COLUMNS.values()))
    return table


def skipped_sweepers(race: Row) -> dict[str, str]:
    """Who did not take part, and the reason."""
    return {who: result["skipped"] for who, result in race["sweepers"].items() if "skipped" in result}


def sweep_lines(race: Row) -> list[str]:
    """What does not fit into the table."""
    lines = []
    for name, row in race["summary"].items():
        if row["drift"] != 1:
            lines.append(f"{name}: the best of its turns has {100 * (row['drift'] - 1):.0f} % more than the worst")
        if name != "handgrad" and row["apart"] is not None:
            mean, median = 100 * row["apart"], 100 * row["median_apart"]
            lines.append(f"{name}: accuracy {mean:+.2f} points from handgrad's (mean), {median:+.2f} (median)")
    return lines


def sweep_markdown(race: Row) -> str:
    """The table in Markdown, with what was run above and the rest below it."""
    rows = [["sweeper", *COLUMNS], ["---", *("---:" for _ in COLUMNS)]]
    rows += [[name, *(cell(row) for cell in COLUMNS.values())] for name, row in race["summary"].items()]
    grid = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    missing = [f"{who} skipped: {why}" for who, why in skipped_sweepers(race).items()]
    rest = "\n".join(f"- {line}" for line in [*sweep_lines(race), *missing])
    return "\n\n".join([f"{title(race)}:", grid, *([rest] if rest else [])])


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:.0f}"
