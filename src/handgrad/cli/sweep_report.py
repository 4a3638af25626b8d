"""What is printed and written about a sweep: how far it is, `handgrad sweep report`, and the look by --dry_run."""

import logging
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn
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
from handgrad.sweeps.definition import Metric
from handgrad.sweeps.driver import SweepCallback, SweepProgress
from handgrad.sweeps.folder import Settings, Sweep, changed
from handgrad.sweeps.space import Categorical, Distribution, name_of
from handgrad.sweeps.store import FAILED, LOST, STOPPED, Trial
from handgrad.text import counted, duration
from handgrad.training.progress import NUMBERS, Bars

MARKS = {STOPPED: "stopped", FAILED: "failed", LOST: "lost"}


class SweepView(SweepCallback):
    """A bar, and above it a line for each new best and each failure; where there is no bar, a line a trial."""

    def __init__(self, bar: bool = True) -> None:
        self._has_bar = bar
        self._bar = Bars(BarColumn(bar_width=16), NUMBERS)
        self._metric = Metric()
        self._best: Trial | None = None
        self._title_of: Callable[[Trial], str] = attrgetter("run")

    def began(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Say what is run, and show the bar."""
        self._metric, self._best, self._title_of = sweep.definition.metric, progress.best, sweep.title
        self._bar.screen.print(self._title(sweep, progress))
        self._move(progress, "starting")

    def polled(self, progress: SweepProgress) -> None:
        of = f"/{progress.wanted:,}" if progress.wanted is not None else ""
        parts = [f"{progress.ended:,}{of} done, {progress.running} running"]
        parts += [f"{n} {what}" for n, what in ((progress.stopped, "stopped"), (progress.failed, "failed")) if n]
        parts += [f"best {self._value(progress.best.objective)}"] if progress.best else []
        parts += [f"{duration(progress.seconds_left)} left"] if progress.seconds_left is not None else []
        self._move(progress, ", ".join(parts))

    def _move(self, progress: SweepProgress, text: str) -> None:
        if self._has_bar:  # a program that prints in between would tear it
            self._bar.move(progress.ended, progress.wanted, text)

    def trial_ended(self, trial: Trial, progress: SweepProgress) -> None:
        is_best = progress.best is not None and progress.best != self._best
        self._best = progress.best
        if not self._bar.seen or is_best or trial.state in (FAILED, LOST):
            mark = MARKS.get(trial.state, "best" if is_best else "")
            why = f": {trial.why}" if trial.why else ""
            value, title = self._value(trial.objective), self._title_of(trial)
            self._bar.print(f"{trial.number:>5}  {value:>8}  {mark:<7}  {trial.seconds:6.1f} s  {title}{why}")

    def noticed(self, text: str) -> None:
        self._bar.print(text)

    def ended(self, sweep: Sweep, progress: SweepProgress) -> None:
        """Take the bar away, and print what came out."""
        self._bar.end()
        for line in self._outcome(sweep, progress):
            self._bar.screen.print(line)

    def _title(self, sweep: Sweep, progress: SweepProgress) -> str:
        settings = sweep.settings
        count = "trials until the time is up" if progress.wanted is None else f"{progress.wanted:,} trials"
        return f"sweep {sweep.name}: {settings.method}, {count}{_seeds_and_done(sweep, progress)}, in {sweep.path}"

    def _outcome(self, sweep: Sweep, progress: SweepProgress) -> list[str]:
        stopped = f", {progress.stopped:,} stopped early" * bool(progress.stopped)
        failed = f", {progress.failed:,} failed" * bool(progress.failed)
        lines = [f"{progress.ended:,} trials done{stopped}{failed}"]
        if best := progress.best:
            which = f"trial {best.number}: {sweep.title(best)}"
            lines.append(f"best: {self._metric.name} {self._value(best.objective)}, {which}")
            lines.append(f"  {sweep.command(best.values, best)}")
            if sweep.definition.program is None:
                lines.append(f"its test accuracy, to be looked at once: handgrad sweep test {sweep.path}")
        if any(sweep.runs_dir.glob("*/wandb/offline-run-*")):
            lines.append(
                f"W&B: written offline. Send it later with `wandb sync {sweep.runs_dir}/*/wandb/offline-run-*`"
            )
        return lines

    def _value(self, objective: float | None) -> str:
        if objective is None:
            return ""
        return f"{100 * objective:.2f} %" if self._metric.share else f"{objective:.4f}"


class TransferView(SweepView):
    """The same of the runs on another data set; the command prints their results."""

    def _title(self, sweep: Sweep, progress: SweepProgress) -> str:
        runs = f"{progress.wanted:,} runs{_seeds_and_done(sweep, progress)}"
        return f"on {sweep.definition.constants['dataset']}: {runs}, in {sweep.path}"

    def _outcome(self, sweep: Sweep, progress: SweepProgress) -> list[str]:
        return []


def _seeds_and_done(sweep: Sweep, progress: SweepProgress) -> str:
    seeds = f", {sweep.settings.seeds} seeds each" if sweep.settings.seeds > 1 else ""
    return seeds + (f", {progress.ended:,} of them done" if progress.ended else "")


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
        screen.print(line, soft_wrap=line.startswith("$ "))  # a command stays in one line, to be copied
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
