"""The interface of samplers, and the two that look at no results: grid and random."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from handgrad.config import RunConfig
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.store import Trial

SHUFFLED = 1_000_000  # cells of a grid that may be put in order in memory
DRAWS = 200  # before a finite space is taken for nearly used up


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


class Grid(Sampler):
    """All cells of a finite space in random order, so that a part of a grid, too, tells of the whole."""

    _order: Iterator[int] | None = None

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """The next cell of the shuffled grid that nobody has had."""
        self._order = self._order or shuffled(self.definition.size or 0, self.seed)
        for index in self._order:
            values = self._cell(index)
            if self.definition.key(values) not in taken:
                return values
        return None

    def _cell(self, index: int) -> dict[str, Any]:
        """Cell number `index`, the last parameter changing fastest."""
        values = {}
        for name, distribution in reversed(self.definition.varying.items()):
            grid = distribution.grid()
            index, place = divmod(index, len(grid))
            values[name] = grid[place]
        return self.definition.canonical(values)


def shuffled(size: int, seed: int) -> Iterator[int]:
    """The numbers below `size` in a random order; of a grid too large to be walked to its end, they are drawn."""
    draws = random.Random(seed)
    if size <= SHUFFLED:
        yield from draws.sample(range(size), size)
        return
    seen: set[int] = set()
    while len(seen) < size:
        index = draws.randrange(size)
        if index not in seen:
            seen.add(index)
            yield index


class Random(Sampler):
    """Each parameter from its own distribution; in a finite space, never the same twice."""

    _rest: Grid | None = None  # goes through what is left of a finite space, once that is little

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        generator = np.random.default_rng([self.seed, ordinal])
        for _ in range(DRAWS):
            values = self.definition.sample(generator, self.base)
            if self.definition.key(values) not in taken:
                return values
        if self.definition.size is None:
            return None
        self._rest = self._rest or Grid(self.definition, self.base, self.seed)
        return self._rest.suggest(ordinal, taken, trials)
