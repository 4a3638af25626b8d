"""What is printed and written about a sweep: `handgrad sweep report NAME`, and the examination by --dry_run."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from handgrad.cli.console import echo_report
from handgrad.cli.flags import ParsedFlags
from handgrad.config import RunConfig
from handgrad.config.describe import ADDITIONS, beyond, beyond_line
from handgrad.errors import Diagnostic, HandgradError
from handgrad.evaluation import Interval
from handgrad.reports.blocks import Report
from handgrad.reports.render import write_html, write_markdown, writer_of
from handgrad.reports.sweep import build_sweep_report
from handgrad.reports.sweep_data import Measure, SweepData, look, standing
from handgrad.screen import Screen, echo
from handgrad.sweeps import SweepDefinition
from handgrad.sweeps.folder import Settings, Sweep, changed
from handgrad.sweeps.space import Categorical, Distribution, name_of
from handgrad.text import counted

log = logging.getLogger("handgrad")
TOP, OBSERVATIONS = 5, 5  # of them are printed
DRAWN = 16  # configurations that are looked at for settings that act in some of them
STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


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
    echo("writing the report …")
    with screen.working("report: reading the trials") as update:
        data = look(sweep)
        update("report: drawing")
        report = build_sweep_report(data)
        update("report: writing")
        written = writer(report, path) if options["output"] or options["format"] else _write_all(report, sweep.path)
    _print_summary(screen, data)
    echo_report(written, written[0].stat().st_size)
    return 0


def report_at_end(sweep: Sweep) -> None:
    """The report of a sweep that is over, which is not lost when the report cannot be written."""
    screen = Screen(highlight=False)
    try:
        echo("writing the report …")
        with screen.working("report: reading and drawing"):
            written = _write_all(build_sweep_report(look(sweep)), sweep.path)
    except (HandgradError, OSError) as error:
        log.warning("no report: %s", error)
        return
    echo_report(written, written[0].stat().st_size)


def _write_all(report: Report, folder: Path) -> list[Path]:
    """report.html, report.md and figures/ in a folder.

    Raises  FileSystemError, OSError when something cannot be written.
    """
    page, *_ = write_html(report, folder / "report.html", folder / "figures")
    return [page, *write_markdown(report, folder / "report.md", folder / "figures")]


def _print_summary(screen: Screen, data: SweepData) -> None:
    """How far it is, the best, what was observed, and what is recommended."""
    entries, measure, best = data.analysis.entries, data.measure, data.analysis.recommendation
    screen.print(f"sweep {data.sweep.name}: {standing(data)}", markup=False)
    if entries:
        screen.print(f"the best of {counted(len(entries), 'configuration')}, {measure.label} with 95 % intervals:")
        rows = [
            (measure.text(e.objective.mean), _interval(measure, e.objective), data.sweep.title(e.trials[0]))
            for e in entries[:TOP]
        ]
        screen.print(_grid(rows))
    clear = [each.words for each in data.analysis.observations if each.clear]
    if clear:
        screen.print("observed:")
        screen.print(_grid([("-", words) for words in clear[:OBSERVATIONS]]))
    if best is not None:
        expected = f"{measure.text(best.predicted.mean)} {_interval(measure, best.predicted)}"
        screen.print(f"recommended, to expect {expected} of another run:", markup=False)
        screen.print(f"  {best.command}", markup=False, soft_wrap=True)


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


def print_examination(definition: SweepDefinition, base: RunConfig, diagnostics: Sequence[Diagnostic]) -> None:
    """What is searched, one run of it as an example, and the diagnostics."""
    screen = Screen(highlight=False)
    screen.print(_title(definition))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("parameter", "distribution", "values"):
        table.add_column(column, no_wrap=column != "values")
    for field, distribution in definition.varying.items():
        table.add_row(field, name_of(distribution), _values(distribution))
    screen.print(table)
    for line in _others(definition, base):
        screen.print(line)
    screen.print()
    screen.print(_diagnostics(diagnostics))


def _title(definition: SweepDefinition) -> str:
    metric = definition.metric
    goal = f"{metric.name} near {metric.target:g}" if metric.goal == "target" else f"{metric.goal} {metric.name}"
    return f"sweep {definition.name or '(no name)'}: {definition.method}, {goal}"


def _values(distribution: Distribution) -> str:
    """The values of a parameter: the list, or where its scale begins and ends."""
    axis = distribution.axis
    if isinstance(distribution, Categorical):
        chances = distribution.probabilities or [None] * len(distribution.values)
        pairs = zip(distribution.values, chances, strict=True)
        return ", ".join(_word(value) + (f" ({chance:.0%})" if chance is not None else "") for value, chance in pairs)
    step = f", step {_word(axis.step)}" if axis.step else ""
    return f"{_word(axis.low)} to {_word(axis.high)}{step}{', log' if axis.log else ''}"


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + " ".join(map(str, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _others(definition: SweepDefinition, base: RunConfig) -> list[str]:
    """Constants, rungs, and the name and command of a run."""
    lines = []
    if definition.constants:
        lines.append("fixed: " + ", ".join(f"{field} {_word(value)}" for field, value in definition.constants.items()))
    values = definition.sample(np.random.default_rng(0), base)
    if definition.program:
        command = Sweep(Path(), definition, base, Settings(definition.method)).command(values)
        return [*lines, f"runs in {definition.program.folder}", f"$ {command}"]
    lines.append(beyond_file(definition, base))
    config = definition.to_config(values, base)
    if definition.early_terminate:
        rungs = definition.early_terminate.rungs(config.epochs)
        listed = ", ".join(map(str, rungs)) or "none"
        lines.append(f"rungs of a run of {config.epochs} epochs: {listed}")
    return [*lines, f"one of the runs: {definition.trial_name(values)}", f"$ {config.command()}"]


def beyond_file(definition: SweepDefinition, base: RunConfig) -> str:
    """What acts in runs of the sweep though neither the file nor a flag says so."""
    if "preset" in definition.varying:
        return "also: what each run's preset says of the settings that are no parameters"
    generator = np.random.default_rng(0)
    drawn = [definition.to_config(definition.sample(generator, base), base) for _ in range(DRAWN)]
    acting = {name for config in drawn for name in beyond(config)} - set(definition.parameters)
    return beyond_line(drawn[0], [name for name in ADDITIONS if name in acting])


def _diagnostics(diagnostics: Sequence[Diagnostic]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for severity, what, fix in diagnostics:
        text = Text(what)
        if fix:
            text.append(f"\n→ {fix}", "green")
        table.add_row(Text(severity, STYLES[severity]), text)
    return table
