"""Configurations drawn at random, without a look at results."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from handgrad.sweeps.samplers.base import Sampler
from handgrad.sweeps.samplers.grid import Grid
from handgrad.sweeps.trial import Trial

DRAWS = 200  # before a finite space is taken for nearly used up


class Random(Sampler):
    """Each parameter from its own distribution; in a finite space, never the same twice."""

    _rest: Grid | None = None  # goes through what is left of a finite space, once that is little

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """A draw that nobody has had."""
        generator = np.random.default_rng([self.seed, ordinal])
        for _ in range(DRAWS):
            values = self.definition.sample(generator, self.base)
            if self.definition.key(values) not in taken:
                return values
        if self.definition.size is None:
            return None
        self._rest = self._rest or Grid(self.definition, self.base, self.seed)
        return self._rest.suggest(ordinal, taken, trials)
