"""The trials, seen from three sides: over time, all parameters at once, one parameter at a time."""

from handgrad.reports.blocks import Section
from handgrad.reports.sweep.data import SweepData
from handgrad.reports.sweep.figures import picture

FEWEST = 2  # trials of which a picture says anything


def course_section(data: SweepData) -> Section:
    """Results against the time when trials were begun."""
    title = f"{data.measure.name[0].upper()}{data.measure.name[1:]} against creation time"
    return Section("timeline", title, [picture("timeline", data)] if data.rated else [])


def parallel_section(data: SweepData) -> Section:
    """All parameters at once."""
    enough = len(data.rated) >= FEWEST and data.parameters
    return Section("parallel", "Parallel coordinates", [picture("parallel", data)] if enough else [])


def slices_section(data: SweepData) -> Section:
    """One parameter at a time."""
    enough = len(data.rated) >= FEWEST and data.parameters
    return Section("slices", "Parameter by parameter", [picture("slices", data)] if enough else [])
