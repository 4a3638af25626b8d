"""`handgrad sweep FILE`: a W&B sweep file, run, or examined with --dry_run; `handgrad sweep WORD NAME`."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.cli.commands import COMMANDS, TABLES, examples_of
from handgrad.cli.console import echo_notes
from handgrad.cli.flags import FLAG, ParsedFlags, parse
from handgrad.cli.options import SWEEP, Option, help_text, options_of, short_help
from handgrad.cli.sweep_posthoc import test_best, test_ensemble, transfer_best
from handgrad.cli.sweep_program import announce, program_of, read_program
from handgrad.cli.sweep_report import SweepView, beyond_file, print_examination, report_at_end, sweep_report
from handgrad.config.presets import BEST
from handgrad.config.value_types import Name, ValueType
from handgrad.errors import ERROR, Diagnostic, FileSystemError, HandgradError, IncompleteSweepError, UsageError
from handgrad.machine import available_cores
from handgrad.plugins import how_to_install, is_installed
from handgrad.reports.render import WRITERS
from handgrad.runs.executor.ray_cluster import check_cluster
from handgrad.screen import echo, working
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep, search
from handgrad.sweeps.database import check_url
from handgrad.sweeps.diagnostics import Plan, diagnose_sweep
from handgrad.sweeps.folder import Sweep, changed, open_sweep
from handgrad.sweeps.posthoc.test import SELECTIONS
from handgrad.sweeps.samplers import require
from handgrad.sweeps.search import begin, held, require_valid
from handgrad.sweeps.sweep_file import starting_preset
from handgrad.sweeps.timing import PROBES, estimate
from handgrad.text import suggestion

log = logging.getLogger("handgrad")
PROGRAM = "handgrad sweep FILE"


def run_sweep(tokens: list[str]) -> int:
    """Read a sweep file, and run or examine it; or do what the first word says with a sweep that there is."""
    if tokens and tokens[0] in SUBCOMMANDS:
        return _run_subcommand(tokens[0], tokens[1:])
    file, rest = (tokens[0], tokens[1:]) if tokens and not FLAG.match(tokens[0]) else (None, tokens)
    _check_name(file)
    parsed = parse(rest, SWEEP, starting_preset(file) if file else BEST)
    if parsed.options["help"]:
        summaries = {word: row.summary for word, row in SUBCOMMANDS.items()}
        print(help_text(PROGRAM, examples_of("sweep"), SWEEP, summaries, about=COMMANDS["sweep"][1]), end="")
        return 0
    return sweep(file, parsed._replace(config=parsed.with_wandb()))


def _check_name(file: str | None) -> None:
    """Before its flags are looked at, which may be those of a subcommand.  Raises  UsageError."""
    if file and not Path(file).suffix and not Path(file).exists() and file not in BUNDLED:
        near = suggestion(file, [*BUNDLED, *SUBCOMMANDS])
        raise UsageError(f"no sweep file {file!r}{near} Bundled: {', '.join(BUNDLED)}")


def sweep(file: str | None, parsed: ParsedFlags) -> int:
    """Examine or run the sweep of a file, or the bundled one of that name."""
    program, rule = program_of(file, parsed.options) if file else (None, "")
    definition = read_program(str(file), program, parsed) if program else read(file, parsed)
    announce(rule, program, () if parsed.options["dry_run"] else definition.notices)
    if not (parsed.options["dry_run"] or program):
        echo(beyond_file(definition, parsed.config))
    echo_notes(parsed.notes if program is None else [])
    if "wandb" in parsed.config.track and not is_installed("wandb"):
        log.warning("W&B is not installed, so no trial is sent to it: %s", how_to_install("wandb"))
    return _diagnose(definition, parsed) if parsed.options["dry_run"] else _start(definition, parsed)


def read(file: str | None, parsed: ParsedFlags) -> SweepDefinition:
    """The sweep of a file, or the bundled one of that name; a setting of a run that is given as a flag does not vary.

    Raises  UsageError, FileSystemError.
    """
    if file is None:
        raise UsageError(f"{PROGRAM}: give a YAML file, or the name of a bundled sweep: {', '.join(BUNDLED)}")
    _check_name(file)
    return held(read_sweep(file, parsed.config, parsed.options["map"] or {}), parsed.stated)


def _diagnose(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """The sweep and its diagnostics; 2 where one of these is an error, so that a script can see it."""
    seconds, unknown = None, []
    try:
        if definition.program is None:
            echo(f"timing {PROBES} configurations for a moment …")
            seconds = estimate(definition, parsed.config)
    except HandgradError as error:
        fix = "The sweep cannot run like that either"
        unknown = [Diagnostic(ERROR, f"hours are not estimated: {error}", fix)]
    unmet = [Diagnostic(ERROR, str(error)) for error in _unmet(definition, parsed.options)]
    found = [*unmet, *unknown, *diagnose_sweep(definition, parsed.config, _plan(parsed.options), seconds)]
    print_examination(definition, parsed.config, found)
    return UsageError.exit_code if any(each.severity == ERROR for each in found) else 0


def _unmet(definition: SweepDefinition, options: dict[str, Any]) -> Iterator[HandgradError]:
    """What the sweep needs and does not have: a package, a kind of storage, Ray."""
    checks = (require, options["method"] or definition.method), (check_url, options["storage"])
    for check, value in (*checks, (check_cluster, options["ray"])):
        try:
            if value:
                check(value)
        except HandgradError as error:
            yield error


def _plan(options: dict[str, Any]) -> Plan:
    return Plan(options["trials"], options["hours"], options["jobs"] or len(available_cores()), options["seeds"] or 1)


def _start(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """Run a sweep in a folder of its own, or go on with the one of that name where --resume is given."""
    options, base = parsed.options, parsed.config
    for error in _unmet(definition, options):
        raise error
    with working("checking the sweep"):
        warnings = require_valid(definition, base, _plan(options))
    for warning in warnings:
        echo(f"warning: {warning}")
    overrides = _overrides(options) | ({"method": options["method"]} if options["method"] else {})
    folder, resume, endless = Path(options["sweeps_dir"]), options["resume"], bool(options["hours"])
    return _run(begin(definition, base, overrides, folder, options["name"], resume=resume, endless=endless), options)


def resume_sweep(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Go on with a sweep; `--trials` and `--seeds` may ask for more than before."""
    if parsed.options["ray"]:
        check_cluster(parsed.options["ray"])
    if (program := sweep.definition.program) and program.function:
        raise UsageError(f"{program.path} runs this sweep by itself. Go on with: {sweep.resume_command}")
    announce("", program)
    return _run(changed(sweep, **_overrides(parsed.options)), parsed.options)


