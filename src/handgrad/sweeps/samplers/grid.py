"""Every configuration once."""

import random
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from handgrad.sweeps.samplers.base import Sampler
from handgrad.sweeps.trial import Trial

SHUFFLED = 1_000_000  # cells of a grid that may be put in order in memory


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
