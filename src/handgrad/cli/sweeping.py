"""A sweep that is run: started, gone on with, and watched."""

import dataclasses
from pathlib import Path
from typing import Any

from handgrad.cli.console import say
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.sweep_view import SweepView
from handgrad.config import RunConfig
from handgrad.errors import UsageError
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.cluster import check_cluster
from handgrad.sweeps.doctor import examine
from handgrad.sweeps.doctor.examination import Plan
from handgrad.sweeps.finding import ERROR, WARNING
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, free_path, open_sweep
from handgrad.sweeps.start import cores, run_sweep
from handgrad.sweeps.storage import check_url, require_optuna


def start_sweep(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """Run a sweep in a folder of its own, or go on with the one of that name where --resume is given."""
    require_optuna()
    options, base = parsed.options, parsed.config
    if options["storage"]:
        check_url(options["storage"])
    if options["ray"]:
        check_cluster(options["ray"])
    _refuse_errors(definition, base, plan_of(parsed))
    folder = Path(options["sweeps_dir"])
    name = options["name"] or definition.name or "sweep"
    settings = Settings(
        brain=options["method"] or definition.method,
        seed=base.seed,
        seeds=options["seeds"] or 1,
        configurations=options["trials"] or definition.run_cap,
        storage=options["storage"],
    )
    if options["resume"] and (folder / name / "sweep.json").exists():
        sweep = _same(open_sweep(folder / name), definition, base)
        return _run(changed(sweep, **_given(options)), options)
    path = folder / name if options["name"] else free_path(folder, name)
    if settings.configurations is None and definition.size is None and not options["hours"]:
        raise UsageError("there is no end to this sweep: say how many --trials, or how many --hours")
    return _run(create_sweep(path, definition, base, settings), options)


def resume_sweep(name: str, parsed: ParsedFlags) -> int:
    """Go on with a sweep by its name or its folder; `--trials` and `--seeds` may ask for more than before."""
    if parsed.given:
        field = next(iter(parsed.given))
        raise UsageError(f"a sweep goes on with the settings that it began with: leave --{field} out")
    path = Path(name)
    if not (path / "sweep.json").exists():
        path = Path(parsed.options["sweeps_dir"]) / name
    return _run(changed(open_sweep(path), **_given(parsed.options)), parsed.options)


def plan_of(parsed: ParsedFlags) -> Plan:
    """What the flags say of trials, hours, jobs and seeds."""
    options = parsed.options
    return Plan(options["trials"], options["hours"], options["jobs"] or cores(), options["seeds"] or 1)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a sweep that may change when it goes on."""
    names = {"trials": "configurations", "seeds": "seeds", "storage": "storage"}
    return {names[option]: options[option] for option in names if options[option]}


def _refuse_errors(definition: SweepDefinition, base: RunConfig, plan: Plan) -> None:
    for finding in examine(definition, base, plan):
        if finding.severity == ERROR:
            raise UsageError(f"{finding}. `--dry_run` tells all that there is to say of this sweep")
        if finding.severity == WARNING:
            say(f"warning: {finding}")


def _same(sweep: Sweep, definition: SweepDefinition, base: RunConfig) -> Sweep:
    """Refuse to go on with another sweep than was begun."""
    quiet = dataclasses.replace(definition, notices=())
    if quiet != dataclasses.replace(sweep.definition, notices=()) or base != sweep.base:
        raise UsageError(f"{sweep.path} was begun with other settings: choose another --name")
    return sweep


def _run(sweep: Sweep, options: dict[str, Any]) -> int:
    sweep.save(sweep.trials())
    run_sweep(sweep, options["jobs"], options["hours"], SweepView(), options["ray"])
    return 0
