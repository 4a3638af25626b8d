"""Why two updates part: every known cause is tried, and the one that explains the numbers to within rounding named."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.torch_port.installed import torch_attribute
from handgrad.torch_port.lockstep.rules import DIRECTIONS, Assumption, Seen, predicted

Array = NDArray[Any]
Change = Callable[[Assumption], Assumption | None]
"""Another assumption, or None where it makes no sense for this optimizer."""


class Cause(NamedTuple):
    """What was tried, in words; how many times more than rounding it leaves unexplained: at most 1 explains it."""

    name: str
    meaning: str
    unexplained: float


def excess(actual: Array, expected: Array, seen: Seen, precision: float) -> float:
    """The largest difference of two updated weights, over what rounding can explain.

    Math    rounding of a weight is some precision |w|; that of its update some precision |update|, for it is computed
            in a dozen operations; both taken at their largest
    """
    update = np.abs(expected - seen.before).max()
    allowed = precision * (8 * np.abs(expected).max() + 256 * update)
    return float(np.abs(actual - expected).max() / max(allowed, np.finfo(np.float64).tiny))


def update_causes(steps: Sequence[Seen], base: Assumption, precision: float) -> list[Cause]:
    """Every cause with what it leaves unexplained over all of `steps`, the best first; pairs where no single one does.

    Among those that leave less than a quarter of what rounding may, the order of UPDATE_CAUSES decides. Nothing for an
    optimizer whose rule DIRECTIONS does not have.
    """
    if base.optimizer.torch.name not in DIRECTIONS:
        return []
    known = [(name, meaning, change) for name, (meaning, change) in UPDATE_CAUSES.items()]
    singles = list(_tried(((name, meaning, change(base)) for name, meaning, change in known), steps, precision))
    if not any(cause.unexplained <= 1 for cause in singles):
        singles += _tried(_pairs(known, base), steps, precision)
    return sorted(singles, key=lambda cause: max(cause.unexplained, 0.25))


def _pairs(known: Sequence[tuple[str, str, Change]], base: Assumption) -> Iterable[tuple[str, str, Assumption | None]]:
    for (name, meaning, change), (other, more, second) in combinations(known, 2):
        once = change(base)
        yield f"{name} and {other}", f"{meaning}; and {more}", second(once) if once else None


def _tried(
    candidates: Iterable[tuple[str, str, Assumption | None]], steps: Sequence[Seen], precision: float
) -> Iterable[Cause]:
    for name, meaning, assumption in candidates:
        if assumption is not None:
            with np.errstate(all="ignore"):
                left = max(excess(seen.after, predicted(seen, assumption), seen, precision) for seen in steps)
            yield Cause(name, meaning, left if np.isfinite(left) else np.inf)


def _with_epsilon(place: str) -> Change:
    return lambda base: replace(base, epsilon=place) if hasattr(base.optimizer, "epsilon") else None


def _uncorrected(base: Assumption) -> Assumption | None:
    return replace(base, corrected=False) if hasattr(base.optimizer, "beta1") else None


def _decay(**changes: Any) -> Change:
    return lambda base: replace(base, **changes) if base.transforms.weight_decay else None


def _clipped(how: str) -> Change:
    return lambda base: replace(base, clipped=how) if base.transforms.clip_norm else None


def _of_torch(base: Assumption) -> Assumption | None:
    """What torch.optim takes where it is told a learning rate only."""
    mapping = base.optimizer.torch
    theirs = {name: each.default for name, each in inspect.signature(torch_attribute(mapping.name)).parameters.items()}
    hyper: dict[str, Any] = {}
    for name, ours in mapping.arguments.items():
        if name not in ("momentum", "nesterov"):  # without a momentum it is another optimizer
            hyper |= dict(zip(ours, theirs[name], strict=True)) if isinstance(ours, tuple) else {ours: theirs[name]}
    transforms = replace(base.transforms, weight_decay=theirs["weight_decay"])
    return replace(base, optimizer=replace(base.optimizer, **hyper), transforms=transforms, everywhere=True)


UPDATE_CAUSES: dict[str, tuple[str, Change]] = {
    "epsilon_inside": ("epsilon stands under the root, sqrt(v + epsilon), not beside it", _with_epsilon("inside")),
    "epsilon_before_correction": (
        "epsilon is added to sqrt(v) before the bias correction, not after it: Keras' way",
        _with_epsilon("before"),
    ),
    "no_bias_correction": ("the moments are not corrected for starting at zero", _uncorrected),
    "schedule_late": (
        "the schedule is one step late: each step has the learning rate of the one before",
        lambda base: replace(base, rate="late"),
    ),
    "schedule_early": (
        "the schedule is one step early: scheduler.step() comes before optimizer.step()",
        lambda base: replace(base, rate="early"),
    ),
    "no_schedule": ("the learning rate follows no schedule", lambda base: replace(base, rate="unscheduled")),
    "decay_everywhere": (
        "weight decay applies to biases, gamma and beta too, as PyTorch does unless told otherwise",
        _decay(everywhere=True),
    ),
    "decay_decoupled": (
        "weight decay shrinks the weights directly instead of entering the gradient: AdamW's way",
        lambda base: None if base.decoupled else _decay(decoupled=True)(base),
    ),
    "decay_coupled": (
        "weight decay enters the gradient instead of shrinking the weights: Adam's way",
        lambda base: _decay(decoupled=False)(base) if base.decoupled else None,
    ),
    "no_decay": (
        "there is no weight decay",
        lambda base: (
            replace(base, transforms=replace(base.transforms, weight_decay=0.0))
            if base.transforms.weight_decay
            else None
        ),
    ),
    "clip_each": ("each parameter's gradient is clipped alone, not all of them together", _clipped("each")),
    "no_clip": ("gradients are not clipped", _clipped("never")),
    "torch_defaults": ("the hyper-parameters are PyTorch's own defaults, weight decay among them", _of_torch),
}
