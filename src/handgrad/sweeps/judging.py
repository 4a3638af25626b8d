"""Whether a trial goes on after an epoch, and the reason in words."""

from collections.abc import Mapping

from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.trial import Stop


def judge(
    definition: SweepDefinition, epochs: Mapping[int, Mapping[int, float]], number: int, band: int
) -> Stop | None:
    """The stop of trial `number` after epoch `band`, or None; `epochs` are those of every trial, by its number."""
    hyperband, objective = definition.early_terminate, definition.metric.objective
    if hyperband is None:
        return None
    marks: dict[int, tuple[float, float]] = {}  # what counts of each trial at this band, to minimise and as it is
    for each, values in epochs.items():
        reached = [values[epoch] for epoch in range(1, band + 1) if epoch in values]
        if len(reached) == band:
            least = hyperband.judged([objective(value) for value in reached], band)
            marks[each] = least, next(value for value in reached if objective(value) == least)
    if number not in marks:
        return None
    threshold = hyperband.threshold([least for least, _ in marks.values()])
    if marks[number][0] <= threshold:
        return None
    bar = next(value for least, value in marks.values() if least == threshold)
    return Stop(band, bar, marks[number][1], len(marks))


def reason(definition: SweepDefinition, stop: Stop) -> str:
    """In words: "after epoch 3, validation_accuracy 0.512 was worse than 0.634, the value at rank 1/3 of 12 trials"."""
    eta = definition.early_terminate.eta if definition.early_terminate else 0
    return (
        f"after epoch {stop.band}, {definition.metric.name} {stop.value:.4g} was worse than {stop.threshold:.4g}, "
        f"the value at rank 1/{eta:g} of the {stop.reached} trials that got there"
    )
