"""Worlds whose truth is known: what a configuration reaches on average, how much a seed and the images change it.

In shape they are like real sweeps: a share of errors that every parameter multiplies, a learning rate on a
logarithmic scale with a best value, perhaps a value with which nothing is learned, interactions, noise of the seed, and
a binomial count of the validation images. Some break what the analysis assumes.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats
from tests.sweeps.planted import sweep_over, trial

from handgrad.evaluation import Interval, wilson
from handgrad.sweeps.analysis import analyse as recommending
from handgrad.sweeps.analysis.effects import restrict
from handgrad.sweeps.analysis.leaderboard import Measured, configurations
from handgrad.sweeps.analysis.model import factors
from handgrad.sweeps.analysis.result import IMAGES, Entry
from handgrad.sweeps.space import LogUniformValues, Uniform

LISTED = {
    "optimizer": ("sgd", "momentum", "rmsprop", "adam"),
    "activation": ("sigmoid", "tanh", "relu"),
    "weight_decay": (0.0, 0.0005, 0.5),
    "batch_size": (16, 32, 64),
    "weight_init": ("random", "xavier"),
    "epochs": (5, 10),
    "batch_norm": (False, True),
    "hidden_size": ((32,), (64, 32), (128,)),
}
CHANCE = 0.1
RATES = LogUniformValues(1e-4, 1e-1)


class ValueType(NamedTuple):
    """What a world may have, and how it is searched; `seed_noise` is a standard deviation of accuracy."""

    degenerate: bool = False
    pairs: int = 0
    triples: int = 0
    seed_noise: float = 0.003
    images: int = 6000
    listed: int = 6
    continuous: tuple[str, ...] = ("learning_rate",)
    search: str = "random"
    size: float = 0.25  # standard deviation of an effect on the logarithm of the errors
    base: float = 0.12  # errors of an ordinary configuration
    cliff: bool = False  # above some learning rate training breaks down


class World:
    """One draw of the effects of such a kind."""

    def __init__(self, kind: ValueType, seed: int) -> None:
        self.kind, self._rng = kind, np.random.default_rng(seed)
        names = list(LISTED)[: kind.listed]
        space: dict[str, Any] = {name: LISTED[name] for name in names}
        space |= {name: RATES if name == "learning_rate" else Uniform(0.0, 0.6) for name in kind.continuous}
        self.sweep = sweep_over(space)
        draw = self._rng.normal
        self._effects = {name: draw(0, kind.size, len(LISTED[name])) for name in names}
        self._optimum, self._curve = self._rng.uniform(0.3, 0.8), self._rng.uniform(0.5, 2.0) * kind.size * 4
        self._slope = draw(0, kind.size)
        self._cells = [self._cell(names, 2) for _ in range(kind.pairs)] + [
            self._cell(names, 3) for _ in range(kind.triples)
        ]

    def _cell(self, names: list[str], order: int) -> tuple[dict[str, int], float]:
        chosen = self._rng.permutation(names)[:order].tolist()
        return {name: int(self._rng.integers(len(LISTED[name]))) for name in chosen}, 2 * self._rng.normal(
            0, self.kind.size
        )

    def truth(self, values: dict[str, Any]) -> float:
        """The accuracy that a configuration reaches, on average over seeds and images."""
        if self.kind.degenerate and values.get("weight_decay") == 0.5:
            return CHANCE
        place = {name: self._place(name, value) for name, value in values.items() if name in self._effects}
        total = sum(self._effects[name][i] for name, i in place.items())
        total += sum(size for cell, size in self._cells if all(place[name] == i for name, i in cell.items()))
        if "learning_rate" in values:
            where = (math.log10(values["learning_rate"]) + 4) / 3
            total += self._curve * (where - self._optimum) ** 2
            if self.kind.cliff and where > self._optimum + 0.25:
                return CHANCE
        total += sum(self._slope * values[name] / 0.6 for name in self.kind.continuous if name != "learning_rate")
        return 1 - min(0.9, self.kind.base * math.exp(total))

    def run(self, values: dict[str, Any]) -> float:
        """The validation accuracy of a run with a seed of its own, on images of its own."""
        share = np.clip(self.truth(values) + self.kind.seed_noise * self._rng.standard_normal(), 0, 1)
        return float(self._rng.binomial(self.kind.images, share) / self.kind.images)

    def search(self, count: int) -> list[Any]:
        """So many finished trials: drawn at random, or half of them near the best so far, as samplers do that learn."""
        trials: list[Any] = []
        seen: set[str] = set()
        while len(trials) < count:
            values = self.sweep.definition.sample(self._rng)
            if self.kind.search == "bayes" and len(trials) >= 10 and self._rng.random() < 0.7:
                best = max(trials, key=lambda each: each.objective).values
                fresh = self._rng.permutation(list(values))[:2]
                values = best | {name: values[name] for name in fresh}
            key = self.sweep.definition.key(values)
            if key not in seen:
                seen.add(key)
                trials.append(trial(len(trials), values, self.run(values)))
        return trials

    def _place(self, name: str, value: Any) -> int:
        return [repr(each) for each in LISTED[name]].index(repr(value))


class MeasuredOn(NamedTuple):
    """In place of data: every accuracy was measured on so many images, of ten classes."""

    images: int

    def of(self, trial: Any) -> Measured:
        """The same for every trial."""
        return Measured(self.images, 10)


def recommended(world: World, count: int) -> tuple[dict[str, Any], Interval]:
    """What the analysis of so many trials recommends, and what it expects of another run."""
    ranked, measured = configurations(world.sweep, world.search(count)), MeasuredOn(world.kind.images)
    seen = restrict(factors(world.sweep.definition, [each.values for each in ranked]), ranked, 1)
    surrogate = recommending.fit_surrogate(world.sweep, seen, ranked, measured)
    shares = [wilson(round(each.mean * world.kind.images), world.kind.images) for each in ranked]
    entries = [
        Entry(rank, each.values, each.trials, share, IMAGES, False, 1.0, "")
        for rank, (each, share) in enumerate(zip(ranked, shares, strict=True), 1)
    ]
    chosen = recommending.recommendation(world.sweep, entries, seen, (), surrogate)
    return chosen.values, chosen.predicted


def probability(world: World, values: dict[str, Any], within: Interval) -> float:
    """That another run of a configuration ends within an interval; with 40 seeds, binomial for each."""
    share, images = world.truth(values), world.kind.images
    shares = np.clip(share + world.kind.seed_noise * stats.norm.ppf((np.arange(40) + 0.5) / 40), 0, 1)
    below = stats.binom.cdf(np.ceil(within.low * images) - 1, images, shares)
    return float(np.mean(stats.binom.cdf(np.floor(within.high * images), images, shares) - below))
