"""`handgrad compare RUN RUN …`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from handgrad.cli.console import Screen, one_by_one
from handgrad.cli.evaluation_screen import show_table, test_in_words
from handgrad.cli.options import Parser
from handgrad.config.lookup import quoted
from handgrad.evaluation.tables import Table, ends, p_value, percent
from handgrad.files import atomic_write
from handgrad.runs import open_run
from handgrad.runs.comparison import Comparison, Configuration, Member, Pair, compare

SIDE_BY_SIDE = 5  # configurations in one table of settings
EXAMPLES = """  handgrad compare runs/A runs/B
  handgrad compare runs/adam_s_* runs/sgd_s_*     several seeds of two settings
  handgrad compare runs/A runs/B --json numbers.json"""


def run_compare(tokens: list[str]) -> int:
    """Print runs side by side, what differs, and what each difference can tell."""
    parser = Parser(
        "compare",
        "Compare runs. Runs that differ only in their seed count as one configuration.\n"
        "For every pair of configurations the settings that differ are listed. If more\n"
        "than one differs, the comparison is confounded, and the commands of the missing\n"
        "controlled runs are printed.",
        EXAMPLES,
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs, two or more")
    parser.add_argument(
        "--dataset", help="evaluate all of them on the test images of this data set (default: their own)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE")
    arguments = parser.arguments(tokens)
    comparison = compare([open_run(path) for path in arguments.runs], arguments.dataset, one_by_one)
    _show(Screen(highlight=False), comparison)
    if arguments.json:
        atomic_write(arguments.json, json.dumps(comparison.to_mapping(), indent=2, allow_nan=False) + "\n")
    return 0


def _show(screen: Screen, comparison: Comparison) -> None:
    for configuration in comparison.configurations:
        for member in configuration.members:
            screen.print(f"{configuration.letter}  {member.run.path}", soft_wrap=True, markup=False)
    screen.print()
    show_table(screen, _results(comparison.configurations))
    for table in _settings(comparison):
        screen.print()
        show_table(screen, table)
    if not comparison.pairs:
        screen.print(f"\nreplicates: {_only_seeds(comparison.configurations[0])}")
    for pair in comparison.pairs:
        screen.print()
        _show_pair(screen, pair)
    _show_missing(screen, comparison.pairs)


def _results(configurations: Sequence[Configuration]) -> Table:
    rows = []
    for configuration in configurations:
        rows += [_member_row(configuration.letter, member) for member in configuration.members]
        if len(configuration.members) > 1:
            rows.append(_mean_row(configuration))
    columns = ("", "seed", "accuracy %", "95 % interval", "F1 %", "loss", "params", "epochs", "seconds")
    return Table("Test accuracy, macro F1, cross-entropy", columns, tuple(rows))


def _member_row(letter: str, member: Member) -> tuple[str, ...]:
    summary = member.summary
    return (
        letter,
        str(member.seed),
        percent(summary.accuracy.mean),
        ends(summary.accuracy),
        percent(summary.classes.macro.f1),
        "" if summary.cross_entropy is None else f"{summary.cross_entropy:.4f}",
        "" if member.parameters is None else f"{member.parameters:,}",
        "" if member.epochs is None else str(member.epochs),
        "" if member.seconds is None else f"{member.seconds:.1f}",
    )


def _mean_row(configuration: Configuration) -> tuple[str, ...]:
    seeds = configuration.replicates
    losses = [member.summary.cross_entropy for member in seeds]
    known = [loss for loss in losses if loss is not None]
    return (
        "mean",
        f"of {len(seeds)}",
        percent(configuration.accuracy.mean),
        ends(configuration.accuracy),
        percent(fmean(member.summary.classes.macro.f1 for member in seeds)),
        f"{fmean(known):.4f}" if known else "",
        "",
        "",
        "",
    )


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


def _show_pair(screen: Screen, pair: Pair) -> None:
    style = "green" if pair.controlled else "yellow"
    screen.print(f"{pair.first.letter} against {pair.second.letter}: [bold {style}]{pair.verdict}[/]")
    for line in _pair_lines(pair):
        screen.print(f"  {line}", markup=False)


def _pair_lines(pair: Pair) -> Iterator[str]:
    first, second = pair.first.letter, pair.second.letter
    low, high = (f"{100 * end:+.2f}" for end in (pair.difference.low, pair.difference.high))
    interval = f", 95 % interval [{low}, {high}]" if pair.over else ""
    yield f"accuracy of {first} less that of {second}: {100 * pair.difference.mean:+.2f} points{interval}"
    if pair.over == "seeds":
        yield f"over {len(pair.first.replicates)} and {len(pair.second.replicates)} seeds (Welch's interval)"
    elif pair.test:
        yield test_in_words(pair.test, first, second)
        yield f"McNemar's test: p {p_value(pair.test.p)}{_holm(pair)}"
        yield "one seed each: other seeds may answer otherwise"
    else:
        yield f"no interval: {pair.why_no_interval}"


def _holm(pair: Pair) -> str:
    changed = pair.adjusted is not None and pair.test is not None and pair.adjusted != pair.test.p
    return f", corrected for all pairs (Holm) p {p_value(pair.adjusted)}" if changed and pair.adjusted else ""


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
