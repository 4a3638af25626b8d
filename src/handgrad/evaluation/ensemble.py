"""Several models asked as one."""

from collections.abc import Sequence

import numpy as np

from handgrad.errors import UsageError
from handgrad.evaluation.predictions import Predictions, same_images

FIRST_WORD = 1e-6  # far below one vote


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
