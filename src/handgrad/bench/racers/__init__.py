"""Who races to an accuracy; a module is imported in the racer's own process only, and has `race(entry)`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from handgrad.bench.contenders.contender import Weights
from handgrad.bench.goals import Goal
from handgrad.data import Dataset

RACERS = {"handgrad": "handgrad.bench.racers.hand", "torch": "handgrad.bench.racers.torch_eager"}


@dataclass(frozen=True)
class Entry:
    """What a racer is given; it calls `lap` with the test accuracy after each epoch, and stops when that is true."""

    goal: Goal
    data: Dataset
    weights: Weights
    seed: int
    threads: int
    lap: Callable[[float], Any]
