"""`handgrad reproduce RECIPE`, and `handgrad check FILE | REPORT`."""

import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from handgrad.claims import REPORTS, ClaimVerdict, check, find_document, markdown, read_document, report_file, summary
from handgrad.cli.commands import Parser
from handgrad.cli.console import RunsProgress
from handgrad.cli.hand_in import begin_hand_in
from handgrad.data import canonical_name
from handgrad.errors import UsageError
from handgrad.files import write_object
from handgrad.machine import available_cores
from handgrad.reproduce.handin import Reproduction, open_hand_in
from handgrad.reproduce.pages import write_outcome
from handgrad.reproduce.plan import Choice, Plan, estimated_seconds, fetch_data, make_plan, warn
from handgrad.reproduce.tasks import Task, finish_all, one_thread_each, over, runs_in, write_weights
from handgrad.reproduce.weave import Woven
from handgrad.run_folder import is_hand_in
from handgrad.screen import Screen, echo, working
from handgrad.text import duration

ROOT = Path("reproductions")
MOST_JOBS, MOST_SEEDS = 1000, 1000
COLOURS = {"supported": "green", "tie": "yellow", "contradicted": "red", "confounded": "magenta"}
FORMATS = ("text", "md")
INDENT = 4
RECIPES = {"recipes": ", ".join(REPORTS)}


def run_reproduce(tokens: list[str]) -> int:
    """Train what a recipe asks for, and write its report."""
    parser = Parser("reproduce", words=RECIPES)
    arguments = parser.arguments(tokens)
    if arguments.list:
        _list()
        return 0
    if arguments.recipe is None:
        parser.error(f"which recipe? A YAML file, or one of {', '.join(REPORTS)}")
    one_thread_each()
    plan = _plan(arguments)
    if arguments.init:
        return _begin(arguments, plan)
    carry_out(plan, shlex.join(["handgrad", "reproduce", *tokens]), arguments)
    return 0


def carry_out(plan: Plan, command: str, arguments: Any) -> tuple[Plan, dict[str, str]] | None:
    """Announce, train and report a plan; the plan as it ended, and why runs failed, or None for an estimate alone.

    `arguments` have jobs, estimate and npz, as the command has them.
    """
    jobs = arguments.jobs or len(available_cores())
    _announce(plan, jobs)
    if arguments.estimate:
        return None
    failures = _train(plan.tasks, jobs)
    if plan.lacking:
        before = set(plan.runs)
        plan = make_plan(plan.document, plan.choice, plan.folder)
        failures |= _train(plan.of([key for key in plan.runs if key not in before]), jobs)
    if getattr(arguments, "npz", False):
        echo(f"weights: {write_weights(plan.distinct)} files weights.npz, in the folders of the runs")
    echo("writing the report …")
    with Screen().working("report: reading the runs") as update:
        written = write_outcome(plan, failures, command, jobs, lambda words: update(f"report: {words}"))
    for name, why in failures.items():
        echo(f"no result: {name}: {why}")
    echo(f"numbers: {_relative(written.readme)}")
    echo(f"report:  {_relative(written.report)} ({written.report.stat().st_size / 1e6:.1f} MB)")
    return plan, failures


def _begin(arguments: Any, plan: Plan) -> int:
    """A hand-in about this reproduction."""
    recipe = arguments.recipe if arguments.recipe in REPORTS else os.path.relpath(arguments.recipe, arguments.init)
    requested = Reproduction(
        recipe=recipe,
        folder=os.path.relpath(plan.folder, arguments.init),
        questions=list(plan.choice.questions),
        quick=plan.choice.quick,
        seeds=plan.choice.seeds,
        dataset=plan.choice.dataset,
    )
    about = {"reproduction": requested.model_dump(exclude_defaults=True)}
    return begin_hand_in(arguments.init, plan.document.title, about, plan.questions)


def _plan(arguments: Any) -> Plan:
    return plan_of(find_document(arguments.recipe), arguments)


def check_counts(arguments: Any) -> None:
    """Raises  UsageError for a number of seeds or jobs that cannot be."""
    for name, most in (("seeds", MOST_SEEDS), ("jobs", MOST_JOBS)):
        value = getattr(arguments, name)
        if value is not None and not 1 <= value <= most:
            raise UsageError(f"{name} must be 1 to {most}, got {value} (--{name})")


def plan_of(path: Path, arguments: Any, root: Path = ROOT) -> Plan:
    """Raises  UsageError, in which the recipe is named."""
    check_counts(arguments)
    chosen_questions = tuple(
        part for each in getattr(arguments, "question", ()) for part in each.replace(",", " ").split()
    )
    dataset = canonical_name(arguments.dataset) if arguments.dataset else None
    chosen = Choice(chosen_questions, arguments.quick, arguments.seeds, dataset)
    try:
        return make_plan(read_document(path), chosen, arguments.output or _folder(root, path, chosen))
    except UsageError as error:
        raise UsageError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from error


