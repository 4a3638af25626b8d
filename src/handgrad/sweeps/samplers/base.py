"""What every way of exclusive configurations has in common."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from handgrad.config import RunConfig
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.trial import Trial


class Sampler:
    """Chooses configurations; all that it draws is a function of `seed` and of how many were chosen before.

    `needs` are packages, by name, and the extras of handgrad that bring them.
    """

    needs: Mapping[str, str] = {}

    def __init__(self, definition: SweepDefinition, base: RunConfig, seed: int) -> None:
        self.definition, self.base, self.seed = definition, base, seed

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """The values of the configuration after `ordinal` others, none of whose keys are `taken`; None when none is
        left. `trials` are all that there are, to learn from."""
        raise NotImplementedError
