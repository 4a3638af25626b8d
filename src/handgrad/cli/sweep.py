"""`handgrad sweep FILE`: a W&B sweep file, run, or examined with --dry_run; `handgrad sweep WORD NAME`."""

import logging
from importlib.util import find_spec
from pathlib import Path

from handgrad.cli.console import say, say_notes
from handgrad.cli.examined import beyond_file, print_examination
from handgrad.cli.flags import FLAG, ParsedFlags, parse
from handgrad.cli.help_text import help_text
from handgrad.cli.options import SWEEP
from handgrad.cli.subcommands import Subcommand, run_subcommand
from handgrad.cli.sweep_ensemble import ENSEMBLE
from handgrad.cli.sweep_report import REPORT
from handgrad.cli.sweep_test import TEST
from handgrad.cli.sweep_transfer import TRANSFER
from handgrad.cli.sweeping import RESUME, plan_of, start_sweep
from handgrad.cli.tracked import with_wandb
from handgrad.config.presets import BEST
from handgrad.errors import ERROR, Diagnostic, HandgradError, UsageError
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep
from handgrad.sweeps.diagnostics import diagnose_sweep
from handgrad.sweeps.search import held
from handgrad.sweeps.sweep_file import starting_preset
from handgrad.sweeps.timing import PROBES, estimate
from handgrad.text import suggestion

log = logging.getLogger("handgrad")
PROGRAM = "handgrad sweep FILE"
EXAMPLES = (
    "handgrad sweep sweep.yaml --dry_run",
    "handgrad sweep sweep.yaml --trials 50 --jobs 2",
    "handgrad sweep da6401 --trials 20 --dataset digits --name first",
    "handgrad sweep resume first --trials 40",
)

# A sweep file of such a name is called by its path: `handgrad sweep ./resume`.
SUBCOMMANDS: dict[str, Subcommand] = {
    "resume": RESUME,
    "report": REPORT,
    "test": TEST,
    "ensemble": ENSEMBLE,
    "transfer": TRANSFER,
}


def run(tokens: list[str]) -> int:
    """Read a sweep file, and run or examine it; or do what the first word says with a sweep that there is."""
    if tokens and tokens[0] in SUBCOMMANDS:
        return run_subcommand(tokens[0], SUBCOMMANDS[tokens[0]], tokens[1:])
    file, rest = (tokens[0], tokens[1:]) if tokens and not FLAG.match(tokens[0]) else (None, tokens)
    check_name(file)
    parsed = parse(rest, SWEEP, starting_preset(file) if file else BEST)
    if parsed.options["help"]:
        summaries = {word: row.summary for word, row in SUBCOMMANDS.items()}
        print(help_text(PROGRAM, EXAMPLES, SWEEP, summaries), end="")
        return 0
    return sweep(file, parsed._replace(config=with_wandb(parsed)))


def check_name(file: str | None) -> None:
    """Before its flags are looked at, which may be those of a subcommand.  Raises  UsageError."""
    if file and not Path(file).suffix and not Path(file).exists() and file not in BUNDLED:
        near = suggestion(file, [*BUNDLED, *SUBCOMMANDS])
        raise UsageError(f"no sweep file {file!r}{near} Bundled: {', '.join(BUNDLED)}")


def sweep(file: str | None, parsed: ParsedFlags) -> int:
    """Examine or run the sweep of a file, or the bundled one of that name."""
    definition = read(file, parsed)
    if not parsed.options["dry_run"]:
        say(beyond_file(definition, parsed.config))
    say_notes(parsed.notes)
    if "wandb" in parsed.config.track and find_spec("wandb") is None:
        log.warning("W&B is not installed, so no trial is sent to it: python -m pip install wandb")
    return _dry_run(definition, parsed) if parsed.options["dry_run"] else start_sweep(definition, parsed)


def read(file: str | None, parsed: ParsedFlags) -> SweepDefinition:
    """The sweep of a file, or the bundled one of that name; what flags give of a run's settings does not vary.

    Raises  UsageError, FileSystemError.
    """
    if file is None:
        raise UsageError(f"{PROGRAM}: which one? Give a YAML file, or a bundled sweep: {', '.join(BUNDLED)}")
    check_name(file)
    return held(read_sweep(file, parsed.config), parsed.given)


def _dry_run(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """The sweep and its diagnostics; 2 where that is an error, so that a script can tell."""
    say(f"timing {PROBES} configurations for a moment …")
    try:
        seconds, unknown = estimate(definition, parsed.config), []
    except HandgradError as error:
        fix = "The sweep cannot run like that either"
        seconds, unknown = None, [Diagnostic(ERROR, f"hours are not estimated: {error}", fix)]
    findings = [*unknown, *diagnose_sweep(definition, parsed.config, plan_of(parsed), seconds)]
    print_examination(definition, parsed.config, findings)
    return UsageError.exit_code if any(finding.severity == ERROR for finding in findings) else 0
