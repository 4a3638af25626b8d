"""A recipe from its document to its report."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.files import atomic_write
from handgrad.machine import machine
from handgrad.recipes.reproduction.pages import Made, build_pages
from handgrad.recipes.reproduction.plan import Plan
from handgrad.recipes.reproduction.readme import readme
from handgrad.recipes.reproduction.results import Results, as_mapping, verdicts
from handgrad.recipes.reproduction.work import run_of
from handgrad.reports.render import write_html, write_markdown


class Written(NamedTuple):
    """Where the outcome of a reproduction is."""

    report: Path
    markdown: Path
    readme: Path
    results: Path
    numbers: dict[str, Any]


def write_outcome(plan: Plan, failures: dict[str, str], command: str, jobs: int, say: Callable[[str], None]) -> Written:
    """results.json, report.html, report.md with its figures, and README.md in the plan's folder, from its runs.

    Raises  HandgradError for run folders that cannot be read; FileSystemError.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    results = Results(plan, failures)
    say("numbers and claims")
    found = verdicts(results)
    seconds = sum(run_of(config).metrics.get("seconds", 0.0) for config in plan.distinct) + results.searching_seconds
    made = Made(command, seconds, jobs, machine())
    numbers = as_mapping(results, found) | {"seconds": round(seconds, 3), "machine": made.machine}
    written = _places(plan, numbers)
    atomic_write(written.results, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    report = build_pages(results, found, made, say)
    say("writing")
    write_html(report, written.report)
    write_markdown(report, written.markdown)
    atomic_write(written.readme, readme(report))
    return written


def _places(plan: Plan, numbers: dict[str, Any]) -> Written:
    """Some questions only have files of their own beside those of the whole."""
    asked = "".join(f"-{each}" for each in plan.choice.questions)
    home, part = plan.folder, f"-question{asked}" if asked else ""
    report, markdown, results = home / f"report{part}.html", home / f"report{part}.md", home / f"results{part}.json"
    return Written(report, markdown, home / f"README{part}.md", results, numbers)
