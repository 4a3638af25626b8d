"""What a person would be surprised by in the trials of a program: no results at all, or always the same one."""

from collections.abc import Sequence

from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.programs.run_program import NEVER_LOGGED
from handgrad.sweeps.store import FAILED, Trial, TrialStore

MOST_FAILURES = 5  # at first, as W&B's agents have it
ENOUGH_EQUAL = 3  # different configurations with the same result


def hopeless(store: TrialStore, wanted: int | None) -> str:
    """Why no trial can be expected to have a result: the metric is never logged, or the first trials all failed.

    `wanted` is how many trials there are to be, None for any number.
    """
    failed = [trial for trial in store.known() if trial.state == FAILED]
    if store.best is not None or not failed:
        return ""
    last = failed[-1]
    if NEVER_LOGGED in last.why:
        return last.why
    if len(failed) < min(MOST_FAILURES, wanted or MOST_FAILURES):
        return ""
    every = "with the same error" if len({trial.why for trial in failed}) == 1 else "the last one with"
    return f"the first {len(failed)} trials failed, {every}: {last.why}"


def ignores_arguments(definition: SweepDefinition, trials: Sequence[Trial]) -> str:
    """That several configurations have exactly equal results, to the last digit and epoch by epoch; or nothing."""
    rated = [trial for trial in trials if trial.rated]
    different = {definition.key(trial.values) for trial in rated}
    if len(different) < ENOUGH_EQUAL or len({(trial.objective, *trial.epochs.values()) for trial in rated}) > 1:
        return ""
    program = definition.program.path if definition.program else "it"
    same = f"{len(different)} configurations have exactly equal results"
    return f"{same}: does {program} read its arguments, or wandb.config?"
