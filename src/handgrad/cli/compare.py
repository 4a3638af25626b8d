"""`handgrad compare RUN RUN …`."""

from collections.abc import Iterator, Sequence
from typing import Any

from handgrad.cli.commands import Parser
from handgrad.cli.console import one_by_one
from handgrad.cli.evaluate import show_table
from handgrad.config.lookup import quoted
from handgrad.evaluation.tables import Table
from handgrad.files import write_object
from handgrad.reports.comparison import pair_lines, results_table
from handgrad.runs import open_run
from handgrad.runs.comparison import Comparison, Configuration, Pair, compare
from handgrad.screen import Screen

SIDE_BY_SIDE = 5  # configurations in one table of settings


def run_compare(tokens: list[str]) -> int:
    """Print runs side by side, what differs, and what each difference can tell."""
    arguments = Parser("compare").arguments(tokens)
    comparison = compare([open_run(path) for path in arguments.runs], arguments.dataset, one_by_one)
    screen = Screen(highlight=False)
    for configuration in comparison.configurations:
        for member in configuration.members:
            screen.print(f"{configuration.letter}  {member.run.path}", soft_wrap=True, markup=False)
    screen.print()
    show_table(screen, results_table(comparison.configurations))
    for table in _settings(comparison):
        screen.print()
        show_table(screen, table)
    if not comparison.pairs:
        screen.print(f"\nreplicates: {_only_seeds(comparison.configurations[0])}")
    for pair in comparison.pairs:
        screen.print()
        style = "green" if pair.controlled else "yellow"
        screen.print(f"{pair.first.letter} against {pair.second.letter}: [bold {style}]{pair.verdict}[/]")
        for line in pair_lines(pair):
            screen.print(f"  {line}", markup=False)
    _show_missing(screen, comparison.pairs)
    if arguments.json:
        write_object(arguments.json, comparison.to_mapping())
    return 0


def _settings(comparison: Comparison) -> Iterator[Table]:
    """The settings that differ anywhere, a few configurations at a time."""
    configurations = comparison.configurations
    for start in range(0, len(configurations) if comparison.settings else 0, SIDE_BY_SIDE):
        part = slice(start, start + SIDE_BY_SIDE)
        rows = tuple((name, *map(_value, values[part])) for name, values in comparison.settings.items())
        yield Table("", ("setting", *(each.letter for each in configurations[part])), rows)


def _value(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else quoted(value)


def _only_seeds(configuration: Configuration) -> str:
    if len(configuration.replicates) == 1:
        return "the runs have the same settings and the same seed"
    return "the runs differ in their seed alone"


def _show_missing(screen: Screen, pairs: Sequence[Pair]) -> None:
    """Each command once, with what it would make controlled."""
    wanted: dict[str, list[str]] = {}
    for pair in pairs:
        for each in pair.missing:
            change = f"{pair.first.letter} with {each.setting} of {pair.second.letter}"
            wanted.setdefault(each.command, []).append(change)
    if wanted:
        screen.print("\nmissing controlled runs")
    for command, changes in wanted.items():
        screen.print(f"  {'; '.join(changes)}")
        screen.print(f"$ {command}", soft_wrap=True, markup=False)
