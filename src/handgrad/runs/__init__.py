"""Runs on disk: started, resumed, listed, tracked."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from handgrad.errors import HandgradError
from handgrad.plugins import extend
from handgrad.previews import table_html
from handgrad.run_folder import RUNS_DIR, differing_settings
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
from handgrad.runs.trackers import TRACKERS

COLUMNS = ("name", "state", "test_accuracy", "validation_accuracy", "epochs", "parameters", "seconds")


class Runs(list[Run]):
    """Runs, oldest first: `runs[-1]` is the last, `runs["relu"]` the one that is called so, or begins so."""

    def __getitem__(self, place: Any) -> Any:
        return open_run(self[0].path.parent / place) if isinstance(place, str) and self else super().__getitem__(place)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row a run, with its result and the settings that are not the same for all; `pandas.DataFrame` takes it."""
        settings = differing_settings([_facts(run) for run in self])
        results = [{"name": run.name} | run.result._asdict() for run in self]
        return [{name: row[name] for name in COLUMNS} | own for row, own in zip(results, settings, strict=True)]

    def to_frame(self) -> Any:
        """The rows as a DataFrame of pandas, which must be installed."""
        import pandas as pd

        return pd.DataFrame(self.rows, index=range(1, len(self) + 1))

    def __repr__(self) -> str:
        return "\n".join([f"{len(self)} runs", *(f"{number:>4}  {run!r}" for number, run in enumerate(self, 1))])

    def _repr_html_(self) -> str:
        rows = [[str(number), *row.values()] for number, row in enumerate(self.rows, 1)]
        names = ["no", *(self.rows[0] if self else COLUMNS)]
        return table_html(names, [[_cell(value) for value in row] for row in rows], f"{len(self)} runs")


def _facts(run: Run) -> dict[str, Any]:
    try:
        return run.facts
    except HandgradError:  # the row says that it is damaged
        return {}


def _cell(value: Any) -> Any:
    return value if value is None or type(value) in (int, float) else str(value)


def all_runs(folder: str | Path = RUNS_DIR) -> Runs:
    """Every run below `folder`, oldest first.  Raises  FileSystemError when the folder cannot be read."""
    return Runs(list_runs(Path(folder)))


extend(trackers=TRACKERS)


class _Room(ModuleType):
    """This package, which is also a function: `handgrad.runs()` is the table of all runs."""

    def __call__(self, *folder: Any) -> Runs:
        return all_runs(*folder)


sys.modules[__name__].__class__ = _Room