def _overrides(options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a sweep among the options, those that may change when it goes on."""
    names = {"trials": "configurations", "seeds": "seeds", "storage": "storage"}
    return {names[option]: options[option] for option in names if options[option]}


def _run(sweep: Sweep, options: dict[str, Any]) -> int:
    sweep.save(sweep.trials())
    incomplete = None
    try:
        search.run_sweep(sweep, options["jobs"], options["hours"], SweepView(), options["ray"])
    except IncompleteSweepError as error:
        incomplete = error
    if options["report"]:
        report_at_end(sweep)
    if incomplete:
        raise incomplete
    return 0


class Subcommand(NamedTuple):
    """What `handgrad sweep WORD NAME` does with a sweep that there is; `settings`: it takes those of a run."""

    word: str
    run: Callable[[Sweep, ParsedFlags], int]
    options: tuple[Option, ...]
    settings: bool = False

    @property
    def summary(self) -> str:
        """Its line in `handgrad sweep --help`."""
        return TABLES[f"sweep {self.word}"]["summary"]


def _subcommand(word: str, run: Callable[[Sweep, ParsedFlags], int], **types: ValueType) -> Subcommand:
    return Subcommand(word, run, options_of(f"sweep {word}", **types))


# A sweep file of such a name is called by its path: `handgrad sweep ./resume`.
SUBCOMMANDS = {
    row.word: row
    for row in (
        _subcommand("resume", resume_sweep),
        _subcommand("report", sweep_report, format=Name("format", tuple(WRITERS))),
        _subcommand("test", test_best),
        _subcommand("ensemble", test_ensemble, select=Name("select", tuple(SELECTIONS))),
        _subcommand("transfer", transfer_best)._replace(settings=True),
    )
}


def _run_subcommand(word: str, tokens: list[str]) -> int:
    """Find the sweep that the first token names, read the flags, and do it."""
    row, named = SUBCOMMANDS[word], bool(tokens) and not FLAG.match(tokens[0])
    parsed = parse(tokens[1:] if named else tokens, row.options)
    if parsed.options["help"]:
        print(short_help(f"sweep {word}", row.options), end="")
        return 0
    if not named:
        raise UsageError(f"handgrad sweep {word}: give the name or the folder of a sweep")
    if parsed.stated and not row.settings:
        raise UsageError(f"a sweep keeps the settings it was started with: leave --{next(iter(parsed.stated))} out")
    echo_notes(parsed.notes)
    sweep = _find(tokens[0], Path(parsed.options["sweeps_dir"]))
    if sweep.definition.program and row.run in (test_best, test_ensemble, transfer_best):
        raise UsageError(f"handgrad has no networks of {sweep.definition.program.path}: {word} is for its own trials")
    return row.run(sweep, parsed)


def _find(name: str, folder: Path) -> Sweep:
    """The sweep in the folder `name`, or the one of that name in `folder`.

    Raises  FileSystemError with the nearest name where there is none; UsageError, CorruptDataError.
    """
    path = Path(name) if (Path(name) / "sweep.json").exists() else folder / name
    if not path.is_dir():
        known = sorted(each.parent.name for each in folder.glob("*/sweep.json"))
        others = f" There {'is' if len(known) == 1 else 'are'}: {', '.join(known)}" if known else ""
        raise FileSystemError(f"no sweep in {path}{suggestion(name, known)}{others}")
    return open_sweep(path)
