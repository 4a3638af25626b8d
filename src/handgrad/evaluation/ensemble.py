"""Ensembles: the average of what several models predict."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import UsageError
from handgrad.evaluation.predictions import Predictions, same_images

FIRST_WORD = 1e-6  # far below one vote
ROUNDS = 50  # of greedy selection


def ensemble(members: Sequence[Predictions]) -> Predictions:
    """The mean of the members' probabilities, or their votes where one of them has no probabilities.

    Among classes of equally many votes, the one that the earliest member named wins.

    Raises  UsageError when there are no members, or they were asked about different images.
    """
    if not members:
        raise UsageError("an ensemble needs at least one run")
    first = members[0]
    if not all(same_images(first, other) for other in members):
        raise UsageError("the members of an ensemble must be asked about the same images")
    if all(member.probabilistic for member in members):
        return first._replace(scores=np.mean([member.scores for member in members], axis=0))
    votes = np.zeros_like(first.scores)
    for place, member in enumerate(members):
        votes[np.arange(len(votes)), member.predicted] += 1 + FIRST_WORD * 2.0**-place
    return first._replace(scores=votes / len(members), probabilistic=False)


def select_greedily(library: Sequence[Predictions], rounds: int = ROUNDS) -> list[int]:
    """The places in `library` of an ensemble's members, one for each time that a member counts.

    Again and again the member is added, also repeatedly, with which the mean of probabilities is best; the best of all
    these ensembles is returned. Best is the one of most right answers, among equal ones that of least cross-entropy.

    Raises  UsageError when the members were asked about different images, or have no probabilities.
    Ref     Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble Selection from Libraries of Models
    """
    first = library[0]
    if not all(same_images(first, each) and each.probabilistic for each in library):
        raise UsageError("members can be selected only by their probabilities for the same images")
    total, picks = np.zeros_like(first.scores), list[int]()
    reached: list[tuple[int, float]] = []
    for count in range(1, rounds + 1):
        qualities = [_quality((total + each.scores) / count, first.labels) for each in library]
        best = max(range(len(library)), key=qualities.__getitem__)
        total += library[best].scores
        picks.append(best)
        reached.append(qualities[best])
    return picks[: reached.index(max(reached)) + 1]


def _quality(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[int, float]:
    """Right answers, and the mean log probability of the true class, without the noise of its last digits."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    right = int(np.sum(scores.argmax(axis=1) == labels))
    return right, round(float(np.mean(np.log(np.maximum(own, np.finfo(np.float64).tiny)))), 9)
