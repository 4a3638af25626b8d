"""The two kinds of work that a recipe is made of: a run, and a sweep."""

from handgrad.config import RunConfig
from handgrad.recipes.reproduction import work
from handgrad.recipes.reproduction.searching import PlannedSweep, finish_sweep
from handgrad.recipes.reproduction.work import Ending, Stopping, Tell, never

Work = RunConfig | PlannedSweep


def finish(each: Work, tell: Tell, stopping: Stopping = never) -> Ending:
    """Do what is left of it.

    Raises  FileSystemError, which the next one would meet as well; InterruptedRunError.
    """
    if isinstance(each, PlannedSweep):
        return finish_sweep(each, tell, stopping)
    return work.finish(each, tell, stopping)


def over(each: Work) -> bool:
    """Whether nothing is left to do of it."""
    return each.over if isinstance(each, PlannedSweep) else work.over(each)


def runs_in(each: Work) -> int:
    """How many runs it is: the trials of a sweep, or one."""
    return each.wanted if isinstance(each, PlannedSweep) else 1
