"""How an evaluation looks in a terminal."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

import rich.table
from rich.text import Text

from handgrad.cli.console import Screen
from handgrad.evaluation import McNemar, PairTest, Summary, shares_of_true_class
from handgrad.evaluation.tables import (
    Table,
    class_table,
    confusion_table,
    ends,
    models_table,
    p_value,
    percent,
    test_in_words,
)

NAME_WIDTH = 14  # of classes, in the confusion matrix
LEAST_ROOM = 4  # of a number in it, where there is that much
MANY = 40  # classes, above which the worst ones are shown
OFTEN, VERY_OFTEN = 0.01, 0.05  # shares of a class from which a confusion is coloured


def show_summary(screen: Screen, summary: Summary, in_percent: bool) -> None:
    """Everything about one model."""
    for line in headline(summary):
        screen.print(line)
    screen.print()
    show_table(screen, shortened(class_table(summary)))
    screen.print()
    show_confusions(screen, summary, in_percent)
    for line in summary.classes.undefined[:MANY]:
        screen.print(f"undefined: {line}", style="yellow")


def headline(summary: Summary) -> Iterator[str]:
    """Accuracy, and what needs no class."""
    accuracy = summary.accuracy
    right = round(accuracy.mean * accuracy.size)
    yield (
        f"accuracy {percent(accuracy.mean)} %   95 % interval {ends(accuracy)} %   {right:,} of {accuracy.size:,} right"
    )
    parts = [] if summary.cross_entropy is None else [f"loss {summary.cross_entropy:.4f} (cross-entropy)"]
    parts += [f"top-3 accuracy {percent(summary.top3)} %"] if len(summary.class_names) > 3 else []
    parts += [f"calibration error {summary.calibration.ece:.4f}"] if summary.calibration else []
    yield "   ".join(parts)


def shortened(table: Table) -> Table:
    """The classes of the lowest F1 and the averages, where there are many classes."""
    *classes, macro, weighted = table.rows
    if len(classes) <= MANY:
        return table
    worst = sorted(classes, key=lambda row: float(row[3]))[:MANY]
    title = f"The {MANY} classes of the lowest F1, of {len(classes)}"
    return table._replace(title=title, rows=(*worst, macro, weighted))


def show_table(screen: Screen, table: Table) -> None:
    """Names to the left, numbers to the right."""
    rich_table = rich.table.Table(box=None, pad_edge=False, title=None)
    for place, column in enumerate(table.columns):
        rich_table.add_column(column, justify="right" if place else "left", overflow="fold")
    for row in table.rows:
        rich_table.add_row(*map(Text, row), style="bold" if row[0].endswith("average") else None)
    screen.print(rich_table)


def show_points(screen: Screen, lines: Iterable[str]) -> None:
    """Sentences, each on lines of its own that are indented from the second on."""
    for line in lines:
        text = textwrap.fill(
            f"- {line}", screen.width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        screen.print(Text(text), soft_wrap=True)


def show_confusions(screen: Screen, summary: Summary, in_percent: bool) -> None:
    """The matrix, in per cent too when asked for, and its most frequent confusions in words."""
    for each in (False, True) if in_percent else (False,):
        table = confusion_table(summary.confusion, summary.class_names, each)
        screen.print(table.title)
        lines = matrix_lines(table, summary, screen.width)
        screen.print(*lines or [Text("  too wide for this window: --csv FOLDER has it")], sep="\n")
        screen.print()
    screen.print("most frequent confusions" if summary.confusions else "no confusions")
    for confusion in summary.confusions:
        screen.print(f"  {confusion.sentence}")


def matrix_lines(table: Table, summary: Summary, width: int) -> list[Text]:
    """The matrix with names cut to fit, its diagonal bold, zeros as dots; no lines when `width` is too narrow."""
    needed = max(len(cell) for row in table.rows for cell in row[1:])
    left = min(NAME_WIDTH, max(map(len, summary.class_names)))
    room = (width - left) // len(summary.class_names) - 1
    if room < needed:
        return []
    room = min(room, max(needed, LEAST_ROOM, *map(len, summary.class_names)))
    shares = shares_of_true_class(summary.confusion)
    lines = [Text(" " * left + "".join(f" {name[:room]:>{room}}" for name in summary.class_names), style="dim")]
    for true, (name, *cells) in enumerate(table.rows):
        line = Text(f"{name[:left]:<{left}}", style="")
        for predicted, cell in enumerate(cells):
            zero = not summary.confusion[true, predicted]
            style = "bold" if true == predicted else _shade(shares[true, predicted])
            line.append(f" {'.' if zero else cell:>{room}}", style="dim" if zero else style)
        lines.append(line)
    return lines


def _shade(share: float) -> str:
    return "red" if share >= VERY_OFTEN else "yellow" if share >= OFTEN else ""


def show_models(screen: Screen, names: Sequence[str], summaries: Sequence[Summary]) -> None:
    """One line a model."""
    show_table(screen, models_table(names, summaries))


def pair_lines(pair: PairTest, names: Sequence[str], several: bool) -> Iterator[str]:
    """A test in words, and its number."""
    first, second = names[pair.first], names[pair.second]
    yield f"{first} against {second}: {test_in_words(pair.test, first, second)}"
    yield f"  {test_numbers(pair.test, pair.adjusted if several else None)}"


def test_numbers(test: McNemar, adjusted: float | None) -> str:
    """The difference in points, its interval and the p-value, with Holm's beside it among several pairs."""
    low, high = (f"{100 * end:+.2f}" for end in (test.difference.low, test.difference.high))
    holm = "" if adjusted is None else f" (Holm {p_value(adjusted)})"
    return f"difference {100 * test.difference.mean:+.2f} points [{low}, {high}], p {p_value(test.p)}{holm}"