def _folder(root: Path, path: Path, chosen: Choice) -> Path:
    """One for each kind of reproduction, as a quick one is no part of a full one."""
    dataset = Path(chosen.dataset).stem if chosen.dataset else ""
    return root / "-".join(part for part in (path.stem, "quick" if chosen.quick else "", dataset) if part)


def _announce(plan: Plan, jobs: int) -> None:
    """What there is to do, and how long it will take."""
    tasks = plan.tasks
    missing = [task for task in tasks if not over(task)]
    echo(f"{plan.document.title}")
    sweeps = f", {plan.trials}" if plan.sweeps else ""
    seeds = "one seed each" if plan.seeds == 1 else f"{plan.seeds} seeds each"
    runs = f"{len(plan.distinct)} runs with {seeds}"
    echo(f"{len(plan.experiments)} experiments, {runs}{sweeps}, in {_relative(plan.folder)}")
    if plan.lacking:
        echo(f"{len(plan.lacking) * plan.seeds} more runs, of what is found by then")
    if len(missing) < len(tasks):
        echo(f"{sum(map(runs_in, tasks)) - sum(map(runs_in, missing))} runs are over already, and are not run again")
    if missing:
        with Screen().working("loading data"):
            fetch_data(plan)
            warn(plan)
        with Screen().working("estimating the time"):
            seconds = estimated_seconds(plan, jobs)
        count = sum(map(runs_in, missing))
        echo(f"training: about {duration(seconds)} for {count} runs, {min(jobs, len(missing))} at a time")


def _train(tasks: Sequence[Task], jobs: int) -> dict[str, str]:
    """Why runs or sweeps failed, by name."""
    missing = [task for task in tasks if not over(task)]
    began = time.perf_counter()
    runs = {str(task.name): runs_in(task) for task in tasks}
    with RunsProgress(runs, sum(map(runs_in, tasks)) - sum(map(runs_in, missing))) as progress:
        failures = finish_all(tasks, jobs, progress)
    if missing:
        echo(f"trained in {duration(time.perf_counter() - began)}")
    return failures


def _relative(path: Path) -> str:
    """From here, where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _list() -> None:
    screen = Screen(highlight=False)
    for name in REPORTS:
        document = read_document(report_file(name))
        table = Table(box=None, show_header=False, padding=(0, 1))
        table.add_column(justify="right", no_wrap=True)
        table.add_column()
        for question in document.questions:
            table.add_row(question.id, question.title)
        screen.print(f"[bold]{name}[/bold]  {document.title}")
        screen.print(table if document.questions else "  claims only: `handgrad check` judges them")


def run_check(tokens: list[str]) -> int:
    """Print the verdict on every claim, with its arithmetic."""
    arguments = Parser("check", words=RECIPES, format=FORMATS).arguments(tokens)
    if is_hand_in(Path(arguments.document)):
        return _check_hand_in(Path(arguments.document))
    path = find_document(arguments.document)
    document = read_document(path)
    if document.questions and not document.reports:
        raise UsageError(f"{path} has no numbers to check: `handgrad reproduce {arguments.document}` judges its claims")
    with working("reading the numbers"):
        verdicts = check(document, path.parent)
    if arguments.json is not None:
        content = {"title": document.title, "verdicts": [verdict.to_mapping() for verdict in verdicts]}
        write_object(arguments.json, content)
    if arguments.format == "md":
        print(markdown(document.title, verdicts), end="")
    else:
        _print_verdicts(document.title, verdicts)
    return 0


def _print_verdicts(title: str, verdicts: list[ClaimVerdict]) -> None:
    screen = Screen(highlight=False)
    screen.print(Text(title, style="bold"))
    for verdict in verdicts:
        heading = Text(verdict.verdict.upper(), style=COLOURS.get(verdict.verdict, "cyan"))
        screen.print()
        screen.print(heading.append(f"  {verdict.says}", style="default"))
        for indent, line in [(1, verdict.sentence), *((2, line) for line in verdict.arithmetic), (1, verdict.note)]:
            if line:
                screen.print(Padding(Text(line), (0, 0, 0, indent * INDENT), expand=False))
    screen.print()
    screen.print(Text(summary(verdicts)))


def _check_hand_in(path: Path) -> int:
    """Print what the runs say of each number and claim of the author's; 1 where one does not hold."""
    opened = open_hand_in(path)
    with working("reading the runs"):
        woven = Woven(opened)
    screen = Screen(highlight=False)
    for each in woven.statements:
        verdict = Text(each.verdict.upper(), style="green" if each.holds else "red")
        screen.print(
            Text(f"{woven.words.path}:{each.line}  ").append(verdict).append(f"  {each.words}"), soft_wrap=True
        )
        screen.print(Padding(Text(each.sentence), (0, 0, 0, INDENT), expand=False))
    for blank in woven.blanks:
        screen.print(Text(blank), soft_wrap=True)
    held = sum(each.holds for each in woven.statements)
    screen.print(Text(f"{held} of {len(woven.statements)} statements hold, {len(woven.blanks)} blanks"))
    return 0 if held == len(woven.statements) else 1
