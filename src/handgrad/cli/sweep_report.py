"""`handgrad sweep report NAME`, and the report at the end of a sweep."""

import logging
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from handgrad.cli.console import Screen, say
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.options import DEBUG, HELP, STORAGE, SWEEPS_DIR, Option
from handgrad.cli.subcommands import Subcommand
from handgrad.config.value_types import Name
from handgrad.config.value_types import Text as Words
from handgrad.errors import HandgradError
from handgrad.evaluation import Interval
from handgrad.reports.blocks import Report, counted
from handgrad.reports.render import WRITERS, write_html, write_markdown, writer_of
from handgrad.reports.sweep import build_sweep_report
from handgrad.reports.sweep_data import Measure, SweepData, look, standing
from handgrad.sweeps.folder import Sweep, changed

log = logging.getLogger("handgrad")
TOP, OBSERVATIONS = 5, 5  # of them are printed


def sweep_report(sweep: Sweep, parsed: ParsedFlags) -> int:
    """Write the report of a sweep, and print the gist of it."""
    options = parsed.options
    if options["storage"]:
        sweep = changed(sweep, storage=options["storage"])
    path = Path(options["output"] or sweep.path / "report.html")
    if options["format"]:
        path = path.with_suffix("." + options["format"])
    writer = writer_of(path)
    screen = Screen(highlight=False)
    say("writing the report …")
    with screen.working("report: reading the trials") as tell:
        data = look(sweep)
        tell("report: drawing")
        report = build_sweep_report(data)
        tell("report: writing")
        written = writer(report, path) if options["output"] or options["format"] else write_all(report, sweep.path)
    _tell(screen, data)
    _say(screen, written)
    return 0


REPORT = Subcommand(
    "write the report: the best configuration, why, and all results",
    sweep_report,
    (
        Option(
            "output", Words(), "file to write; none: report.html and report.md in the folder of the sweep", ("o", "out")
        ),
        Option("format", Name("format", tuple(WRITERS)), "html or md; none: from the suffix of the file", ("f",)),
        *(STORAGE, SWEEPS_DIR, DEBUG, HELP),
    ),
    ("handgrad sweep report first", "handgrad sweep report first -o first.html", "handgrad sweep report sweeps/first"),
    "Write the report of a sweep as one HTML file that works offline, as Markdown, and its figures as SVG with their "
    "numbers as CSV. The report of a running sweep shows the trials that are finished.",
)


def report_at_end(sweep: Sweep) -> None:
    """The report of a sweep that is over, which is not lost when the report cannot be written."""
    screen = Screen(highlight=False)
    try:
        say("writing the report …")
        with screen.working("report: reading and drawing"):
            written = write_all(build_sweep_report(look(sweep)), sweep.path)
    except (HandgradError, OSError) as error:
        log.warning("no report: %s", error)
        return
    _say(screen, written)


def write_all(report: Report, folder: Path) -> list[Path]:
    """report.html, report.md and figures/ in a folder.

    Raises  FileSystemError, OSError when something cannot be written.
    """
    page, *_ = write_html(report, folder / "report.html", folder / "figures")
    return [page, *write_markdown(report, folder / "report.md", folder / "figures")]


def _say(screen: Screen, written: list[Path]) -> None:
    first, *beside = written
    size = first.stat().st_size / 1e6
    more = f", {len(beside)} files beside it" if beside else ""
    screen.print(f"report: {first} ({size:.1f} MB{more})", soft_wrap=True)


def _tell(screen: Screen, data: SweepData) -> None:
    """How far it is, the best, what was observed, and what is recommended."""
    entries, measure, advice = data.analysis.entries, data.measure, data.analysis.recommendation
    screen.print(f"sweep {data.sweep.name}: {standing(data)}", markup=False)
    if entries:
        screen.print(f"the best of {counted(len(entries), 'configuration')}, {measure.label} with 95 % intervals:")
        rows = [
            (measure.text(e.objective.mean), _interval(measure, e.objective), e.trials[0].run) for e in entries[:TOP]
        ]
        screen.print(_grid(rows))
    clear = [each.words for each in data.analysis.observations if each.clear]
    if clear:
        screen.print("observed:")
        screen.print(_grid([("-", words) for words in clear[:OBSERVATIONS]]))
    if advice is not None:
        expected = f"{measure.text(advice.predicted.mean)} {_interval(measure, advice.predicted)}"
        screen.print(f"recommended, to expect {expected} of another run:", markup=False)
        screen.print(f"  {advice.command}", markup=False, soft_wrap=True)


def _interval(measure: Measure, interval: Interval) -> str:
    return f"[{measure.bounds(interval.low, interval.high)}]"


def _grid(rows: Sequence[tuple[str, ...]]) -> Table:
    """Columns beside each other, of which the last one is broken into lines."""
    made = Table.grid(padding=(0, 0, 0, 2))
    for _ in rows[0]:
        made.add_column(overflow="fold")
    for row in rows:
        made.add_row(*map(Text, row))
    return made
