"""A sweep that is run: started, gone on with, and watched."""

from pathlib import Path
from typing import Any

from handgrad.cli.console import say, working
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.options import DEBUG, HELP, OF_RUNNING, STORAGE, SWEEPS_DIR
from handgrad.cli.subcommands import Subcommand
from handgrad.cli.sweep_report import report_at_end
from handgrad.cli.sweep_view import SweepView
from handgrad.errors import IncompleteSweepError
from handgrad.machine import available_cores
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.database import check_url
from handgrad.sweeps.diagnostics import Plan
from handgrad.sweeps.executors.ray_cluster import check_cluster
from handgrad.sweeps.folder import Sweep, changed
from handgrad.sweeps.search import begin, require_valid, run_sweep


def start_sweep(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """Run a sweep in a folder of its own, or go on with the one of that name where --resume is given."""
    options, base = parsed.options, parsed.config
    if options["storage"]:
        check_url(options["storage"])
    if options["ray"]:
        check_cluster(options["ray"])
    with working("checking the sweep"):
        warnings = require_valid(definition, base, plan_of(parsed))
    for warning in warnings:
        say(f"warning: {warning}")
    overrides = _given(options) | ({"method": options["method"]} if options["method"] else {})
    sweep = begin(
        definition,
        base,
        overrides,
        Path(options["sweeps_dir"]),
        options["name"],
        resume=options["resume"],
        endless=bool(options["hours"]),
    )
    return _run(sweep, options)


def resume_sweep(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Go on with a sweep; `--trials` and `--seeds` may ask for more than before."""
    if parsed.options["ray"]:
        check_cluster(parsed.options["ray"])
    return _run(changed(sweep, **_given(parsed.options)), parsed.options)


RESUME = Subcommand(
    "run the missing trials, or more trials",
    resume_sweep,
    (*OF_RUNNING, STORAGE, SWEEPS_DIR, DEBUG, HELP),
    ("handgrad sweep resume first", "handgrad sweep resume first --trials 40 --jobs 2"),
    "Resume a sweep with its original settings: run the missing trials, repeat the lost ones, and run more if --trials "
    "or --seeds ask for more.",
)


def plan_of(parsed: ParsedFlags) -> Plan:
    """What the flags say of trials, hours, jobs and seeds."""
    options = parsed.options
    return Plan(options["trials"], options["hours"], options["jobs"] or len(available_cores()), options["seeds"] or 1)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a sweep that are asked for, those that may change when it goes on."""
    names = {"trials": "configurations", "seeds": "seeds", "storage": "storage"}
    return {names[option]: options[option] for option in names if options[option]}


def _run(sweep: Sweep, options: dict[str, Any]) -> int:
    sweep.save(sweep.trials())
    try:
        run_sweep(sweep, options["jobs"], options["hours"], SweepView(), options["ray"])
    except IncompleteSweepError:
        _report(sweep, options)
        raise
    _report(sweep, options)
    return 0


def _report(sweep: Sweep, options: dict[str, Any]) -> None:
    if options["report"]:
        report_at_end(sweep)
