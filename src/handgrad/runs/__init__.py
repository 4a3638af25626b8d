"""Runs on disk: started, resumed, listed, tracked."""

import sys
from types import ModuleType
from typing import Any

from handgrad.plugins import extend
from handgrad.runs.classical import Prepared, prepare_classical
from handgrad.runs.execution import (
    build_network,
    diagnose_each,
    diagnose_run,
    execute,
    make_trainer,
    prepare,
    resume,
)
from handgrad.runs.interruption import InterruptedRunError
from handgrad.runs.store import Run, create_run, list_runs, open_run
from handgrad.runs.table import Runs, all_runs
from handgrad.runs.trackers import TRACKERS

extend(trackers=TRACKERS)


class _Room(ModuleType):
    """This package, which is also a function: `handgrad.runs()` is the table of all runs."""

    def __call__(self, *folder: Any) -> Runs:
        return all_runs(*folder)


sys.modules[__name__].__class__ = _Room
