"""The learning-rate finder: a short training whose rate rises from step to step, and what its losses suggest."""

import copy
from dataclasses import dataclass, replace
from importlib import import_module
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.errors import DivergedError, UsageError
from handgrad.nn import Network
from handgrad.optim import Schedule
from handgrad.training.fit import VALIDATION, find_range
from handgrad.training.inputs import read_parts
from handgrad.training.settings import Settings, read_settings
from handgrad.training.trainer import Callback, Trainer

Array = NDArray[Any]
LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 200
LEAST_STEPS = 20
MEMORY = 0.9  # of the moving average of losses
EXPLODED = 4.0  # times the least smoothed loss so far: where the search ends
BACK = 10.0  # the suggestion lies so many times below the rate of the least smoothed loss
LEAST_FALL = 0.02  # share of the first smoothed loss by which it must fall, or nothing was learned


class RateSearch(NamedTuple):
    """The rate and the loss of each step; `smoothed` is the moving average of the losses, of which the rule speaks.

    `exploded` is True where the search ended before the highest rate. It was made on so many `images`, in batches.

    Shapes  rates, losses, smoothed (n,) float64
    """

    rates: Array
    losses: Array
    smoothed: Array
    exploded: bool
    images: int
    batch_size: int

    @property
    def lowest(self) -> int:
        """The step of the least smoothed loss."""
        return int(self.smoothed.argmin())

    @property
    def suggestion(self) -> float | None:
        """A tenth of the rate at which the smoothed loss is least; None where it hardly falls at all.

        Ref     Gugger, How do you find a good learning rate (2018); Smith (2017), Cyclical learning rates, section 3.3
        """
        fallen = self.smoothed[0] - self.smoothed[self.lowest]
        return float(self.rates[self.lowest] / BACK) if fallen > LEAST_FALL * self.smoothed[0] else None

    @property
    def sentence(self) -> str:
        """What was found, by which rule, on which images."""
        ended = f"exploded at {self.rates[-1]:.2g}" if self.exploded else f"did not explode up to {self.rates[-1]:.2g}"
        on = f"on {len(self.rates)} batches of {self.batch_size} of the {self.images:,} training images"
        if self.suggestion is None:
            return f"no learning rate suggested: the smoothed loss hardly falls, and {ended}; {on}"
        return (
            f"suggested learning rate {self.suggestion:.2g}: a tenth of {self.rates[self.lowest]:.2g}, where the "
            f"smoothed loss is least; it {ended}; {on}"
        )

    def plot(self) -> Any:
        """A Matplotlib figure of the losses, with the suggestion."""
        # Figures are made from results: their room, above this one, is loaded when it is first wanted.
        return import_module("handgrad.figures.of_run").figure_of("lr_find", self)


@dataclass(frozen=True)
class _Rising(Schedule):
    """From `lowest` to `highest` by the same factor at each of `steps`."""

    lowest: float = LOWEST
    highest: float = HIGHEST
    steps: int = STEPS

    def factors(self, steps: Array, total: int) -> Array:
        return np.geomspace(self.lowest, self.highest, self.steps)[np.minimum(steps.astype(int), self.steps - 1)]


class _Stop(Callback):
    """Ends the search after `steps` steps, or where the smoothed loss explodes."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        history = np.array(trainer.history.losses)
        if len(history) >= self.steps or _end(_smoothed(history)) < len(history):
            trainer.stop("enough")


def lr_find(
    network: Network,
    data: Any,
    labels: Any = None,
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    steps: int = STEPS,
    engine: type[Trainer] = Trainer,
    settings: Settings | None = None,
    **changes: Any,
) -> RateSearch:
    """A learning rate to start from: train a copy of `network`, each step at a higher rate, until the loss explodes.

    `data`, `labels` and `changes` are as for `fit`, or the latter given whole as `settings`. `network` itself stays as
    it is, a tenth of the images is held out as `fit` does, and no test image is used. The result has the `suggestion`;
    `plot()` draws the losses.

    Raises  UsageError when the rates, the number of steps, settings or data make no sense.
    Ref     Smith (2015), No more pesky learning rate guessing games; here the rate rises exponentially
    """
    check_search(lowest, highest, steps)
    settings, network = settings or read_settings(changes), copy.deepcopy(network)
    parts = read_parts(network, data, labels, None, VALIDATION, None, settings.seed)
    find_range(network, parts.x)
    learning_rate = settings.optimizer.learning_rate
    rising = _Rising(lowest=lowest / learning_rate, highest=highest / learning_rate, steps=steps)
    rows, epochs = parts.train_rows, -(-steps // max(1, len(parts.train_rows) // settings.batch_size))
    off: dict[str, Any] = {"patience": 0, "keep": "last", "time_limit": 0.0, "evaluate_every": 0, "epochs": epochs}
    settings = replace(settings, schedule=rising, **off)
    trainer = engine(network, replace(parts, validation_rows=rows[:0]), settings, [_Stop(steps)])
    try:
        losses = np.array(trainer.run().losses[:steps])
    except DivergedError:
        losses = np.array(trainer.history.losses[:steps])
    losses = losses[np.cumsum(~np.isfinite(losses)) == 0]
    if not len(losses):
        raise UsageError(f"the first loss is not finite, at a learning rate of {lowest:g}: lower lowest")
    smoothed = _smoothed(losses)
    end = _end(smoothed)
    rates = np.geomspace(lowest, highest, steps)[:end]
    return RateSearch(rates, losses[:end], smoothed[:end], end < steps, len(rows), settings.batch_size)


def check_search(lowest: float, highest: float, steps: int) -> None:
    """Raises  UsageError when rates or steps make no sense."""
    numbers = all(isinstance(each, Real) for each in (lowest, highest))
    if not numbers or not 0 < lowest < highest < np.inf:
        raise UsageError(f"the lowest learning rate must be positive and below the highest, got {lowest}, {highest}")
    if not isinstance(steps, Integral) or steps < LEAST_STEPS:
        raise UsageError(f"steps must be a whole number, {LEAST_STEPS} at least, got {steps!r}")


def _smoothed(losses: Array) -> Array:
    """Math  m[t] = MEMORY m[t-1] + (1 - MEMORY) loss[t];  smoothed[t] = m[t] / (1 - MEMORY^t), t from 1"""
    average, found = 0.0, np.empty(len(losses))
    for step, loss in enumerate(losses, 1):
        average = MEMORY * average + (1 - MEMORY) * loss
        found[step - 1] = average / (1 - MEMORY**step)
    return found


def _end(smoothed: Array) -> int:
    """How many steps there are up to the first at which the smoothed loss has exploded."""
    with np.errstate(invalid="ignore", over="ignore"):
        exploded = ~(smoothed <= EXPLODED * np.minimum.accumulate(smoothed))
    return int(exploded.argmax()) + 1 if exploded.any() else len(smoothed)
