"""A process beside the server that does what needs the compiler: it reads a task a line, and writes its answer.

`python -m handgrad.serve.worker` ends when nobody writes to it any more.
"""

import json
import logging
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handgrad.config import RunConfig, value_type_of
from handgrad.config.presets import BEST, PRESETS
from handgrad.config.value_types import Name, Switch, ValueType, Whole
from handgrad.data import DATASETS
from handgrad.errors import HandgradError, UsageError
from handgrad.evaluation import Interval
from handgrad.reports.comparison import pair_lines, results_table
from handgrad.reports.sweep import TOP, caption_of, table_of
from handgrad.reports.sweep_data import SweepData, how_searched, how_sure, in_words, standing
from handgrad.reports.sweep_parameters import FIGURES
from handgrad.runs import open_run
from handgrad.runs.comparison import Comparison, compare
from handgrad.serve import play
from handgrad.serve.drawing import classified
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.folder import open_sweep

Result = dict[str, Any]
# Settings that may name a file, or are for other machines and accounts: a form of the page has none of these.
WITHOUT_FIELD = {"layers", "model_options", "optimizer_options", "class_weight", "fold", "runs_dir", "device", "resize"}
FIRST = (
    *("dataset", "model", "num_layers", "hidden_size", "activation", "optimizer", "learning_rate"),
    *("epochs", "batch_size", "seed", "name"),
)
MOST_SEEDS = 100


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


def compared(task: dict[str, Any]) -> Result:
    """What `handgrad compare` prints, in parts."""
    comparison = compare([open_run(path) for path in task["runs"]])
    results = results_table(comparison.configurations)
    members = [(each.letter, str(one.run.path)) for each in comparison.configurations for one in each.members]
    missing = {one.command for pair in comparison.pairs for one in pair.missing}
    return {
        "members": members,
        "results": {"columns": results.columns, "rows": results.rows},
        "settings": _settings(comparison),
        "pairs": [
            {
                "title": f"{pair.first.letter} against {pair.second.letter}",
                "verdict": pair.verdict,
                "controlled": pair.controlled,
                "lines": list(pair_lines(pair)),
            }
            for pair in comparison.pairs
        ],
        "missing": sorted(missing),
    }


def _settings(comparison: Comparison) -> Result:
    columns = ("setting", *(each.letter for each in comparison.configurations))
    return {"columns": columns, "rows": [(name, *map(str, row)) for name, row in comparison.settings.items()]}


def form(task: dict[str, Any]) -> Result:
    """The settings that the page can start a training with, as `handgrad train --help all` lists them."""
    fields = []
    for name, info in RunConfig.model_fields.items():
        group = str(info.json_schema_extra["group"])  # type: ignore[index]
        if group == "tracking" or name in WITHOUT_FIELD:
            continue
        type_ = value_type_of(name)
        default = PRESETS[BEST].get(name, info.default)
        fields.append(
            {
                "name": name,
                "group": "first" if name in FIRST else group,
                "help": info.description,
                "choices": _choices(name, type_),
                "default": ""
                if default is None
                else "x".join(map(str, default))
                if isinstance(default, tuple)
                else default,
            }
        )
    order = {name: place for place, name in enumerate(FIRST)}
    return {"fields": sorted(fields, key=lambda field: order.get(field["name"], len(order)))}


def _choices(name: str, type_: ValueType) -> list[str] | None:
    """The values that there are; of data sets, those on this machine."""
    if name == "dataset":
        return sorted(each for each, source in DATASETS.items() if source.status().place is not None)
    if isinstance(type_, Switch):
        return ["true", "false"]
    return list(type_.names) if isinstance(type_, Name) else None


def planned(task: dict[str, Any]) -> Result:
    """The words of `handgrad train` with the settings of the form, each checked.  Raises  UsageError"""
    settings = task["settings"]
    if not isinstance(settings, dict) or not all(isinstance(each, str) for each in settings.values()):
        raise UsageError("settings must be texts by name")
    stated = {name: text.strip() for name, text in settings.items() if text.strip()}
    seeds = Whole(low=1, high=MOST_SEEDS)
    try:
        extra = ["--seeds", str(seeds(stated.pop("seeds")))] if "seeds" in stated else []
    except ValueError as error:
        raise UsageError(f"seeds {error}") from error
    fields = {field["name"]: field for field in form({})["fields"]}
    for name, text in stated.items():
        if name not in fields:
            raise UsageError(f"the form has no setting {name[:40]!r}")
        if fields[name]["choices"] is not None and text not in fields[name]["choices"]:
            raise UsageError(f"{name} must be one of {', '.join(fields[name]['choices'])}, got {text[:40]!r}")
    config = RunConfig.from_mapping({**stated, "runs_dir": task["runs_dir"]})
    return {"words": [*shlex.split(config.command())[1:], *extra]}


TASKS: dict[str, Callable[[dict[str, Any]], Result]] = {
    "compare": compared,
    "classify": classified,
    "form": form,
    "plan": planned,
    "analyse": analysed,
    "digits": lambda task: play.digits(),
    "play": lambda task: {"page": play.page()},
}


class _Notes(logging.Handler):
    """Keeps what a task warns of, which its answer passes on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main() -> None:
    """Result until the input ends; what a task prints goes to standard error."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    notes = _Notes()
    logging.getLogger("handgrad").addHandler(notes)
    for line in sys.stdin:
        task = json.loads(line)
        notes.lines = []
        try:
            result = TASKS[task["task"]](task)
        except HandgradError as error:
            result = {"error": str(error)}
        except Exception as error:  # the server must learn of it, and the next task may do better
            result = {"error": f"{type(error).__name__}: {error}"}
        try:
            print(json.dumps({**result, "notes": notes.lines}), file=output, flush=True)
        except BrokenPipeError:  # the server has ended meanwhile
            os._exit(0)


if __name__ == "__main__":
    main()
