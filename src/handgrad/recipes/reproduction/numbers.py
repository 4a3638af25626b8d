"""Every reported number beside ours, as rows."""

from statistics import fmean
from typing import Any, NamedTuple

from handgrad.evaluation import Interval, mean_interval
from handgrad.figures import RunData
from handgrad.figures.numbers.guesses import MANY, random_rows
from handgrad.recipes.document import Document, Printed, Spread
from handgrad.recipes.measures import MEASURES, written
from handgrad.recipes.questions import VARIANTS
from handgrad.recipes.reproduction.results import Reached, Results
from handgrad.runs.predictions import predictions_of


class Row(NamedTuple):
    """One reported number, and what ours came to in each variant; None where it is not trained so, or has failed.

    `above` tells whether the best of ours is at or above it (at or below, where less is better); None if it cannot be.
    """

    experiment: str
    title: str
    measure: str
    reported: str
    as_reported: str
    as_it_can_be: str
    above: bool | None
    note: str


def rows_of(results: Results, names: list[str]) -> list[Row]:
    """A row for each number that the report prints of these; one without numbers is told of by its test accuracy."""
    found = []
    for name in names:
        printed: list[tuple[str, Any]] = list(printed_beside(results.document, name).values())
        printed += [] if printed else [("test_accuracy", None)]
        found += [_row(results, name, measure, value) for measure, value in printed]
        found += _shown_images(results, name)
    return found


def _shown_images(results: Results, name: str) -> list[Row]:
    """Of the few images that the report shows: how many are right, ours on those of the figure `compare_20`."""
    counts = results.document.experiments[name].printed.counts
    if counts is None or counts.images != MANY:
        return []
    ours = [_right(results.reached(name, variant)) for variant in VARIANTS]
    last = next((right for right in reversed(ours) if right), [])
    words = [f"{fmean(right):.4g}" if right else "–" for right in ours]
    above = fmean(last) >= counts.right if last else None
    measure = f"right of {counts.images} images shown"
    return [Row(name, title_of(results.document, name), measure, str(counts.right), words[0], words[1], above, "")]


def _right(reached: Reached | None) -> list[int]:
    """One number a seed."""
    found = []
    for run in reached.runs if reached else ():
        right = predictions_of(run).right
        found.append(int(right[random_rows(RunData(run), len(right))].sum()))
    return found


def _row(results: Results, name: str, measure: str, value: Any) -> Row:
    document, experiment = results.document, results.document.experiments[name]
    ours = {variant: results.reached(name, variant) for variant in VARIANTS}
    last = ours["as_it_can_be"] or ours["as_reported"]
    number = _middle(value)
    other = document.beside(name)
    note = f"The reported numbers are those of {title_of(document, other)}." if other != name else ""
    return Row(
        name,
        title_of(document, name),
        MEASURES[measure].words,
        "–" if number is None else written(number, measure, document.scale),
        cell(ours["as_reported"], measure, document.scale),
        cell(ours["as_it_can_be"], measure, document.scale),
        _above(number, last, measure, document.scale),
        " ".join(part for part in (experiment.note, note) if part),
    )


def printed_beside(document: Document, name: str) -> Printed:
    """The reported numbers that an experiment's own stand beside."""
    return document.experiments[document.beside(name)].printed


def title_of(document: Document, name: str) -> str:
    """An experiment as a reader calls it."""
    return document.experiments[name].title or name.replace("_", " ")


def cell(reached: Reached | None, measure: str, scale: float) -> str:
    """The mean with its interval over seeds, or why there is none."""
    if reached is None:
        return "–"
    values = reached.values.get(measure)
    diverged = all("diverged" in why for why in reached.failures.values())
    failed = f"{len(reached.failures)} {'diverged' if diverged else 'failed'}" if reached.failures else ""
    if not values:
        return failed or "–"
    numbers = in_words(mean_interval(values), measure, scale)
    return f"{numbers}, {failed}" if failed else numbers


def in_words(interval: Interval, measure: str, scale: float) -> str:
    """As in "97.21 [97.05, 97.37]"; where all values are one, or there is one only, that."""
    mean = written(interval.mean, measure, scale)
    if MEASURES[measure].kind == "count" or interval.low != interval.low:
        return mean
    if MEASURES[measure].kind == "share":
        interval = interval.within(0, scale)
    _, low, high, _ = interval
    return f"{mean} [{written(low, measure, scale)}, {written(high, measure, scale)}]"


def _middle(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, Spread):
        return value.mean
    return fmean(value) if isinstance(value, list) else float(value)


def _above(reported: float | None, reached: Reached | None, measure: str, scale: float) -> bool | None:
    """Compared as they are written: nobody reads more digits than that."""
    values = reached.values.get(measure) if reached else None
    if reported is None or not values or measure == "seconds":
        return None
    ours, theirs = (_as_written(each, measure, scale) for each in (fmean(values), reported))
    if MEASURES[measure].kind == "count":
        return ours == theirs
    return ours >= theirs if MEASURES[measure].better > 0 else ours <= theirs


def _as_written(value: float, measure: str, scale: float) -> float:
    return float(written(value, measure, scale).replace(",", ""))
