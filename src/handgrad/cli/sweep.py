"""`handgrad sweep FILE`: a W&B sweep file, run, or examined with --dry_run; `handgrad sweep WORD NAME`."""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.cli.console import echo, echo_notes, working
from handgrad.cli.flags import FLAG, ParsedFlags, parse
from handgrad.cli.options import (
    DEBUG,
    HELP,
    JOBS,
    OF_RUNNING,
    STORAGE,
    SWEEP,
    SWEEPS_DIR,
    USE_WANDB,
    Option,
    help_text,
    short_help,
)
from handgrad.cli.progress import SweepView
from handgrad.cli.sweep_posthoc import test_best, test_ensemble, transfer_best
from handgrad.cli.sweep_report import beyond_file, print_examination, report_at_end, sweep_report
from handgrad.config.presets import BEST
from handgrad.config.value_types import Name, Text, Whole
from handgrad.errors import ERROR, Diagnostic, FileSystemError, HandgradError, IncompleteSweepError, UsageError
from handgrad.machine import available_cores
from handgrad.reports.render import WRITERS
from handgrad.runs.executor.ray_cluster import check_cluster
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep, search
from handgrad.sweeps.database import check_url
from handgrad.sweeps.diagnostics import Plan, diagnose_sweep
from handgrad.sweeps.folder import Sweep, changed, open_sweep
from handgrad.sweeps.posthoc.test import SELECTIONS
from handgrad.sweeps.search import begin, held, require_valid
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


def run_sweep(tokens: list[str]) -> int:
    """Read a sweep file, and run or examine it; or do what the first word says with a sweep that there is."""
    if tokens and tokens[0] in SUBCOMMANDS:
        return _run_subcommand(tokens[0], tokens[1:])
    file, rest = (tokens[0], tokens[1:]) if tokens and not FLAG.match(tokens[0]) else (None, tokens)
    _check_name(file)
    parsed = parse(rest, SWEEP, starting_preset(file) if file else BEST)
    if parsed.options["help"]:
        summaries = {word: row.summary for word, row in SUBCOMMANDS.items()}
        print(help_text(PROGRAM, EXAMPLES, SWEEP, summaries), end="")
        return 0
    return sweep(file, parsed._replace(config=parsed.with_wandb()))


def _check_name(file: str | None) -> None:
    """Before its flags are looked at, which may be those of a subcommand.  Raises  UsageError."""
    if file and not Path(file).suffix and not Path(file).exists() and file not in BUNDLED:
        near = suggestion(file, [*BUNDLED, *SUBCOMMANDS])
        raise UsageError(f"no sweep file {file!r}{near} Bundled: {', '.join(BUNDLED)}")


def sweep(file: str | None, parsed: ParsedFlags) -> int:
    """Examine or run the sweep of a file, or the bundled one of that name."""
    definition = read(file, parsed)
    if not parsed.options["dry_run"]:
        echo(beyond_file(definition, parsed.config))
    echo_notes(parsed.notes)
    if "wandb" in parsed.config.track and find_spec("wandb") is None:
        log.warning("W&B is not installed, so no trial is sent to it: python -m pip install wandb")
    return _diagnose(definition, parsed) if parsed.options["dry_run"] else _start(definition, parsed)


def read(file: str | None, parsed: ParsedFlags) -> SweepDefinition:
    """The sweep of a file, or the bundled one of that name; a setting of a run that is given as a flag does not vary.

    Raises  UsageError, FileSystemError.
    """
    if file is None:
        raise UsageError(f"{PROGRAM}: give a YAML file, or the name of a bundled sweep: {', '.join(BUNDLED)}")
    _check_name(file)
    return held(read_sweep(file, parsed.config, parsed.options["map"]), parsed.stated)


