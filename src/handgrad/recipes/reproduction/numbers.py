"""Every reported number beside ours, as rows."""

from statistics import fmean
from typing import Any, NamedTuple

from handgrad.evaluation import Interval, mean_interval
from handgrad.recipes.document import Document, Spread
from handgrad.recipes.measures import MEASURES, written
from handgrad.recipes.reproduction.results import Reached, Results


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
        printed: list[tuple[str, Any]] = list(results.document.experiments[name].printed.values())
        printed += [] if printed else [("test_accuracy", None)]
        found += [_row(results, name, measure, value) for measure, value in printed]
    return found


def _row(results: Results, name: str, measure: str, value: Any) -> Row:
    document, experiment = results.document, results.document.experiments[name]
    ours = {variant: results.reached(name, variant) for variant in ("as_reported", "as_it_can_be")}
    last = ours["as_it_can_be"] or ours["as_reported"]
    number = _middle(value)
    return Row(
        name,
        title_of(document, name),
        MEASURES[measure].words,
        "–" if number is None else written(number, measure, document.scale),
        cell(ours["as_reported"], measure, document.scale),
        cell(ours["as_it_can_be"], measure, document.scale),
        _above(number, last, measure, document.scale),
        experiment.note or "",
    )


def title_of(document: Document, name: str) -> str:
    """An experiment as a reader calls it."""
    return document.experiments[name].title or name.replace("_", " ")


def cell(reached: Reached | None, measure: str, scale: float) -> str:
    """The mean with its interval over seeds, or why there is none."""
    if reached is None:
        return "–"
    values = reached.values.get(measure)
    failed = f"{len(reached.failures)} failed" if reached.failures else ""
    if not values:
        return failed or "–"
    numbers = in_words(mean_interval(values), measure, scale)
    return f"{numbers}, {failed}" if failed else numbers


def in_words(interval: Interval, measure: str, scale: float) -> str:
    """As in "97.21 [97.05, 97.37]"; where all values are one, or there is one only, that."""
    mean = written(interval.mean, measure, scale)
    if MEASURES[measure].kind == "count" or interval.low != interval.low:
        return mean
    return f"{mean} [{written(interval.low, measure, scale)}, {written(interval.high, measure, scale)}]"


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
