"""Runs on disk: started, resumed, listed, tracked."""

from handgrad.plugins import extend
from handgrad.runs.classical import Prepared, prepare_classical
from handgrad.runs.crossval import CrossValidation, FoldResult, cross_validate
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
from handgrad.runs.trackers import TRACKERS

extend(trackers=TRACKERS)