def _diagnose(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """The sweep and its diagnostics; 2 where one of these is an error, so that a script can see it."""
    echo(f"timing {PROBES} configurations for a moment …")
    try:
        seconds, unknown = estimate(definition, parsed.config), []
    except HandgradError as error:
        fix = "The sweep cannot run like that either"
        seconds, unknown = None, [Diagnostic(ERROR, f"hours are not estimated: {error}", fix)]
    found = [*unknown, *diagnose_sweep(definition, parsed.config, _plan(parsed.options), seconds)]
    print_examination(definition, parsed.config, found)
    return UsageError.exit_code if any(each.severity == ERROR for each in found) else 0


def _plan(options: dict[str, Any]) -> Plan:
    return Plan(options["trials"], options["hours"], options["jobs"] or len(available_cores()), options["seeds"] or 1)


def _start(definition: SweepDefinition, parsed: ParsedFlags) -> int:
    """Run a sweep in a folder of its own, or go on with the one of that name where --resume is given."""
    options, base = parsed.options, parsed.config
    if options["storage"]:
        check_url(options["storage"])
    if options["ray"]:
        check_cluster(options["ray"])
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
    """What `handgrad sweep WORD NAME` does with a sweep that there is.

    `summary` is its line in `handgrad sweep --help`, `about` begins its own help; `settings`: it takes those of a run.
    """

    summary: str
    run: Callable[[Sweep, ParsedFlags], int]
    options: tuple[Option, ...]
    examples: tuple[str, ...]
    about: str
    settings: bool = False


# A sweep file of such a name is called by its path: `handgrad sweep ./resume`.
SUBCOMMANDS = {
    "resume": Subcommand(
        "run the missing trials, or more trials",
        resume_sweep,
        (*OF_RUNNING, STORAGE, SWEEPS_DIR, DEBUG, HELP),
        ("handgrad sweep resume first", "handgrad sweep resume first --trials 40 --jobs 2"),
        "Resume a sweep with its original settings: run the missing trials, repeat the lost ones, and run more "
        "if --trials or --seeds ask for more.",
    ),
    "report": Subcommand(
        "write the report: the best configuration, why, and all results",
        sweep_report,
        (
            Option(
                "output",
                Text(),
                "file to write; none: report.html and report.md in the folder of the sweep",
                ("o", "out"),
            ),
            Option("format", Name("format", tuple(WRITERS)), "file format; none: from the suffix of the file", ("f",)),
            *(STORAGE, SWEEPS_DIR, DEBUG, HELP),
        ),
        (
            "handgrad sweep report first",
            "handgrad sweep report first -o first.html",
            "handgrad sweep report sweeps/first",
        ),
        "Write the report of a sweep as one HTML file that works offline, as Markdown, and its figures as SVG "
        "with their numbers as CSV. The report of a running sweep shows the trials that are finished.",
    ),
    "test": Subcommand(
        "measure the test accuracy of the best configuration, once",
        test_best,
        (
            Option("top", Whole(1), "number of best configurations to test", ("n",), default=1),
            Option("trial", Whole(0), "test the configuration of this trial instead", ("number",)),
            SWEEPS_DIR,
            DEBUG,
            HELP,
        ),
        ("handgrad sweep test first", "handgrad sweep test first --top 3", "handgrad sweep test first --trial 17"),
        "Evaluate the networks of a sweep's best configurations on the test images. The validation images chose "
        "them; the test accuracy is never used to choose.\n"
        "NAME/chosen.json stores the results, and how many configurations were evaluated on the test images so far.",
    ),
    "ensemble": Subcommand(
        "average the predictions of the best networks",
        test_ensemble,
        (
            Option("top", Whole(2), "number of the best configurations to choose from", ("n",), default=5),
            Option(
                "select",
                Name("select", tuple(SELECTIONS)),
                "all: each of them once; greedy: add, one by one, the member that improves the validation "
                "accuracy most",
                default="all",
            ),
            SWEEPS_DIR,
            DEBUG,
            HELP,
        ),
        ("handgrad sweep ensemble first", "handgrad sweep ensemble first --top 20 --select greedy"),
        "Average the probabilities of the networks of the best configurations, one network each. The validation images "
        "choose the members. The ensemble and its members are then evaluated on the test images, once.",
    ),
    "transfer": Subcommand(
        "train a few good, different configurations on another data set",
        transfer_best,
        (
            Option("top", Whole(1), "number of configurations to transfer", ("n", "configurations"), default=3),
            Option(
                "seeds", Whole(1, 10_000), "number of random seeds for each, from --seed on", ("n_seeds",), default=1
            ),
            JOBS,
            USE_WANDB,
            SWEEPS_DIR,
            DEBUG,
            HELP,
        ),
        (
            "handgrad sweep transfer first --dataset mnist",
            "handgrad sweep transfer first --dataset mnist --top 5 --seeds 3 --jobs 2",
            "handgrad sweep transfer first --dataset photos/ --epochs 20",
        ),
        "Choose configurations of a sweep that are all good and as different as possible, train them on another "
        "data set, and evaluate their networks on its test images.\n"
        "--dataset and other settings, such as --epochs, apply to all of these trainings. If the command was "
        "stopped, the same command runs what is missing. Results are in NAME/transfer/DATASET.",
        settings=True,
    ),
}


def _run_subcommand(word: str, tokens: list[str]) -> int:
    """Find the sweep that the first token names, read the flags, and do it."""
    row, named = SUBCOMMANDS[word], bool(tokens) and not FLAG.match(tokens[0])
    parsed = parse(tokens[1:] if named else tokens, row.options)
    if parsed.options["help"]:
        print(short_help(f"handgrad sweep {word} NAME", row.about, row.options, row.examples), end="")
        return 0
    if not named:
        raise UsageError(f"handgrad sweep {word}: give the name or the folder of a sweep")
    if parsed.stated and not row.settings:
        raise UsageError(f"a sweep keeps the settings it was started with: leave --{next(iter(parsed.stated))} out")
    echo_notes(parsed.notes)
    return row.run(_find(tokens[0], Path(parsed.options["sweeps_dir"])), parsed)


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
