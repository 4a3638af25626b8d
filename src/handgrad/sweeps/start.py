"""A sweep started or gone on with, on this machine's cores."""

import os
from contextlib import closing, suppress
from typing import Any

from handgrad.config import RunConfig
from handgrad.diagnostics import ERROR, WARNING
from handgrad.errors import UsageError
from handgrad.runs import diagnose_each
from handgrad.sweeps.cluster import Cluster
from handgrad.sweeps.driver import Driver
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.samplers import Random, require
from handgrad.sweeps.storage import check_url, joined
from handgrad.sweeps.watcher import Standing, Watcher
from handgrad.sweeps.workers import Pool
from handgrad.training.diagnose import heed

MOST_EXAMPLES = 16  # more than there are optimizers or activations


def run_sweep(
    sweep: Sweep,
    jobs: int | None = None,
    hours: float | None = None,
    watcher: Watcher | None = None,
    ray: str | None = None,
) -> Standing:
    """Run what is missing of `sweep`, `jobs` trials at a time (one a core by default), for at most `hours`.

    `ray` is the address of a Ray cluster whose cores these are: auto, local, HOST:PORT or ray://HOST:PORT.

    Raises  UsageError when there is no end to it, or Ray or what its method needs is missing; FileSystemError when its
            storage or its cluster cannot be used; CorruptDataError when its storage is damaged; IncompleteSweepError
            when trials were lost; InterruptedRunError after a signal.
    """
    require(sweep.settings.method)
    if sweep.wanted is None and not hours:
        raise UsageError("there is no end to this sweep: say how many --trials, or how many --hours")
    check_url(sweep.storage_url)
    if not ray:  # a cluster may have data that is not here
        _heed_diagnoses(examples(sweep))
    # The process that workers come from loads data and kernels while the storage is opened.
    executor = _executor(sweep, jobs, ray)
    with closing(executor), joined(sweep.storage_url) as (crew, storage):
        with crew.choosing():
            ledger = sweep.ledger(storage)
        return Driver(sweep, ledger, crew, executor, watcher or Watcher()).run(hours)


def _heed_diagnoses(examples: list[dict[str, Any]]) -> None:
    """Tell once what would be told of trials.  Raises  UsageError when none of them can be trained."""
    found = diagnose_each(map(RunConfig.from_mapping, examples))
    errors = [[each for each in told if each.severity == ERROR] for told in found]
    heed(errors[0] if all(errors) else ())
    failing = sorted({each for told in errors for each in told})
    told_once = [each._replace(severity=WARNING, what=f"some trials will fail: {each.what}") for each in failing]
    heed([*told_once, *(each for each in found[0] if each.severity == WARNING)])


def _executor(sweep: Sweep, jobs: int | None, ray: str | None) -> Pool | Cluster:
    configs = examples(sweep)
    if ray:
        return Cluster(ray, jobs, configs[0], sweep.runs_dir, sweep.workers_log)
    return Pool(jobs or cores(), configs, sweep.workers_log)


def examples(sweep: Sweep) -> list[dict[str, Any]]:
    """Possible configurations in which each choice of the sweep is made at least once: they need all its kernels.

    Of longer lists, which are of numbers and need no other kernels, the first few values.

    Raises  UsageError when no configuration is possible.
    """
    definition, base = sweep.definition, sweep.base
    first = Random(definition, base, sweep.settings.seed).suggest(0, (), ()) or {}
    found = [definition.to_config(first, base).to_mapping()]
    choices = {name: each.grid() for name, each in definition.varying.items() if each.axis.kind == "categorical"}
    for turn in range(min(MOST_EXAMPLES, max(map(len, choices.values()), default=0))):
        values = first | {name: grid[turn % len(grid)] for name, grid in choices.items()}
        with suppress(UsageError):
            found.append(definition.to_config(definition.canonical(values), base).to_mapping())
    return found


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
