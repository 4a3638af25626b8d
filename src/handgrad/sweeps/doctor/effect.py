"""Does a parameter change anything, beside the others?"""

from collections.abc import Iterator
from typing import Any

from handgrad.config.influence import WITHOUT_INFLUENCE, conditions
from handgrad.config.lookup import listed
from handgrad.diagnostics import WARNING, Diagnostic
from handgrad.sweeps.doctor.examination import Examination


def without_effect(seen: Examination) -> Iterator[Diagnostic]:
    """Parameters that some or all of the runs do not look at: such runs repeat each other."""
    for field in seen.definition.varying:
        if field in WITHOUT_INFLUENCE:
            yield Diagnostic(
                WARNING, f"{field} changes nothing of a training, only what is written down", "Leave it out"
            )
        for selector, holds, _ in conditions(field):
            chosen = seen.values(selector)
            idle = [value for value in chosen if not holds(value)]
            if idle:
                yield _finding(field, selector, idle, len(chosen))


def _finding(field: str, selector: str, idle: list[Any], of: int) -> Diagnostic:
    where = f"{selector} {listed(str(value) for value in idle)}"
    if len(idle) == of:
        return Diagnostic(WARNING, f"{field} has no effect: not with {where}", "Leave it out")
    what = f"{field} has no effect with {where}: those runs repeat each other"
    return Diagnostic(WARNING, what, f"Sweep it apart from {'that' if len(idle) == 1 else 'those'}")
