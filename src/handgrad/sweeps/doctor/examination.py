"""What the doctor's checks look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handgrad.config import RunConfig
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.space import Distribution
from handgrad.sweeps.timing import Estimate

FEW = 1000  # values that are looked at one by one


@dataclass(frozen=True)
class Plan:
    """How much is to be done: trials in all, hours, trials at a time, seeds for each configuration."""

    trials: int | None = None
    hours: float | None = None
    jobs: int = 1
    seeds: int = 1


@dataclass(frozen=True)
class Examination:
    """A sweep, the configuration that it starts from, what is planned, and the seconds of a trial, if known."""

    definition: SweepDefinition
    base: RunConfig
    plan: Plan
    estimate: Estimate | None

    @property
    def trials(self) -> int | None:
        """How many configurations are to be run; None when nothing bounds them."""
        bounds = [self.plan.trials, self.definition.run_cap, self.definition.size]
        return min((bound for bound in bounds if bound is not None), default=None)

    def values(self, field: str) -> list[Any]:
        """The values that a field of RunConfig takes in the sweep; of too many to list, some from low to high."""
        distribution = self.definition.parameters.get(field)
        if distribution is None:
            presets = self.definition.parameters.get("preset")
            starts = [self.base.replaced(preset=preset) for preset in presets.grid()] if presets else [self.base]
            return list(dict.fromkeys(getattr(start, field) for start in starts))
        if distribution.size is not None and distribution.size <= FEW:
            return distribution.grid()
        return [distribution.quantile(p) for p in (0.001, 0.25, 0.5, 0.75, 0.999)]

    def drawn(self) -> Iterator[tuple[str, Distribution]]:
        """The parameters that vary along a scale, not over a list."""
        pairs = self.definition.varying.items()
        yield from ((field, distribution) for field, distribution in pairs if distribution.axis.kind != "categorical")
