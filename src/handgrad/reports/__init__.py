"""Reports of runs, made from their folders alone."""

from handgrad.reports.blocks import Report
from handgrad.reports.build import build_report
from handgrad.reports.render import write_html, write_markdown, writer_of
