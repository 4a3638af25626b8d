"""A sweep started or gone on with, on this machine's cores."""

import os
from contextlib import closing

from handgrad.errors import UsageError
from handgrad.sweeps.brains import Random
from handgrad.sweeps.driver import Driver
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.ledger import Ledger
from handgrad.sweeps.storage import joined, require_optuna
from handgrad.sweeps.watcher import Standing, Watcher
from handgrad.sweeps.workers import Pool


def run_sweep(
    sweep: Sweep, jobs: int | None = None, hours: float | None = None, watcher: Watcher | None = None
) -> Standing:
    """Run what is missing of `sweep`, `jobs` trials at a time (one a core by default), for at most `hours`.

    Raises  UsageError when there is no end to it, or Optuna is missing; FileSystemError when its storage cannot be used
            or is in use; IncompleteSweepError when trials were lost; InterruptedRunError after a signal.
    """
    require_optuna()
    if sweep.wanted is None and not hours:
        raise UsageError("there is no end to this sweep: say how many --trials, or how many --hours")
    first = Random(sweep.definition, sweep.base, sweep.settings.seed).propose(0, (), ())
    example = sweep.definition.to_config(first or {}, sweep.base)
    with joined(sweep.storage_url) as (crew, storage):
        ledger = Ledger(storage, sweep.name, sweep.definition)
        with closing(Pool(jobs or cores(), [example.to_mapping()], sweep.workers_log)) as pool:
            return Driver(sweep, ledger, crew, pool, watcher or Watcher()).run(hours)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
