"""The configurations of a sweep that is over, the best first."""

from collections.abc import Sequence

from handgrad.errors import FileSystemError, UsageError
from handgrad.sweeps.analysis.leaderboard import Measurements, configurations, leaderboard
from handgrad.sweeps.analysis.result import Entry
from handgrad.sweeps.folder import Sweep
from handgrad.sweeps.storage import at_work
from handgrad.sweeps.trial import RUNNING


def ranking(sweep: Sweep) -> tuple[Entry, ...]:
    """Every configuration with a result; the test images are not looked at.

    Raises  FileSystemError while the sweep is driven; UsageError when it has no result yet.
    """
    trials = sweep.trials()
    if at_work(sweep.storage_url, {trial.driver for trial in trials if trial.state == RUNNING}):
        raise FileSystemError(f"{sweep.path} is still running: wait for its end, or stop it with Ctrl-C")
    entries = leaderboard(sweep, configurations(sweep, trials), Measurements(sweep))
    if not entries:
        raise UsageError(f"{sweep.path} has no finished trial yet: go on with `handgrad sweep resume {sweep.path}`")
    return entries


def first_of(entries: Sequence[Entry], top: int) -> Sequence[Entry]:
    """The best `top` of them.  Raises  UsageError when there are fewer."""
    if top > len(entries):
        raise UsageError(f"top must be at most {len(entries)}, the configurations with a result, got {top} (--top)")
    return entries[:top]


def of_trial(entries: Sequence[Entry], number: int) -> Entry:
    """The configuration of a trial.  Raises  UsageError when it has no result."""
    for entry in entries:
        if number in {trial.number for trial in entry.trials}:
            return entry
    best = entries[0].trials[0].number
    raise UsageError(f"trial {number} has no result; the best is trial {best} (--trial)")
