"""An evaluation as CSV files, for spreadsheets and for figures made elsewhere."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from handgrad.errors import FileSystemError
from handgrad.evaluation.confusion import shares_of_true_class
from handgrad.evaluation.predictions import Predictions
from handgrad.evaluation.summary import Summary
from handgrad.files import atomic_write
from handgrad.text import csv_text


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


Lines = tuple[Iterable[object], list[Iterable[object]]]


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
