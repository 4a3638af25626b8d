"""What the sweep costs, and whether its early stops can save any of it."""

import math
from collections.abc import Iterator

from handgrad.diagnostics import NOTE, WARNING, Diagnostic
from handgrad.sweeps.doctor.examination import Examination

LONG_HOURS = 24


def size_and_hours(seen: Examination) -> Iterator[Diagnostic]:
    """How many configurations there are, how many are tried, and how long that takes."""
    size, trials = seen.definition.size, seen.trials
    what = "the space has no end" if size is None else f"the space has {_count(size, 'configuration')}"
    if trials is None:
        end = "" if seen.plan.hours else "; nothing says when to stop"
        yield Diagnostic(
            NOTE, what + end, "" if seen.plan.hours else "Give --trials N or --hours H, or run_cap in the file"
        )
    else:
        seeds = f", each with {seen.plan.seeds} seeds" if seen.plan.seeds > 1 else ""
        yield Diagnostic(NOTE, f"{what}; {'all' if trials == size else f'{trials:,}'} of them to be tried{seeds}")
    yield from _hours(seen, trials)


def _hours(seen: Examination, trials: int | None) -> Iterator[Diagnostic]:
    estimate = seen.estimate
    if estimate is None:
        return
    each = f"a trial takes about {estimate.seconds:.3g} s ({estimate.low:.3g} to {estimate.high:.3g})"
    at_a_time = f", {seen.plan.jobs} at a time" if seen.plan.jobs > 1 else ""
    if trials is None:
        yield Diagnostic(NOTE, f"{each}{at_a_time}")
        return
    hours = [n * trials * seen.plan.seeds / seen.plan.jobs / 3600 for n in estimate[:3]]
    total = f"{_hour(hours[0])} in all ({_hour(hours[1])} to {_hour(hours[2])}{at_a_time})"
    limit = seen.plan.hours or LONG_HOURS
    if hours[0] <= limit:
        yield Diagnostic(NOTE, f"{each}: {total}")
        return
    fitting = max(1, int(trials * limit / hours[0]))
    stop = f"--hours {limit:g} ends it after about {fitting:,} trials" if seen.plan.hours else "longer than a day"
    other = "method: bayes or random, with " if seen.definition.method == "grid" else ""
    yield Diagnostic(WARNING, f"{each}: {total}; {stop}", f"Try fewer: {other}--trials {fitting}")


def bands_out_of_reach(seen: Examination) -> Iterator[Diagnostic]:
    """Bands at which no run can be stopped, or not the shorter ones."""
    stopping = seen.definition.early_terminate
    if stopping is None:
        return
    lengths = sorted(set(seen.values("epochs")))
    longest = lengths[-1]
    all_bands = stopping.bands(10**6)
    reached = stopping.bands(longest)
    if not reached:
        first = all_bands[0]
        what = f"early_terminate stops nothing: its first band is epoch {first}, and no run goes beyond {longest}"
        fix = "Write min_iter: 1" if longest > 1 else "Leave early_terminate out, or train for more epochs"
        yield Diagnostic(WARNING, what, fix)
        return
    beyond = [band for band in all_bands if band >= longest]
    if stopping.max_iter is not None and beyond:
        what = f"early_terminate: no run of {longest} epochs is stopped at epoch {', '.join(map(str, beyond))}"
        yield Diagnostic(WARNING, what, f"Write max_iter: {longest}")
    short = [length for length in lengths if length <= reached[0]]
    if short:
        what = f"runs of {', '.join(map(str, short))} epochs are never stopped: the first band is epoch {reached[0]}"
        yield Diagnostic(NOTE, what)


def more_trials_than_there_are(seen: Examination) -> Iterator[Diagnostic]:
    """No configuration is run twice, so a finite space ends."""
    size = seen.definition.size
    for name, wanted in (("--trials", seen.plan.trials), ("run_cap", seen.definition.run_cap)):
        if size is not None and wanted is not None and wanted > size:
            what = f"{name} {wanted:,} is more than the {_count(size, 'configuration')}; none is run twice"
            yield Diagnostic(NOTE, what, "For replicates give --seeds N")


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _hour(hours: float) -> str:
    if hours < 1 / 30:
        return f"{math.ceil(3600 * hours)} s"
    if hours < 1:
        return f"{60 * hours:.0f} min"
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"
