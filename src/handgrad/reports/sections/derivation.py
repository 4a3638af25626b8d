"""The back-propagation equations of this very network."""

from collections.abc import Callable

from handgrad.figures import RunData
from handgrad.reports.blocks import Equations, Section
from handgrad.reports.derivation import derive_run, to_html
from handgrad.reports.derivation.latex import markdown_chapters

LEVEL = 3  # of the headings within a section


def derivation_section(data: RunData, say: Callable[[str], None]) -> Section:
    """Every equation with the error that was measured of it; nothing where the run has no network."""
    if not data.run.model_file.exists():
        return Section("derivation", "", [])
    derivation = derive_run(data.run, say)
    equations = Equations(to_html(derivation, LEVEL), markdown_chapters(derivation, LEVEL))
    return Section("derivation", "Back-propagation through this network", [equations])
