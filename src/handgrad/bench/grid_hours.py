"""The hours of a whole grid: a stratified sample of it is really trained, as many at a time as there are cores."""

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from handgrad.bench.processes import available_cores
from handgrad.bench.rounds import Tell
from handgrad.bench.strata import Stratum, stratified, stratified_mean
from handgrad.config import RunConfig
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.folder import Settings, Sweep, create_sweep
from handgrad.sweeps.pace import lengths, stretches, waits
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.samplers.base import Sampler
from handgrad.sweeps.start import run_sweep
from handgrad.sweeps.timing import estimate
from handgrad.sweeps.trial import Trial
from handgrad.sweeps.watcher import Standing, Watcher

SAMPLE = 150
LISTED = "listed"
NEWS = 10  # trials between two lines


class Listed(Sampler):
    """Suggests the configurations of a list, in its order."""

    listed: Sequence[dict[str, Any]] = ()

    def suggest(self, ordinal: int, taken: Collection[str], trials: Sequence[Trial]) -> dict[str, Any] | None:
        """The next one."""
        return next((values for values in self.listed if self.definition.key(values) not in taken), None)


class News(Watcher):
    """Tells how many trials are done."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def settled(self, trial: Trial, standing: Standing) -> None:
        """Now and then."""
        if standing.settled % NEWS == 0:
            left = f", {standing.seconds_left:.0f} s left" if standing.seconds_left is not None else ""
            self.tell(f"  {standing.settled} of {standing.wanted} done{left}")


def grid_hours(definition: SweepDefinition, base: RunConfig, sample: int, tell: Tell = print) -> dict[str, Any]:
    """The seconds of a configuration of the grid and the hours of all of them, with 95 % intervals, as plain data.

    A configuration's seconds are those for which it has a core, from the end of its predecessor's training to the end
    of its own. `estimated_hours` are those of the diagnostics, which time a few steps of eight configurations.

    Raises  UsageError when the grid has no end or the sample is too small; IncompleteSweepError when trials were lost.
    """
    strata = stratified(definition, sample, base.seed)
    tell("timing eight configurations for a moment, as --dry_run does")
    forecast, slots = estimate(definition, base), len(available_cores())
    count = sum(len(stratum.drawn) for stratum in strata)
    tell(f"training {count} of {definition.size:,} configurations, {slots} at a time")
    with tempfile.TemporaryDirectory(prefix="handgrad-") as folder:
        sweep = _trained(Path(folder) / "grid", definition, base, strata, News(tell))
        return _numbers(sweep, strata, slots) | {
            "definition": definition.to_mapping(),
            "base": base.to_mapping(),
            "estimated_hours": [n * (definition.size or 0) / slots / 3600 for n in forecast[:3]],
        }


def _trained(path: Path, definition: SweepDefinition, base: RunConfig, strata: list[Stratum], news: Watcher) -> Sweep:
    """The sample in a random order, so that what drifts with time falls on every stratum alike."""
    listed = [values for stratum in strata for values in stratum.drawn]
    order = np.random.default_rng(base.seed).permutation(len(listed))
    SAMPLERS[LISTED] = type("Drawn", (Listed,), {"listed": [listed[i] for i in order]})
    try:
        sweep = create_sweep(path, definition, base, Settings(LISTED, base.seed, configurations=len(listed)))
        run_sweep(sweep, len(available_cores()), watcher=news)
    finally:
        del SAMPLERS[LISTED]
    return sweep


def _numbers(sweep: Sweep, strata: list[Stratum], slots: int) -> dict[str, Any]:
    definition, trials = sweep.definition, sweep.trials()
    found = [stretches([sweep.run(trial)])[0] for trial in trials]
    keys = (definition.key(trial.values) for trial in trials)
    taken = dict(zip(keys, lengths(found, slots), strict=True))
    seconds = [[taken[definition.key(values)] for values in stratum.drawn] for stratum in strata]
    told = stratified_mean([stratum.size for stratum in strata], seconds)
    return {
        "size": definition.size,
        "slots": slots,
        "strata": len(strata),
        "sample": len(trials),
        "between_seconds": mean(waits(found, slots)),
        "seconds": told._asdict(),
        "hours": [n * (definition.size or 0) / slots / 3600 for n in told[:3]],
        "trained": [stratum._asdict() | {"seconds": each} for stratum, each in zip(strata, seconds, strict=True)],
    }
