"""A whole sweep in one call, and a sweep run or resumed on an executor."""

import dataclasses
import logging
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig, decides_training
from handgrad.config.describe import folder_of_name
from handgrad.errors import ERROR, WARNING, Diagnostic, UsageError
from handgrad.machine import available_cores
from handgrad.runs import diagnose_each
from handgrad.runs.executor.local import LocalExecutor
from handgrad.runs.executor.protocol import Executor
from handgrad.runs.executor.ray_cluster import RayExecutor
from handgrad.runs.executor.threads import ThreadExecutor
from handgrad.sweeps.database import check_url, open_storage
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.diagnostics import Plan, diagnose_sweep
from handgrad.sweeps.driver import Driver, SweepCallback, SweepProgress
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, free_path, open_sweep
from handgrad.sweeps.programs import run_program
from handgrad.sweeps.run_trial import FUNCTION
from handgrad.sweeps.samplers import Random, require
from handgrad.sweeps.sweep_file import read_sweep, starting_preset
from handgrad.training.diagnose import heed

MOST_EXAMPLES = 16  # more than there are optimizers or activations
log = logging.getLogger("handgrad")
MAY_CHANGE = ("seeds", "configurations", "storage")  # of the settings, where a sweep goes on


def run_sweep(
    sweep: Sweep,
    jobs: int | None = None,
    hours: float | None = None,
    callback: SweepCallback | None = None,
    ray: str | None = None,
    executor: Executor | None = None,
) -> SweepProgress:
    """Run what is missing of `sweep`, `jobs` trials at a time (one a core by default), for at most `hours`.

    `ray` is the address of a Ray cluster whose cores these are: auto, local, HOST:PORT or ray://HOST:PORT. Where there
    is an `executor` already, it runs the trials.

    Raises  UsageError when there is no end to it, or Ray or what its method needs is missing; FileSystemError when its
            storage or its cluster cannot be used; CorruptDataError when its storage is damaged; IncompleteSweepError
            when trials were lost; InterruptedRunError after a signal.
    """
    require(sweep.settings.method)
    if sweep.wanted is None and not hours:
        raise UsageError("this sweep has no limit: give --trials or --hours")
    check_url(sweep.storage_url)
    if not ray and not sweep.definition.program:  # a cluster may have data that is not here
        _heed_diagnoses(examples(sweep))
    # The process that workers come from loads data and kernels while the storage is opened.
    executor = executor or _executor(sweep, jobs, ray)
    with closing(executor), open_storage(sweep.storage_url) as (drivers, storage):
        with drivers.exclusive():
            store = sweep.store(storage)
        return Driver(sweep, store, drivers, executor, callback or SweepCallback()).run(hours)


def _heed_diagnoses(examples: list[dict[str, Any]]) -> None:
    """Warn once of what some or all trials are warned of.  Raises  UsageError when none of them can be trained."""
    found = diagnose_each(map(RunConfig.from_mapping, examples))
    errors = [[each for each in diagnostics if each.severity == ERROR] for diagnostics in found]
    heed(errors[0] if all(errors) else ())
    failing = sorted({each for diagnostics in errors for each in diagnostics})
    warnings = [each._replace(severity=WARNING, what=f"some trials will fail: {each.what}") for each in failing]
    # One of a kind, which is known by its fix: "41 steps in all …" and "30 steps in all …" are one warning.
    by_fix = {each.fix: each for diagnostics in reversed(found) for each in diagnostics if each.severity == WARNING}
    for each in by_fix.values():
        everywhere = all(each in diagnostics for diagnostics in found)
        warnings.append(each if everywhere else each._replace(what=f"some trials: {each.what}"))
    heed(warnings)


