"""What wants to know how a sweep goes."""

from typing import NamedTuple

from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.trial import Trial


class Standing(NamedTuple):
    """How far a sweep is: `wanted` is None where only time ends it, `seconds_left` where nothing can be told yet."""

    wanted: int | None
    settled: int
    running: int
    stopped: int
    failed: int
    lost: int
    best: Trial | None
    seconds_left: float | None


class Watcher:
    """Every method may be left out. They are called by the driver, between two looks at its workers."""

    def began(self, sweep: Sweep, standing: Standing) -> None:
        """Before the first trial, also after a resume."""

    def settled(self, trial: Trial, standing: Standing) -> None:
        """A trial is finished, stopped, failed or lost."""

    def looked(self, standing: Standing) -> None:
        """Some times a second."""

    def noticed(self, text: str) -> None:
        """Something happened that a person may want to read."""

    def ended(self, sweep: Sweep, standing: Standing) -> None:
        """No more trials."""
