"""A whole sweep in one call."""

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig, decides_training
from handgrad.config.naming import folder_of_name
from handgrad.diagnostics import ERROR, WARNING, Diagnostic
from handgrad.errors import UsageError
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.diagnostics import Plan, diagnose_sweep
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, free_path, open_sweep
from handgrad.sweeps.samplers import require
from handgrad.sweeps.start import cores, run_sweep
from handgrad.sweeps.sweep_file import read_sweep, starting_preset

log = logging.getLogger("handgrad")
MAY_CHANGE = ("seeds", "configurations", "storage")  # of the settings, where a sweep goes on


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

    `settings` are fields of RunConfig in any spelling, which then do not vary. The sweep is run to its end, `jobs`
    trials at a time, in a folder of its own; or, with `resume`, goes on in that of its name, up to so many `trials`.

    Raises  UsageError, FileSystemError; IncompleteSweepError when trials were lost; InterruptedRunError.
    """
    given = RunConfig.from_mapping(settings).model_fields_set
    base = RunConfig.from_mapping({"preset": starting_preset(source), **settings})
    definition = held(read_sweep(source, base), {field: getattr(base, field) for field in given})
    for warning in sound(definition, base, Plan(trials, hours, jobs or cores(), seeds)):
        log.warning("%s", warning)
    wishes = {"seeds": seeds} | ({"configurations": trials} if trials else {})
    begun = begin(definition, base, wishes, Path(folder), name, resume=resume, endless=bool(hours))
    run_sweep(begun, jobs, hours)
    return begun


def held(definition: SweepDefinition, given: Mapping[str, Any]) -> SweepDefinition:
    """The sweep without the parameters that are given a value."""
    return definition.fixed(**{name: value for name, value in given.items() if decides_training(name)})


def sound(definition: SweepDefinition, base: RunConfig, plan: Plan) -> list[Diagnostic]:
    """The warnings of the diagnostics.  Raises  UsageError for the first of its errors."""
    findings = diagnose_sweep(definition, base, plan)
    error = next((finding for finding in findings if finding.severity == ERROR), None)
    if error:
        raise UsageError(f"{error}. `--dry_run` tells all that there is to say of this sweep")
    return [finding for finding in findings if finding.severity == WARNING]


def begin(
    definition: SweepDefinition,
    base: RunConfig,
    wishes: Mapping[str, Any],
    folder: Path,
    name: str | None = None,
    *,
    resume: bool = False,
    endless: bool = False,
) -> Sweep:
    """A sweep in a folder of its own below `folder`; with `resume`, the one of that name where there is one.

    `wishes` are those of its Settings that are asked for; a sweep without an end is refused unless `endless`.

    Raises  UsageError when there is another sweep of that name; as `create_sweep` and `open_sweep`.
    """
    called = folder_of_name(name or definition.name or "sweep")
    if resume and (folder / called / "sweep.json").exists():
        there = _same(open_sweep(folder / called), definition, base)
        return changed(there, **{field: value for field, value in wishes.items() if field in MAY_CHANGE})
    own = {"method": definition.method, "seed": base.seed, "configurations": definition.run_cap}
    chosen = Settings(**{**own, **wishes})
    require(chosen.method)
    if chosen.configurations is None and definition.size is None and not endless:
        raise UsageError("there is no end to this sweep: say how many --trials, or how many --hours")
    return create_sweep(folder / called if name else free_path(folder, called), definition, base, chosen)


def _same(there: Sweep, definition: SweepDefinition, base: RunConfig) -> Sweep:
    """Refuse to go on with another sweep than was begun."""
    quiet = dataclasses.replace(definition, notices=())
    if quiet != dataclasses.replace(there.definition, notices=()) or base != there.base:
        raise UsageError(f"{there.path} was begun with other settings: choose another --name")
    return there
