"""One run inside a sweep, as plain data."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

RUNNING, FINISHED, STOPPED, FAILED, LOST = "running", "finished", "stopped", "failed", "lost"
SETTLED = (FINISHED, STOPPED, FAILED)
RATED = (FINISHED, STOPPED)


class Stop(NamedTuple):
    """Why a trial was stopped early: after epoch `rung` its `value` was worse than `threshold`, among `reached`."""

    rung: int
    threshold: float
    value: float
    reached: int


@dataclass(frozen=True)
class Trial:
    """A configuration of a sweep, run with one seed.

    `values` are those of the sweep's varying parameters; `objective` is the metric of the network that the run keeps;
    `epochs` the metric after each epoch, by its number from 1. `state` is running, finished, stopped (early), failed
    (diverged, or refused) or lost (its process died too often; a resumed sweep tries again). `why` tells what ended it.
    `replicate` counts the runs of one configuration from 0; `seconds` are those of training; `began` is in seconds
    since 1970. `driver` is the process that looks after it, `deaths` how many of its own ended without progress.
    """

    number: int
    values: dict[str, Any]
    run: str
    seed: int
    replicate: int = 0
    state: str = RUNNING
    objective: float | None = None
    epochs: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    began: float = 0.0
    why: str = ""
    stop: Stop | None = None
    driver: str = ""
    deaths: int = 0

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in SETTLED

    @property
    def rated(self) -> bool:
        """Whether it has an objective to compare with others."""
        return self.state in RATED and self.objective is not None
