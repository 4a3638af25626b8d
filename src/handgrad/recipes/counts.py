"""Whole numbers of images behind a report's per-class tables."""

from collections.abc import Sequence
from typing import NamedTuple

PRECISE = 1e-7  # shares printed to seven digits or more: no other fraction of so few images lies that near


class ClassCounts(NamedTuple):
    """Of each class: images that are right, that there are, and that are taken for it."""

    rights: list[int]
    totals: list[int]
    guesses: list[int]

    @property
    def right(self) -> int:
        """Images that are right, of all classes."""
        return sum(self.rights)

    @property
    def images(self) -> int:
        """Images of all classes."""
        return sum(self.totals)


def from_matrix(matrix: Sequence[Sequence[int]]) -> ClassCounts:
    """Diagonal, sums of rows and sums of columns of a confusion matrix with the true class in rows."""
    rights = [row[k] for k, row in enumerate(matrix)]
    return ClassCounts(rights, [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)])


def from_shares(
    recall: Sequence[float | None],
    precision: Sequence[float | None] | None,
    f1: Sequence[float | None] | None,
    images: int,
) -> ClassCounts | None:
    """The only counts that give these recalls and precisions (or F1) of `images` images; None if they leave a choice.

    Math    right / total = recall;  right / guesses = precision;  2 right / (total + guesses) = F1
    """
    columns = [column or [None] * len(recall) for column in (precision, f1)]
    choices = [_choices(r, p, f, images) for r, p, f in zip(recall, *columns, strict=True)]
    blind = [k for k, found in enumerate(choices) if found is None]
    if len(blind) > 1 or any(precision is None or precision[k] is not None for k in blind):
        return None  # who is taken for a class that is never right, and how often, is not in the table
    ways = _ways([found for found in choices if found is not None], images)
    complete = [way for way in ways if sum(way.guesses) == images and (way.images < images) == bool(blind)]
    if len(complete) != 1:
        return None
    for k in blind:
        complete[0].rights.insert(k, 0)
        complete[0].guesses.insert(k, 0)
        complete[0].totals.insert(k, images - complete[0].images)
    return complete[0]


def _choices(recall: float | None, precision: float | None, f1: float | None, images: int) -> list[list[int]] | None:
    """Every (right, total, guesses) of one class; None for a class without a right image."""
    if not recall:
        return None
    found = []
    for total in range(1, images + 1):
        right = round(recall * total)
        if abs(right / total - recall) < PRECISE:
            found += [[right, total, guesses] for guesses in _guesses(right, total, precision, f1)]
    return found


def _guesses(right: int, total: int, precision: float | None, f1: float | None) -> list[int]:
    """How many images are taken for the class: by F1 where it is printed, else by precision."""
    if f1:
        guesses = round(2 * right / f1) - total
        return [guesses] if guesses > 0 and abs(2 * right / (total + guesses) - f1) < PRECISE else []
    guesses = round(right / precision) if precision else 0
    return [guesses] if precision and abs(right / guesses - precision) < PRECISE else []


def _ways(choices: Sequence[Sequence[Sequence[int]]], images: int) -> list[ClassCounts]:
    """Every combination of one choice for each class within the number of images, as long as there are few."""
    ways = [ClassCounts([], [], [])]
    spare = [sum(min(each[column] for each in later) for later in choices if later) for column in (1, 2)]
    if any(not found for found in choices) or max(spare) > images:
        return []
    for found in choices:
        least = [min(each[column] for each in found) for column in (1, 2)]
        spare = [spare[0] - least[0], spare[1] - least[1]]
        ways = [
            ClassCounts([*way.rights, right], [*way.totals, total], [*way.guesses, guesses])
            for way in ways
            for right, total, guesses in found
            if way.images + total + spare[0] <= images and sum(way.guesses) + guesses + spare[1] <= images
        ]
    return ways
