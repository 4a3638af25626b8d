"""Does a parameter change anything, beside the others?"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from handgrad.config.lookup import listed
from handgrad.diagnostics import WARNING, Diagnostic
from handgrad.nn import INITIALIZERS, LOSSES
from handgrad.optim import OPTIMIZERS, SCHEDULES
from handgrad.sweeps.doctor.examination import Examination

REGISTRIES: dict[str, Mapping[str, type]] = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "loss": LOSSES}
ELSEWHERE = {"init_scale": ("weight_init", "std", INITIALIZERS)}  # a field that its owner calls otherwise
NOT_ZERO = {
    "elastic_sigma": "elastic",
    "hidden_size": "num_layers",
    "activation": "num_layers",
    "dropout": "num_layers",
    "batch_norm": "num_layers",
}
MERELY_WRITTEN = ("log_every", "log_test", "checkpoint_seconds", "evaluate_every")


def without_effect(seen: Examination) -> Iterator[Diagnostic]:
    """Parameters that some or all of the runs do not look at: such runs repeat each other."""
    for field in seen.definition.varying:
        if field in MERELY_WRITTEN:
            yield Diagnostic(
                WARNING, f"{field} changes nothing of a training, only what is written down", "Leave it out"
            )
        for selector, matters in _conditions(field):
            chosen = seen.values(selector)
            idle = [value for value in chosen if not matters(value)]
            if idle:
                yield _finding(field, selector, idle, len(chosen))


def _finding(field: str, selector: str, idle: list[Any], of: int) -> Diagnostic:
    where = f"{selector} {listed(str(value) for value in idle)}"
    if len(idle) == of:
        return Diagnostic(WARNING, f"{field} has no effect: not with {where}", "Leave it out")
    what = f"{field} has no effect with {where}: those runs repeat each other"
    return Diagnostic(WARNING, what, f"Sweep it apart from {'that' if len(idle) == 1 else 'those'}")


def _conditions(field: str) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    """(the field that decides, whether a value of it lets `field` matter)."""
    owners = [(selector, field, registry) for selector, registry in REGISTRIES.items()]
    for selector, name, registry in [ELSEWHERE[field]] if field in ELSEWHERE else owners:
        users = [user for user, kind in registry.items() if name in {f.name for f in dataclasses.fields(kind)}]
        if users:
            yield selector, users.__contains__
    if field in NOT_ZERO:
        yield NOT_ZERO[field], bool
