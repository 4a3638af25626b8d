"""What a decaying learning rate amounts to: where it ends, its mean, and the constant rate that it is near."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from handgrad.errors import UsageError
from handgrad.optim import SCHEDULES
from handgrad.recipes.estimate import compare
from handgrad.recipes.evidence import Evidence
from handgrad.recipes.measures import written
from handgrad.recipes.settings import Settings, belonging, differing
from handgrad.recipes.wording import certainty

MEASURE = "test_accuracy"
CONSTANT = "constant"


def step_budget(name: str, experiments: Mapping[str, Evidence]) -> list[str]:
    """Sentences about an experiment whose settings tell its course of the learning rate; none for all others."""
    evidence = experiments[name]
    rates = course(evidence.settings)
    if rates is None or rates[-1] >= rates.max():
        return []
    peak, end, mean = float(rates.max()), float(rates[-1]), float(np.mean(rates[:-1]))
    said = (
        f"{evidence.title}: the learning rate of {peak:.2g} ends at {end:.1e} after {len(rates) - 1:,} steps, "
        f"mean {mean:.1e}: a smaller step budget, {100 * mean / peak:.0f} % of a constant {peak:.2g}'s."
    )
    twin = nearest_constant(evidence.settings, mean, experiments)
    return [said] + ([_beside(evidence, experiments[twin])] if twin else [])


def course(settings: Settings) -> Any:
    """The learning rates of all `iterations`, and the one after them; None unless the settings state a decay.

    Shapes  -> (iterations + 1,) float64
    """
    kind = SCHEDULES.get(settings.get("schedule", CONSTANT))
    steps, learning_rate = settings.get("iterations"), settings.get("learning_rate")
    if kind is SCHEDULES[CONSTANT] or kind is None or not isinstance(steps, int) or learning_rate is None:
        return None
    fields = {field.name for field in dataclasses.fields(kind)}
    try:
        schedule = kind(**{name: value for name, value in settings.items() if name in fields})
    except UsageError:
        return None
    return schedule.rates(learning_rate, 0, steps + 1, steps)


def nearest_constant(settings: Settings, mean: float, experiments: Mapping[str, Evidence]) -> str | None:
    """The experiment that differs in nothing but a constant learning rate, nearest to `mean` by its ratio."""
    free = {"schedule", "learning_rate"} | belonging(["schedule"])
    distances = {
        name: abs(math.log(other.settings["learning_rate"] / mean))
        for name, other in experiments.items()
        if other.settings.get("schedule", CONSTANT) == CONSTANT
        and other.settings.get("learning_rate")
        and MEASURE in other.estimates
        and not set(differing(settings, other.settings)) - free
    }
    return min(distances, key=distances.__getitem__) if distances else None


def _beside(decayed: Evidence, constant: Evidence) -> str:
    if MEASURE not in decayed.estimates:
        return f"Compare {constant.title}."
    a, b = decayed.estimates[MEASURE], constant.estimates[MEASURE]
    difference = compare(a, b)
    values = [written(value, MEASURE, a.scale) for value in (a.value, b.value, difference.value)]
    outcome = "a difference" if difference.sign else "cannot be told apart"
    return (
        f"Beside the constant rate nearest to that mean, {constant.title}: {values[0]} - {values[1]} = {values[2]}, "
        f"{outcome} ({certainty(MEASURE, decayed, difference)})."
    )
