"""The report of a sweep: the answer first, then what it rests on.

`sweep_sections(look(sweep))` are its parts, for reports that hold more than one sweep.
"""

from handgrad.reports.sweep.data import Measure, SweepData, look
from handgrad.reports.sweep.sections import build_sweep_report, sweep_sections
