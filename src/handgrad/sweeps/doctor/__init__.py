"""The doctor: what is wrong with a sweep before hours are spent on it, each with its fix."""

from collections.abc import Callable, Iterator

from handgrad.config import RunConfig
from handgrad.diagnostics import ERROR, NOTE, WARNING, Diagnostic
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.doctor.cost import bands_out_of_reach, more_trials_than_there_are, size_and_hours
from handgrad.sweeps.doctor.effect import without_effect
from handgrad.sweeps.doctor.examination import Examination, Plan
from handgrad.sweeps.doctor.objective import never_logged, out_of_reach, tuned_on_test, tuned_on_training, wrong_way
from handgrad.sweeps.doctor.space import (
    deadly_weight_decay,
    exponents_for_values,
    ignored_probabilities,
    impossible_combinations,
    linear_scale,
    nothing_varies,
    seeds_among_parameters,
    without_epochs,
)
from handgrad.sweeps.timing import Estimate

CHECKS: tuple[Callable[[Examination], Iterator[Diagnostic]], ...] = (
    size_and_hours,
    wrong_way,
    tuned_on_test,
    tuned_on_training,
    never_logged,
    out_of_reach,
    nothing_varies,
    exponents_for_values,
    linear_scale,
    deadly_weight_decay,
    without_effect,
    impossible_combinations,
    seeds_among_parameters,
    without_epochs,
    ignored_probabilities,
    bands_out_of_reach,
    more_trials_than_there_are,
)

RANK = {ERROR: 0, WARNING: 1, NOTE: 2}


def examine(
    definition: SweepDefinition, base: RunConfig, plan: Plan | None = None, estimate: Estimate | None = None
) -> list[Diagnostic]:
    """Everything to be said about a sweep, the worst first; hours are told where an `estimate` of a trial is given."""
    examination = Examination(definition, base, plan or Plan(), estimate)
    found = [finding for check in CHECKS for finding in check(examination)]
    return sorted([*found, *definition.notices], key=lambda finding: RANK[finding.severity])
