"""The counts of images behind a printed table: from a confusion matrix, or from shares that leave no choice."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
PRECISE = 1e-7  # shares printed to seven digits or more: no other fraction of so few images lies that near
MOST_CHOICES, MOST_WAYS = 10_000, 100_000  # to try; shares as simple as 0.5 fit more counts than can be distinguished


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
    """Every (right, total, guesses) of one class; none where there are too many; None for one without a right image."""
    if not recall:
        return None
    totals = np.arange(1, images + 1)
    rights = np.rint(recall * totals)
    guesses, misfit = _guesses(rights, totals, precision, f1)
    fit = (np.abs(rights / totals - recall) < PRECISE) & (guesses > 0) & (misfit < PRECISE)
    if np.count_nonzero(fit) > MOST_CHOICES:
        return []
    found: list[list[int]] = np.stack([rights, totals, guesses], axis=1)[fit].astype(np.int64).tolist()
    return found


def _guesses(rights: Array, totals: Array, precision: float | None, f1: float | None) -> tuple[Array, Array]:
    """How many images are taken for the class, by F1 where it is printed, else by precision; how far off that is."""
    if f1:
        guesses = np.rint(2 * rights / f1) - totals
        return guesses, np.abs(2 * rights / (totals + np.maximum(guesses, 1)) - f1)
    guesses = np.rint(rights / precision) if precision else np.zeros_like(rights)
    return guesses, np.abs(rights / np.maximum(guesses, 1) - (precision or 0))


def _ways(choices: Sequence[Sequence[Sequence[int]]], images: int) -> list[ClassCounts]:
    """Every combination of one choice for each class within the number of images; none where there are too many."""
    if not all(choices):
        return []
    ways = [ClassCounts([], [], [])]
    least = [tuple(min(each[column] for each in found) for column in (1, 2)) for found in choices]
    for k, found in enumerate(choices):
        if len(ways) * len(found) > MOST_WAYS:
            return []
        total_room, guess_room = (images - sum(later[column] for later in least[k + 1 :]) for column in (0, 1))
        ways = [
            ClassCounts([*way.rights, right], [*way.totals, total], [*way.guesses, guesses])
            for way in ways
            for right, total, guesses in found
            if way.images + total <= total_room and sum(way.guesses) + guesses <= guess_room
        ]
    return ways
