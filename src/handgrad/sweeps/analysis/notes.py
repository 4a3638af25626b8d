"""What an analysis leaves out, and what its reader may take for more than it is."""

from collections.abc import Iterator, Sequence

import numpy as np

from handgrad.sweeps.analysis.additive import FEWEST, SPARE
from handgrad.sweeps.analysis.configurations import Configuration
from handgrad.sweeps.analysis.importance import FEWEST as FEWEST_FOR_IMPORTANCE
from handgrad.sweeps.analysis.phrases import listed, phrase
from handgrad.sweeps.analysis.result import Failure
from handgrad.sweeps.analysis.zoom import SAME, Zoom
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import STOPPED, Trial

UNMOVED = ("grid", "random")  # searches that look at no result


def notes(
    sweep: Sweep, trials: Sequence[Trial], ranked: Sequence[Configuration], seen: Zoom, failed: Sequence[Failure]
) -> Iterator[str]:
    """A sentence each."""
    if not ranked:
        yield "No trial has an objective yet."
        return
    if seen.ruins:
        pairs = listed([phrase(seen.factors[i].name, seen.factors[i].levels[level]) for i, level in seen.ruins])
        yield (
            f"Effects are those among the {int(seen.rows.sum()):,} of {len(ranked):,} configurations without {pairs}, "
            "beside which all other differences would look like none."
        )
    yield from _few(seen, ranked)
    stopped = sum(trial.state == STOPPED for trial in trials)
    if stopped:
        yield (
            f"{stopped:,} trials were stopped early and count with what they had reached, so that what made them slow "
            "looks worse than at the end of a training."
        )
    lost = sum(not failure.trial.rated for failure in failed)
    if lost:
        yield f"{lost:,} trials have no objective and count only among the failures."
    if sweep.settings.brain not in UNMOVED:
        yield (
            "The search went where results were good, so parameters did not vary independently: effects "
            f"{'are adjusted for each other, correlations are not' if seen.adjusted else 'and correlations mix them'}."
        )
    if all(len(each.trials) == 1 for each in ranked):
        yield "Each configuration was run with one seed: how much the seed changes is not known. Give --seeds 3."


def _few(seen: Zoom, ranked: Sequence[Configuration]) -> Iterator[str]:
    rare = int(seen.rows.sum()) - max((len(model.y) for model in seen.models), default=0)
    if seen.models and rare:
        yield f"{rare:,} configurations have a value that fewer than {FEWEST} have, and count for no effect."
    if len(ranked) < FEWEST_FOR_IMPORTANCE:
        yield f"Too few configurations for importances: {len(ranked):,}, and {FEWEST_FOR_IMPORTANCE} are needed."
    if len(ranked) > 1 and not seen.models and np.ptp(seen.y[seen.rows]) <= SAME:
        yield "All configurations reached the same, so no parameter had an effect."
    elif not seen.models:
        yield f"Too few configurations for effects: each value needs {FEWEST}, and all of them at least {SPARE} more."
    elif not seen.adjusted:
        yield (
            "There are too few configurations to take the parameters apart: each effect is that of its parameter "
            "alone, and may be due to others."
        )
