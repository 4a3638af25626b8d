"""Results as tables: for a terminal of 80 columns, and in Markdown."""

from collections.abc import Callable, Iterator
from typing import Any

from rich.table import Table

from handgrad.bench.grid_words import grid_lines
from handgrad.bench.sweep_tables import sweep_markdown

Row = dict[str, Any]
COLUMNS: dict[str, Callable[[Row], str]] = {
    "µs/step": lambda row: f"{row['us_per_step']:.0f}",
    "epoch s": lambda row: f"{row['epoch_seconds']:.3f}",
    "ratio": lambda row: _ratio(row) or "–",
    "1st s": lambda row: f"{row['first_epoch_seconds']:.2f}",
    "MB": lambda row: f"{row['peak_bytes'] / 1e6:.0f}",
    "test %": lambda row: f"{100 * row['accuracy']:.2f}{_flag(row)}",
    "limit %": lambda row: f"{100 * row['share_of_limit']:.0f}",
}
NOTES = """ratio: time of a step over handgrad's, the median of the rounds
1st s: the first epoch, with what is compiled in it
test %: after as many epochs; ! where more than 0.5 points from handgrad's
limit %: what a step's matrix products and its optimizer's memory traffic take
         at this core's best, over the time taken; above 100 where products
         with black pixels are left out"""


def workload_tables(results: dict[str, Any]) -> Iterator[Table]:
    """One table a workload; the caption names who was skipped, and why."""
    for name, workload in results.get("workloads", {}).items():
        caption = "\n".join(f"{who} skipped: {why}" for who, why in skipped(workload).items())
        title = f"{name}: {workload['title']}"
        table = Table(title=title, caption=caption or None, box=None, title_justify="left", caption_justify="left")
        table.add_column("contender")
        for column in COLUMNS:
            table.add_column(column, justify="right")
        for contender, row in workload["summary"].items():
            table.add_row(contender, *(cell(row) for cell in COLUMNS.values()))
        yield table


def skipped(workload: dict[str, Any]) -> dict[str, str]:
    """Who did not take part, and the reason."""
    return {who: result["skipped"] for who, result in workload["contenders"].items() if "skipped" in result}


def extra_lines(results: dict[str, Any]) -> Iterator[str]:
    """The other measurements, a line each."""
    for name, numbers in results.get("extras", {}).items():
        said = ", ".join(f"{key.replace('_', ' ')} {_number(value)}" for key, value in numbers.items())
        yield f"{name.replace('_', ' ')}: {said}"
    race = results.get("goal")
    if not race:
        return
    for name, result in race["contenders"].items():
        seconds = result.get("skipped") or (f"{result['seconds']:.1f} s" if result["seconds"] else "not reached")
        yield f"{100 * race['target']:g} % on {race['training']['dataset']}, {name}: {seconds}"


def markdown(results: dict[str, Any]) -> str:
    """The README's tables: µs a step with the ratio to handgrad, then accuracy, first epoch and memory."""
    facts, options = results["machine"], results["options"]
    workloads = results.get("workloads", {})
    parts = []
    if workloads:
        named = [name for name in options["contenders"] if any(name in one["summary"] for one in workloads.values())]
        parts = [
            "µs per training step, and how many times handgrad's that is:",
            _grid(workloads, named, _speed, lambda name, one: f"{name}: {one['title']}"),
            "Test accuracy in % / first epoch in s (with compiling) / peak memory in MB:",
            _grid(workloads, named, _rest, lambda name, one: name),
        ]
        missing = {f"{who} ({why})": None for one in workloads.values() for who, why in skipped(one).items()}
        parts += [f"Skipped in a workload: {'; '.join(missing)}."] if missing else []
    parts += [sweep_markdown(results["sweep"])] if "sweep" in results else []
    lines = [*extra_lines(results), *grid_lines(results)]
    parts += ["\n".join(f"- {line}" for line in lines)] if lines else []
    threads = "one thread" if options["threads"] == "1" else f"all {facts['cores']} cores"
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    vectors = (facts["vector_instructions"] or ["no vector instructions"])[-1]
    about = f"{results['date']}, {facts['processor']}, {vectors}, {facts['cores']} cores"
    if workloads:
        size = f"{options['rounds']} rounds of {options['epochs']} epochs, {options['images']} images"
        about += f", {threads}; {size}"
    about += f". {versions}."
    return "\n\n".join([*parts, about]) + "\n"


def _grid(workloads: dict[str, Any], named: list[str], cell: Callable[[Row], str], label: Callable[..., str]) -> str:
    lines = [["workload", *named], ["---", *("---:" for _ in named)]]
    for name, one in workloads.items():
        lines.append(
            [label(name, one), *(cell(one["summary"][who]) if who in one["summary"] else "–" for who in named)]
        )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _speed(row: Row) -> str:
    ratio = _ratio(row)
    return f"{row['us_per_step']:.0f}" + (f" ({ratio}×)" if ratio else "")


def _rest(row: Row) -> str:
    return f"{100 * row['accuracy']:.1f}{_flag(row)} / {row['first_epoch_seconds']:.1f} / {row['peak_bytes'] / 1e6:.0f}"


def _ratio(row: Row) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.2f}"


def _flag(row: Row) -> str:
    return " !" if row["equal_accuracy"] is False else ""


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
