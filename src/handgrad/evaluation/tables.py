"""Numbers as tables of text for a terminal, a Markdown page or a LaTeX document, and as CSV files."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from handgrad.errors import FileSystemError
from handgrad.evaluation.interval import Interval, McNemar
from handgrad.evaluation.metrics import Curve, Summary, shares_of_true_class
from handgrad.evaluation.predictions import Predictions
from handgrad.files import atomic_write
from handgrad.text import counted, csv_text, latex_text, markdown_cell, markdown_line

Array = NDArray[Any]
Lines = tuple[Iterable[object], list[Iterable[object]]]


class Table(NamedTuple):
    """`title` says what it shows; the first column holds names, the others hold numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def percent(share: float | None, digits: int = 2) -> str:
    """A share of 1 in per cent, without the sign; nothing where there is none."""
    return "" if share is None or math.isnan(share) else f"{100 * share:.{digits}f}"


def ends(interval: Interval, digits: int = 2) -> str:
    """The two ends of a share's interval in per cent; nothing where they are unknown."""
    if math.isnan(interval.low):
        return ""
    return f"{percent(interval.low, digits)} to {percent(interval.high, digits)}"


def p_value(p: float) -> str:
    """With its sign: "= 0.012" in two digits that count, "< 0.0001" below that."""
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}"


def test_in_words(test: McNemar, first: str, second: str) -> str:
    """Where two models disagree."""
    return f"{counted(test.b, 'image')} right by {first} alone, {counted(test.c, 'image')} by {second} alone"


def class_table(summary: Summary) -> Table:
    """Precision, recall, F1 and AUC of each class, then the macro and the weighted averages."""
    report = summary.classes
    rows = [
        (name, *map(percent, numbers), _area(curve), f"{images:,}")
        for name, *numbers, images, curve in zip(
            report.class_names, report.precision, report.recall, report.f1, report.support, summary.roc.curves,
            strict=True,
        )
    ]  # fmt: skip
    total = f"{summary.images:,}"
    rows.append(("macro average", *map(percent, report.macro), _area(summary.roc.macro), total))
    rows.append(("weighted average", *map(percent, report.weighted), "", total))
    columns = ("class", "precision %", "recall %", "F1 %", "AUC", "images")
    return Table("Each class against all others", columns, tuple(rows))


def confusion_table(counts: Array, class_names: Sequence[str], in_percent: bool = False) -> Table:
    """The true class in rows; counts, or per cent of the true class."""
    cells: Any = shares_of_true_class(counts) if in_percent else counts
    write: Callable[[Any], str] = (lambda share: percent(share, 1)) if in_percent else str
    rows = tuple((name, *map(write, row)) for name, row in zip(class_names, cells, strict=True))
    what = "per cent of the row" if in_percent else "images"
    return Table(f"Confusion matrix in {what}, the true class in rows", ("", *class_names), rows)


def models_table(names: Sequence[str], summaries: Sequence[Summary]) -> Table:
    """One line a model."""
    rows = tuple(
        (
            name,
            percent(each.accuracy.mean),
            ends(each.accuracy),
            percent(each.classes.macro.f1),
            "" if each.cross_entropy is None else f"{each.cross_entropy:.4f}",
            percent(each.top3),
            "" if each.calibration is None else f"{each.calibration.ece:.4f}",
        )
        for name, each in zip(names, summaries, strict=True)
    )
    columns = ("", "accuracy %", "95 % interval", "macro F1 %", "loss", "top 3 %", "ECE")
    return Table("Accuracy with Wilson's interval, macro F1, cross-entropy, calibration error", columns, rows)


def _area(curve: Curve | None) -> str:
    return f"{curve.auc:.4f}" if curve else ""


def markdown(table: Table) -> str:
    """A GitHub table with its title in bold above."""
    ruler = ["---", *("---:" for _ in table.columns[1:])]
    lines = [table.columns, ruler, *table.rows]
    body = "\n".join("| " + " | ".join(map(markdown_cell, line)) + " |" for line in lines)
    return f"**{markdown_line(table.title)}**\n\n{body}\n"


def latex(table: Table) -> str:
    """A `table` that needs no package."""
    lines = [" & ".join(map(latex_text, line)) + r" \\" for line in (table.columns, *table.rows)]
    tabular = rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}"
    start = [r"\begin{table}", rf"\caption{{{latex_text(table.title)}}}", r"\centering", tabular, r"\hline"]
    end = [r"\hline", r"\end{tabular}", r"\end{table}", ""]
    return "\n".join([*start, lines[0], r"\hline", *lines[1:], *end])


def write_csv(folder: Path, predictions: Predictions, summary: Summary) -> None:
    """Write classes.csv, confusion.csv, confusion_shares.csv and predictions.csv, numbers at full precision.

    Raises  FileSystemError
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileSystemError(f"cannot make {folder}: {error.strerror} (--csv)") from error
    names = predictions.class_names
    classes = summary.to_mapping()["classes"]
    files = {
        "classes": (classes[0].keys(), [each.values() for each in classes]),
        "confusion": _matrix(names, summary.confusion.tolist()),
        "confusion_shares": _matrix(names, shares_of_true_class(summary.confusion).tolist()),
        "predictions": _each_image(predictions),
    }
    for name, (head, rows) in files.items():
        atomic_write(folder / f"{name}.csv", csv_text([head, *rows]))


def _matrix(names: Sequence[str], rows: list[list[float]]) -> Lines:
    return ["true class", *names], [[name, *row] for name, row in zip(names, rows, strict=True)]


def _each_image(predictions: Predictions) -> Lines:
    """In the order of the data set's part; the score is a probability where the model has them."""
    names, predicted = predictions.class_names, predictions.predicted.tolist()
    best = predictions.scores.max(axis=1).tolist()
    triples = zip(predictions.labels.tolist(), predicted, best, strict=True)
    return ["image", "true", "predicted", "score"], [
        [row, names[true], names[guess], score] for row, (true, guess, score) in enumerate(triples)
    ]
