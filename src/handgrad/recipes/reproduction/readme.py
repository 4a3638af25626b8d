"""The one page that stands in the folder of a reproduction: numbers and verdicts."""

from dataclasses import replace

from handgrad.reports.blocks import Report
from handgrad.reports.render import markdown_text

SHOWN = ("numbers", "claims")


def readme(report: Report) -> str:
    """Markdown of the report's table of numbers and of its claims."""
    kept = [section for section in report.sections if section.anchor in SHOWN or section.anchor == "reproduce"]
    return markdown_text(replace(report, sections=kept), "report")
