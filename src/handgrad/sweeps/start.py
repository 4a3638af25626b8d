"""A sweep started or gone on with, on this machine's cores."""

import os
from contextlib import closing
from typing import Any

from handgrad.errors import UsageError
from handgrad.sweeps.brains import Random
from handgrad.sweeps.cluster import Cluster
from handgrad.sweeps.driver import Driver
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.ledger import Ledger
from handgrad.sweeps.storage import joined, require_optuna
from handgrad.sweeps.watcher import Standing, Watcher
from handgrad.sweeps.workers import Pool


def run_sweep(
    sweep: Sweep,
    jobs: int | None = None,
    hours: float | None = None,
    watcher: Watcher | None = None,
    ray: str | None = None,
) -> Standing:
    """Run what is missing of `sweep`, `jobs` trials at a time (one a core by default), for at most `hours`.

    `ray` is the address of a Ray cluster whose cores these are: auto, local, HOST:PORT or ray://HOST:PORT.

    Raises  UsageError when there is no end to it, or Optuna or Ray is missing; FileSystemError when its storage or its
            cluster cannot be used; IncompleteSweepError when trials were lost; InterruptedRunError after a signal.
    """
    require_optuna()
    if sweep.wanted is None and not hours:
        raise UsageError("there is no end to this sweep: say how many --trials, or how many --hours")
    first = Random(sweep.definition, sweep.base, sweep.settings.seed).propose(0, (), ())
    example = sweep.definition.to_config(first or {}, sweep.base)
    with joined(sweep.storage_url) as (crew, storage):
        ledger = Ledger(storage, sweep.name, sweep.definition)
        with closing(_executor(sweep, example.to_mapping(), jobs, ray)) as executor:
            return Driver(sweep, ledger, crew, executor, watcher or Watcher()).run(hours)


def _executor(sweep: Sweep, config: dict[str, Any], jobs: int | None, ray: str | None) -> Pool | Cluster:
    if ray:
        return Cluster(ray, jobs, config, sweep.runs_dir, sweep.workers_log)
    return Pool(jobs or cores(), [config], sweep.workers_log)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
