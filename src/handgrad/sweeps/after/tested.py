"""The test accuracy of configurations that validation has chosen: looked at once, and kept.

sweeps/NAME/chosen.json tells of every configuration that was ever looked at on the test images, so that nobody can
take the best of many for the result of one.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handgrad.errors import CorruptDataError
from handgrad.evaluation import Interval, Predictions, mean_share, wilson
from handgrad.files import atomic_write
from handgrad.runs.predictions import Watch, predictions_of_all
from handgrad.sweeps.after.networks import Kept, Tell, networks
from handgrad.sweeps.analysis.result import IMAGES, SEEDS, Entry
from handgrad.sweeps.folder import Sweep, read_stored
from handgrad.sweeps.trial import Trial

FILE = "chosen.json"
REMEDY = (
    "Put it back as it was; if you delete it, nobody sees how many configurations were looked at on the test images"
)


def look_at_test(
    sweep: Sweep, entries: Sequence[Entry], tell: Tell = print, watch: Watch = iter
) -> list[dict[str, Any]]:
    """What chosen.json says of the configurations; networks that it does not know yet are asked now, each of them once.

    Raises  as `networks` and `predictions_of`; CorruptDataError for a damaged chosen.json.
    """
    known = {each["run"] for record in read_chosen(sweep) for each in record["networks"]}
    missing = [trial for entry in entries for trial in entry.trials if trial.run not in known]
    if missing:
        kept = networks(sweep, missing, tell)
        write_down(sweep, entries, kept, predictions_of_all([each.run for each in kept], "test", None, watch))
    records = {record["run"]: record for record in read_chosen(sweep)}
    return [records[entry.trials[0].run] for entry in entries]


def write_down(
    sweep: Sweep, entries: Sequence[Entry], kept: Sequence[Kept], predictions: Sequence[Predictions]
) -> None:
    """Add to chosen.json what networks of the configurations said of the test images; what it knows already stays."""
    known = {each["run"]: each for record in read_chosen(sweep) for each in record["networks"]}
    for each, said in zip(kept, predictions, strict=True):
        known.setdefault(each.trial.run, _network(each, said))
    records = {record["run"]: record for record in read_chosen(sweep)}
    for entry in entries:
        asked = [known[trial.run] for trial in entry.trials if trial.run in known]
        if len(asked) > len(records.get(entry.trials[0].run, {}).get("networks", ())):
            records[entry.trials[0].run] = _record(entry, asked)
    told = {
        "looked_at": len(records),
        "chosen_by": sweep.definition.metric.name,
        "configurations": list(records.values()),
    }
    atomic_write(chosen_file(sweep), json.dumps(told, indent=2) + "\n")


def read_chosen(sweep: Sweep) -> list[dict[str, Any]]:
    """Every configuration that was looked at on the test images; none where nobody has looked."""
    path = chosen_file(sweep)
    if not os.path.lexists(path):
        return []
    try:
        records = list(read_stored(path, REMEDY)["configurations"])
        for record in records:
            record["run"], *(each["run"] for each in record["networks"])
    except (KeyError, TypeError) as error:
        raise CorruptDataError(f"{path} is damaged: {error!r}. {REMEDY}") from error
    return records


def chosen_file(sweep: Sweep) -> Path:
    """Where it is kept."""
    return sweep.path / FILE


def _network(kept: Kept, predictions: Predictions) -> dict[str, Any]:
    trial, right, images = kept.trial, int(predictions.right.sum()), len(predictions.labels)
    own = {"trial": trial.number, "run": trial.run, "seed": trial.seed, "test_accuracy": right / images}
    return own | {"right": right, "images": images} | ({"note": kept.note} if kept.note else {})


def _record(entry: Entry, asked: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A configuration: its only network with Wilson's interval, or the mean over its seeds with Student's."""
    interval, over = _accuracy(asked)
    first: Trial = entry.trials[0]
    return {
        "trial": first.number,
        "run": first.run,
        "values": entry.values,
        "rank": entry.rank,
        "objective": entry.objective.mean,
        "test_accuracy": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "over": over,
        "images": asked[0]["images"],
        "networks": list(asked),
    }


def _accuracy(asked: Sequence[dict[str, Any]]) -> tuple[Interval, str]:
    if len(asked) > 1:
        return mean_share([each["test_accuracy"] for each in asked]), SEEDS
    return wilson(asked[0]["right"], asked[0]["images"]), IMAGES
