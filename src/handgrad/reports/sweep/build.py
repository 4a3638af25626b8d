"""The whole report of a sweep."""

from handgrad.reports.blocks import Report, Section
from handgrad.reports.sweep.advice import advice_section
from handgrad.reports.sweep.again import again_section
from handgrad.reports.sweep.answer import answer_section
from handgrad.reports.sweep.data import SweepData
from handgrad.reports.sweep.facts import duration, elapsed
from handgrad.reports.sweep.failures import failures_section
from handgrad.reports.sweep.figures import parallel_section, slices_section, timeline_section
from handgrad.reports.sweep.influence import importance_section, observations_section
from handgrad.reports.sweep.leaderboard import leaderboard_section

PARTS = (
    answer_section,
    leaderboard_section,
    timeline_section,
    parallel_section,
    slices_section,
    importance_section,
    observations_section,
    failures_section,
    advice_section,
    again_section,
)


def sweep_sections(data: SweepData) -> list[Section]:
    """Answer, leaderboard, views, importance, observations, failures, recommendation, and how to get it again."""
    sections = [part(data) for part in PARTS]
    return [section for section in sections if section.blocks]


def build_sweep_report(data: SweepData) -> Report:
    """All of it under the sweep's name."""
    definition = data.sweep.definition
    subtitle = definition.description or f"A search for the best {data.measure.name}, by handgrad"
    return Report(f"Sweep {data.sweep.name}", subtitle, _facts(data), sweep_sections(data))


def _facts(data: SweepData) -> list[tuple[str, str]]:
    settings = data.sweep.settings
    found = [
        ("data set", str(data.sweep.definition.constants.get("dataset", data.sweep.base.dataset))),
        ("method", settings.method),
        ("configurations", f"{len(data.analysis.entries):,}"),
        ("trials", f"{len(data.trials):,}"),
        ("seeds each", str(settings.seeds)),
        ("seed", str(settings.seed)),
        ("time", duration(elapsed(data)) if data.trials else ""),
    ]
    return [(name, value) for name, value in found if value]
