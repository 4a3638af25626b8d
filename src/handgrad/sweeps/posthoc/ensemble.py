"""Ensembles of the networks of the best configurations of a sweep: chosen by validation images, then tested."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.errors import UsageError
from handgrad.evaluation import (
    Interval,
    McNemar,
    Predictions,
    ensemble,
    mcnemar,
    same_images,
    select_greedily,
    wilson,
)
from handgrad.files import atomic_write
from handgrad.runs.predictions import Watch, predictions_of_all
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.posthoc.test import Kept, Log, networks, record

Chosen = list[int]


class Member(NamedTuple):
    """A network, and how often it counts; `validation` and `test` are its accuracies."""

    kept: Kept
    rank: int
    weight: int
    validation: Interval
    test: Interval


class Outcome(NamedTuple):
    """An ensemble chosen among `candidates` networks, and how it compares to its best member on test images.

    `members` stand in the order of the sweep's ranking, so that validation has chosen the first one to compare with.
    `validation` is None where the members held out different images.
    """

    select: str
    candidates: int
    members: tuple[Member, ...]
    validation: Interval | None
    test: Interval
    gain: McNemar

    def to_mapping(self) -> dict[str, Any]:
        return {
            "select": self.select,
            "candidates": self.candidates,
            "validation_accuracy": self.validation.to_mapping() if self.validation else None,
            "test_accuracy": self.test.to_mapping(),
            "images": self.test.size,
            "against_best_member": self.gain.to_mapping(),
            "members": [_member_mapping(member) for member in self.members],
        }


def evaluate_ensemble(
    sweep: Sweep, entries: Sequence[Entry], select: str = "all", log: Log = print, watch: Watch = iter
) -> Outcome:
    """Choose among one network of each configuration by validation images, and ask those chosen about the test images.

    One each: the first replicates share their seed, and with it the images that they held out. The members' test
    accuracies are written down in chosen.json, the outcome in ensemble/.

    Raises  UsageError for fewer than two networks; as `networks` and `predictions_of`.
    """
    if len(entries) < 2:
        raise UsageError(f"an ensemble needs two configurations or more, got {len(entries)} (--top)")
    kept = networks(sweep, [entry.trials[0] for entry in entries], log)
    held_out = predictions_of_all([each.run for each in kept], "validation", None, watch)
    picks = SELECTIONS[select](held_out)
    chosen = sorted(set(picks))
    runs = [kept[place].run for place in chosen]
    tested = predictions_of_all(runs, "test", None, watch)
    weights = [picks.count(place) for place in chosen]
    together = _together(tested, weights)
    outcome = Outcome(
        select,
        len(kept),
        tuple(
            Member(kept[place], entries[place].rank, weight, _accuracy(held_out[place]), _accuracy(said))
            for place, weight, said in zip(chosen, weights, tested, strict=True)
        ),
        _jointly([held_out[place] for place in chosen], weights),
        _accuracy(together),
        mcnemar(together.right, tested[0].right),
    )
    record(sweep, [entries[place] for place in chosen], [kept[place] for place in chosen], tested)
    _save(sweep, outcome)
    return outcome


def every(library: Sequence[Predictions]) -> Chosen:
    """Each network once."""
    return list(range(len(library)))


SELECTIONS: dict[str, Callable[[Sequence[Predictions]], Chosen]] = {"all": every, "greedy": select_greedily}


def outcome_file(sweep: Sweep, outcome: Outcome) -> Path:
    """Where it is kept, such as ensemble/all_5.json."""
    return sweep.path / "ensemble" / f"{outcome.select}_{outcome.candidates}.json"


def _together(predictions: Sequence[Predictions], weights: Sequence[int]) -> Predictions:
    return ensemble([each for each, weight in zip(predictions, weights, strict=True) for _ in range(weight)])


def _jointly(held_out: Sequence[Predictions], weights: Sequence[int]) -> Interval | None:
    alike = all(same_images(held_out[0], each) for each in held_out)
    return _accuracy(_together(held_out, weights)) if alike else None


def _accuracy(predictions: Predictions) -> Interval:
    return wilson(int(predictions.right.sum()), len(predictions.labels))


def _member_mapping(member: Member) -> dict[str, Any]:
    trial = member.kept.trial
    note = {"note": member.kept.note} if member.kept.note else {}
    return {
        "trial": trial.number,
        "run": trial.run,
        "values": trial.values,
        "rank": member.rank,
        "weight": member.weight,
        "validation_accuracy": member.validation.to_mapping(),
        "test_accuracy": member.test.to_mapping(),
    } | note


def _save(sweep: Sweep, outcome: Outcome) -> None:
    path = outcome_file(sweep, outcome)
    path.parent.mkdir(exist_ok=True)
    atomic_write(path, json.dumps(outcome.to_mapping(), indent=2, allow_nan=False) + "\n")