def _executor(sweep: Sweep, jobs: int | None, ray: str | None) -> Executor:
    slots, program = jobs or len(available_cores()), sweep.definition.program
    if program and program.shares_file and (ray or slots > 1):
        log.warning("trials share the file %s, so they run one at a time", program.metric_file)
        jobs = slots = 1
    if program and ray:
        file = Path(program.folder) / program.path
        return RayExecutor(ray, jobs, run_program.FUNCTION, {}, [file], sweep.runs_dir, sweep.workers_log)
    if program:
        threads = max(1, len(available_cores()) // slots)
        return ThreadExecutor(slots, partial(run_program.run_program, threads=threads))
    configs = examples(sweep)
    if ray:
        return RayExecutor(ray, jobs, FUNCTION, configs[0], (), sweep.runs_dir, sweep.workers_log)
    return LocalExecutor(slots, FUNCTION, configs, sweep.workers_log)


def examples(sweep: Sweep) -> list[dict[str, Any]]:
    """Possible configurations in which each choice of the sweep is made at least once: they need all its kernels.

    Of longer lists, which are of numbers and need no other kernels, the first few values.

    Raises  UsageError when no configuration is possible.
    """
    definition, base = sweep.definition, sweep.base
    first = Random(definition, base, sweep.settings.seed).suggest(0, (), ()) or {}
    found = [definition.to_config(first, base).to_mapping()]
    choices = {name: each.grid() for name, each in definition.varying.items() if each.axis.type == "categorical"}
    for turn in range(min(MOST_EXAMPLES, max(map(len, choices.values()), default=0))):
        values = first | {name: grid[turn % len(grid)] for name, grid in choices.items()}
        with suppress(UsageError):
            found.append(definition.to_config(definition.canonical(values), base).to_mapping())
    return found


def sweep(
    source: str | Path | Mapping[str, Any],
    trials: int | None = None,
    *,
    hours: float | None = None,
    jobs: int | None = None,
    seeds: int = 1,
    name: str | None = None,
    folder: str | Path = "sweeps",
    resume: bool = False,
    **settings: Any,
) -> Sweep:
    """Search the settings of a network: a file in W&B's format, a mapping of its keys, or a bundled sweep by name.

    `settings` are fields of RunConfig by any alias, which then do not vary. The sweep is run to its end, `jobs`
    trials at a time, in a folder of its own; or, with `resume`, goes on in that of its name, up to so many `trials`.

    Raises  UsageError, FileSystemError; IncompleteSweepError when trials were lost; InterruptedRunError.
    """
    fixed = RunConfig.from_mapping(settings).model_fields_set
    base = RunConfig.from_mapping({"preset": starting_preset(source), **settings})
    definition = held(read_sweep(source, base), {field: getattr(base, field) for field in fixed})
    for warning in require_valid(definition, base, Plan(trials, hours, jobs or len(available_cores()), seeds)):
        log.warning("%s", warning)
    overrides = {"seeds": seeds} | ({"configurations": trials} if trials else {})
    begun = begin(definition, base, overrides, Path(folder), name, resume=resume, endless=bool(hours))
    run_sweep(begun, jobs, hours)
    return begun


def held(definition: SweepDefinition, settings: Mapping[str, Any]) -> SweepDefinition:
    """The sweep without the parameters that are given a value."""
    return definition.fixed(**{name: value for name, value in settings.items() if decides_training(name)})


def require_valid(definition: SweepDefinition, base: RunConfig, plan: Plan) -> list[Diagnostic]:
    """The warnings of the diagnostics.  Raises  UsageError for the first of its errors."""
    found = diagnose_sweep(definition, base, plan)
    error = next((each for each in found if each.severity == ERROR), None)
    if error:
        raise UsageError(f"{error}. `--dry_run` lists all problems of this sweep")
    return [each for each in found if each.severity == WARNING]


def begin(
    definition: SweepDefinition,
    base: RunConfig,
    overrides: Mapping[str, Any],
    folder: Path,
    name: str | None = None,
    *,
    resume: bool = False,
    endless: bool = False,
) -> Sweep:
    """A sweep in a folder of its own below `folder`; with `resume`, the one of that name where there is one.

    `overrides` are those of its Settings that are asked for; a sweep without an end is refused unless `endless`.

    Raises  UsageError when there is another sweep of that name; as `create_sweep` and `open_sweep`.
    """
    called = folder_of_name(name or definition.name or "sweep")
    if resume and (folder / called / "sweep.json").exists():
        there = _same(open_sweep(folder / called), definition, base)
        return changed(there, **{field: value for field, value in overrides.items() if field in MAY_CHANGE})
    own = {"method": definition.method, "seed": base.seed, "configurations": definition.run_cap}
    chosen = Settings(**{**own, **overrides})
    require(chosen.method)
    if chosen.configurations is None and definition.size is None and not endless:
        raise UsageError("this sweep has no limit: give --trials or --hours")
    return create_sweep(folder / called if name else free_path(folder, called), definition, base, chosen)


def _same(there: Sweep, definition: SweepDefinition, base: RunConfig) -> Sweep:
    """Refuse to go on with another sweep than was begun."""
    quiet = dataclasses.replace(definition, notices=())
    if quiet != dataclasses.replace(there.definition, notices=()) or base != there.base:
        raise UsageError(f"{there.path} was begun with other settings: choose another --name")
    return there
