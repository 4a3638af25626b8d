"""The hours of a whole grid: a stratified sample of it is really trained, as many at a time as there are cores.

Ref     Cochran, Sampling Techniques, 3rd edition, chapter 5
"""

import itertools
import math
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from benchmarks.rounds import Log
from benchmarks.training_times import lengths, spans, waits
from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.machine import available_cores
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.driver import SweepCallback, SweepProgress
from handgrad.sweeps.folder import Settings, Sweep, create_sweep
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.samplers.base import Sampler
from handgrad.sweeps.search import run_sweep
from handgrad.sweeps.store import Trial
from handgrad.sweeps.timing import estimate

SAMPLE = 150
LISTED = "listed"
NEWS = 10  # trials between two lines
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


class Listed(Sampler):
    """Suggests the configurations of a list, in its order."""

    listed: Sequence[dict[str, Any]] = ()

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """The next one."""
        return next((values for values in self.listed if self.definition.key(values) not in taken), None)


class News(SweepCallback):
    """Tells how many trials are done."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def trial_ended(self, trial: Trial, progress: SweepProgress) -> None:
        """Now and then."""
        if progress.ended % NEWS == 0:
            left = f", {progress.seconds_left:.0f} s left" if progress.seconds_left is not None else ""
            self.log(f"  {progress.ended} of {progress.wanted} done{left}")


def grid_hours(definition: SweepDefinition, base: RunConfig, sample: int, log: Log = print) -> dict[str, Any]:
    """The seconds of a configuration of the grid and the hours of all of them, with 95 % intervals, as plain data.

    A configuration's seconds are those for which it has a core, from the end of its predecessor's training to the end
    of its own. `estimated_hours` are those of the diagnostics, which time a few steps of eight configurations.

    Raises  UsageError when the grid has no end or the sample is too small; IncompleteSweepError when trials were lost.
    """
    strata = stratified(definition, sample, base.seed)
    log("timing eight configurations for a moment, as --dry_run does")
    forecast, slots = estimate(definition, base), len(available_cores())
    count = sum(len(stratum.drawn) for stratum in strata)
    log(f"training {count} of {definition.size:,} configurations, {slots} at a time")
    with tempfile.TemporaryDirectory(prefix="handgrad-") as folder:
        sweep = _trained(Path(folder) / "grid", definition, base, strata, News(log))
        return _numbers(sweep, strata, slots) | {
            "definition": definition.to_mapping(),
            "base": base.to_mapping(),
            "estimated_hours": [n * (definition.size or 0) / slots / 3600 for n in forecast[:3]],
        }


def _trained(
    path: Path, definition: SweepDefinition, base: RunConfig, strata: list[Stratum], news: SweepCallback
) -> Sweep:
    """The sample in a random order, so that what drifts with time falls on every stratum alike."""
    listed = [values for stratum in strata for values in stratum.drawn]
    order = np.random.default_rng(base.seed).permutation(len(listed))
    SAMPLERS[LISTED] = type("Drawn", (Listed,), {"listed": [listed[i] for i in order]})
    try:
        sweep = create_sweep(path, definition, base, Settings(LISTED, base.seed, configurations=len(listed)))
        run_sweep(sweep, len(available_cores()), callback=news)
    finally:
        del SAMPLERS[LISTED]
    return sweep


def _numbers(sweep: Sweep, strata: list[Stratum], slots: int) -> dict[str, Any]:
    definition, trials = sweep.definition, sweep.trials()
    found = [spans([sweep.run(trial)])[0] for trial in trials]
    keys = (definition.key(trial.values) for trial in trials)
    taken = dict(zip(keys, lengths(found, slots), strict=True))
    seconds = [[taken[definition.key(values)] for values in stratum.drawn] for stratum in strata]
    estimate = stratified_mean([stratum.size for stratum in strata], seconds)
    return {
        "size": definition.size,
        "slots": slots,
        "strata": len(strata),
        "sample": len(trials),
        "between_seconds": mean(waits(found, slots)),
        "seconds": estimate._asdict(),
        "hours": [n * (definition.size or 0) / slots / 3600 for n in estimate[:3]],
        "trained": [stratum._asdict() | {"seconds": each} for stratum, each in zip(strata, seconds, strict=True)],
    }


def grid_lines(grid: dict[str, Any]) -> Iterator[str]:
    """In words: what was trained, what all of it would take, and what was estimated."""
    name, seconds = grid["definition"].get("name", "the sweep"), grid["seconds"]
    yield (
        f"{name}, all {grid['size']:,} configurations, {grid['slots']} at a time: {_range(grid['hours'], 'h')}, "
        f"from {grid['sample']} trained in {grid['strata']} strata (95 % interval)"
    )
    middle, between = [seconds["mean"], seconds["low"], seconds["high"]], 1000 * grid["between_seconds"]
    yield f"a configuration has a core for {_range(middle, 's')}, of which {between:.0f} ms are between two trainings"
    yield f"the estimate (--dry_run): {_range(grid['estimated_hours'], 'h')}"


def _range(numbers: list[float], unit: str) -> str:
    middle, low, high = (f"{number:.3g}" for number in numbers)
    return f"{middle} {unit} ({low} to {high})"
