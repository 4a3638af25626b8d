"""Runs on disk: started, resumed, listed, tracked."""

from handgrad.runs.folder import Run, create_run, list_runs, open_run
from handgrad.runs.interruption import InterruptedRunError
from handgrad.runs.start import build_network, build_settings, execute, make_trainer, prepare, resume

__all__ = [
    "InterruptedRunError",
    "Run",
    "build_network",
    "build_settings",
    "create_run",
    "execute",
    "list_runs",
    "make_trainer",
    "open_run",
    "prepare",
    "resume",
]
