"""Races: the wall time from a process's start to an accuracy on the test set."""

from dataclasses import dataclass

from handgrad.bench.workloads import Rule

HIDDEN = ("batch_norm", "relu", "dropout:0.2")


@dataclass(frozen=True)
class Goal:
    """A network with its schedule; `shift` moves each training image by up to so many pixels, anew each epoch.

    `schedule` is one of handgrad's by name, over all `epochs`, whether or not the race ends before.
    """

    dataset: str
    layers: tuple[str, ...]
    batch: int
    rule: Rule
    schedule: str
    epochs: int
    shift: float


GOAL = Goal(
    dataset="mnist",
    layers=("dense:512", *HIDDEN, "dense:256", *HIDDEN, "dense:10"),
    batch=128,
    rule=Rule("adam", 4e-3),
    schedule="one_cycle",
    epochs=12,
    shift=2.0,
)
