"""What the worker says of a sweep: the words and numbers of its report."""

from pathlib import Path
from typing import Any

from handgrad.evaluation import Interval
from handgrad.reports.sweep import TOP, caption_of, table_of
from handgrad.reports.sweep_data import SweepData, how_searched, how_sure, in_words, standing
from handgrad.reports.sweep_parameters import FIGURES
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.folder import open_sweep


def analysed(task: dict[str, Any]) -> dict[str, Any]:
    """What `handgrad sweep report` writes, without its figures."""
    sweep = open_sweep(Path(task["path"]))
    trials = sweep.trials()
    data = SweepData(sweep, tuple(trials), analyse(sweep, trials), bool(task["driven"]))
    found, entries = data.analysis, data.analysis.entries
    table = table_of(data, entries[:TOP], caption_of(data)) if entries else None
    return {
        "standing": standing(data),
        "searched": how_searched(data),
        "ended": data.done,
        "sure": how_sure(data),
        "importances": _importances(data),
        "recommendation": _recommendation(data),
        "leaderboard": {"columns": ["rank", *table.header[1:]], "rows": table.rows, "caption": table.caption}
        if table
        else None,
        "observations": [(each.words, each.clear) for each in found.observations],
        "analysis_notes": list(found.notes),
        "command": f"handgrad sweep report {sweep.path}",
    }


def _importances(data: SweepData) -> dict[str, Any] | None:
    spec = FIGURES.get("importance")
    if spec is None or not data.analysis.importances:
        return None
    forest = spec.compute(data)
    rows = [[row.group, row.label, row.mean, row.low, row.high] for row in forest.rows]
    return {"title": forest.title, "caption": forest.caption, "rows": rows}


def _recommendation(data: SweepData) -> dict[str, Any] | None:
    best = data.analysis.recommendation
    if best is None:
        return None
    return {
        "values": in_words(best.values),
        "words": best.words,
        "expected": _expected(data, best.predicted),
        "among": best.n_of_best,
        "command": best.command,
        "run": best.trial.run if best.trial else None,
        "open": list(best.open),
    }


def _expected(data: SweepData, predicted: Interval) -> str:
    return f"{data.measure.text(predicted.mean)} [{data.measure.bounds(predicted.low, predicted.high)}]"
