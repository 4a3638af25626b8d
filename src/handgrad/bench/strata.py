"""A stratified sample of a finite sweep, and what its mean tells of the mean of all.

Ref     Cochran, Sampling Techniques, 3rd edition, chapter 5
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from handgrad.errors import UsageError
from handgrad.sweeps import SweepDefinition

COSTLY = ("epochs", "batch_size", "hidden_size", "num_layers")  # what the time of a training depends on most
SPREAD = "optimizer"  # next to them; too many to make strata of, so its values take turns
FEWEST = 2  # of a stratum, to tell how much it varies


class Stratum(NamedTuple):
    """Configurations alike in what is costly: how many there are, and the values that were drawn of them."""

    size: int
    drawn: list[dict[str, Any]]


class Mean(NamedTuple):
    """Of everything in all strata, with a 95 % interval and the degrees of freedom that it rests on."""

    mean: float
    low: float
    high: float
    freedom: float


def stratified(definition: SweepDefinition, count: int, seed: int = 0) -> list[Stratum]:
    """`count` configurations or a few more: of each combination of the COSTLY parameters in proportion to its size.

    Within a stratum every configuration is as likely as any other, and none is drawn twice.

    Raises  UsageError when there is no end to the configurations, or `count` is too small for an estimate.
    """
    size, varying = definition.size, definition.varying
    if size is None:
        raise UsageError("there is no end to this sweep's configurations: only a finite one has hours")
    costly = {name: varying[name].grid() for name in COSTLY if name in varying}
    others = {name: each.grid() for name, each in varying.items() if name not in costly}
    cells, rest = list(itertools.product(*costly.values())), math.prod(len(grid) for grid in others.values())
    if count < FEWEST * len(cells) or rest < FEWEST:
        raise UsageError(
            f"sample must be at least {FEWEST * len(cells)}, {FEWEST} of each of {len(cells)} strata "
            f"of {rest} configurations, got {count} (--sample)"
        )
    generator = np.random.default_rng(seed)
    turns = _turns(generator, len(others.get(SPREAD, [0])))
    shares = _shares(generator, min(count, size), len(cells), rest)
    found = []
    for cell, share in zip(cells, shares, strict=True):
        held = dict(zip(costly, cell, strict=True))
        drawn = [held | values for values in _drawn(generator, others, share, turns)]
        found.append(Stratum(rest, [definition.canonical(values) for values in drawn]))
    return found


def _shares(generator: np.random.Generator, count: int, cells: int, rest: int) -> list[int]:
    """Equal numbers for strata of equal size; the remainder goes to some of them at random."""
    shares = np.full(cells, count // cells)
    shares[generator.permutation(cells)[: count % cells]] += 1
    return [int(share) for share in np.minimum(shares, rest)]


def _turns(generator: np.random.Generator, values: int) -> Any:
    """The numbers below `values` in a random order, then in another one, without end."""
    while True:
        yield from generator.permutation(values).tolist()


def _drawn(
    generator: np.random.Generator, others: Mapping[str, Sequence[Any]], count: int, turns: Any
) -> list[dict[str, Any]]:
    """Different combinations; SPREAD has the value whose turn it is."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        values = {name: grid[int(generator.integers(len(grid)))] for name, grid in others.items()}
        if SPREAD in others:
            values[SPREAD] = others[SPREAD][next(turns)]
        if values not in found:
            found.append(values)
    return found


def stratified_mean(sizes: Sequence[int], samples: Sequence[Sequence[float]]) -> Mean:
    """The mean of all units, from some of each stratum.

    Math    W_h = N_h / N;  mean = sum W_h y_h;  var = sum W_h^2 s_h^2 / n_h (1 - n_h / N_h)
            freedom = (sum g_h s_h^2)^2 / sum g_h^2 s_h^4 / (n_h - 1),  g_h = N_h (N_h - n_h) / n_h
    Ref     Cochran, equations 5.1, 5.10, 5.16 (Satterthwaite)
    """
    units, counts = np.array(sizes, float), np.array([len(each) for each in samples], float)
    means, variances = np.array([(np.mean(each), np.var(each, ddof=1)) for each in samples]).T
    mean = float(units @ means / units.sum())
    terms = units * (units - counts) / counts * variances
    variance = float(terms.sum() / units.sum() ** 2)
    if not variance:
        return Mean(mean, mean, mean, math.inf)
    freedom = float(terms.sum() ** 2 / np.sum(terms**2 / (counts - 1)))
    reach = float(student.ppf(0.975, freedom)) * math.sqrt(variance)
    return Mean(mean, mean - reach, mean + reach, freedom)
