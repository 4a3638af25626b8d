"""From run folders to a report: which sections there are, and in which order."""

from collections.abc import Callable, Sequence
from typing import Any

from handgrad.evaluation import summarise
from handgrad.figures import RunData
from handgrad.reports.blocks import Report
from handgrad.reports.comparison import (
    commands_section,
    curves_section,
    pairs_section,
    results_section,
    settings_section,
)
from handgrad.reports.sections import (
    Gallery,
    course_section,
    derivation_section,
    inside_section,
    mistakes_section,
    reproduce_section,
    result_section,
    trained_section,
)
from handgrad.runs import Run
from handgrad.runs.comparison import compare
from handgrad.runs.predictions import kept_weights

Say = Callable[[str], None]


def build_report(runs: Sequence[Run], tsne_images: int, say: Say) -> Report:
    """The report of one run, or the comparison of several; `say` is told what takes long.

    Raises  UsageError for runs without a network, or not to be compared; FileSystemError, CorruptDataError.
    """
    if len(runs) == 1:
        return single(runs[0], tsne_images, say)
    return several(runs, tsne_images, say)


def single(run: Run, tsne_images: int, say: Say) -> Report:
    """Result, training, mistakes, insides, equations, and how to get it all again."""
    data = RunData(run, tsne_images, say=say)
    gallery = Gallery([data])
    summary = summarise(data.predictions())
    sections = [
        result_section(data, summary),
        trained_section(data, gallery),
        course_section(data, gallery),
        mistakes_section(summary, gallery),
        inside_section(gallery),
        derivation_section(data, say),
        reproduce_section(data, gallery.left_out),
    ]
    shown = [section for section in sections if section.blocks]
    return Report(data.name, f"A classifier of {data.dataset.name} images, trained by handgrad", _facts(data), shown)


def _facts(data: RunData) -> list[tuple[str, str]]:
    metrics, facts = data.metrics, data.run.facts
    environment: dict[str, Any] = facts.get("environment", {})
    found = [
        ("data set", data.dataset.name),
        ("parameters", f"{metrics['parameters']:,}" if metrics.get("parameters") else ""),
        ("epochs", str(len(metrics.get("epochs", [])) or "")),
        ("weights kept", kept_weights(data.run) if metrics.get("epochs") else ""),
        ("seed", str(data.config.seed)),
        ("training", f"{metrics['seconds']:.1f} s" if metrics.get("seconds") else ""),
        ("processor", str(environment.get("processor", ""))),
        ("handgrad", str(environment.get("handgrad", ""))),
    ]
    return [(name, value) for name, value in found if value]


def several(runs: Sequence[Run], tsne_images: int, say: Say) -> Report:
    """What each reached, what differs, what that tells, and the curves on top of each other."""
    comparison = compare(runs)
    gallery = Gallery([RunData(run, tsne_images, say=say) for run in runs])
    sections = [
        results_section(comparison, gallery),
        settings_section(comparison),
        pairs_section(comparison),
        curves_section(gallery),
        commands_section(comparison, gallery.left_out),
    ]
    datasets = ", ".join(sorted({run.config.dataset for run in runs}))
    count = len(comparison.configurations)
    facts = [("runs", str(len(runs))), ("configurations", str(count)), ("data set", datasets)]
    title = f"{len(runs)} runs compared"
    return Report(title, "Trained by handgrad", facts, [section for section in sections if section.blocks])
