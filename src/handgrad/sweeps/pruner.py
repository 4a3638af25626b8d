"""Early termination as W&B's sweeps have it: at certain epochs, only the best go on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handgrad.errors import UsageError


class Stop(NamedTuple):
    """Why a trial was stopped early: after epoch `rung` its `value` was worse than `threshold`, among `reached`."""

    rung: int
    threshold: float
    value: float
    reached: int


@dataclass(frozen=True)
class Hyperband:
    """At each rung only the best 1/eta of the runs that reached it go on.

    Math    rungs are floor(max_iter / eta^k), k = 1 to s, those of at least 1; or floor(min_iter eta^k), k = 0, 1, ...
    `strict` compares the value of the rung's own epoch; else that of its best epoch up to there counts.
    Ref     Li et al., Hyperband, JMLR 2018
    """

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3.0
    strict: bool = False

    def __post_init__(self) -> None:
        if self.eta <= 1:
            raise UsageError(f"eta must be above 1, got {self.eta:g}: 3 lets the best third go on")
        if self.max_iter is not None and self.max_iter < self.eta:
            raise UsageError(f"has no rungs: max_iter {self.max_iter} / eta {self.eta:g} is below 1. Raise max_iter")

    def rungs(self, epochs: int) -> list[int]:
        """The epochs after which a run of `epochs` may be stopped, upwards: those before its last."""
        if self.max_iter is not None:
            found = [int(self.max_iter / self.eta**k) for k in range(1, (self.s or 0) + 1)]
        else:
            found, rung = [], float(self.min_iter or 1)
            while rung < epochs:
                found.append(int(rung))
                rung *= self.eta
        return sorted({rung for rung in found if 1 <= rung < epochs})

    def threshold(self, objectives: Sequence[float]) -> float:
        """What a run must not exceed at a rung: the value at rank 1/eta of those that reached it, less being better."""
        return sorted(objectives)[int(len(objectives) / self.eta)]

    def objective_at(self, rung: int, objectives: Sequence[float]) -> float:
        """What counts of a run's objectives, epoch by epoch, at a rung."""
        return objectives[rung - 1] if self.strict else min(objectives[:rung])

    def prune(
        self, number: int, rung: int, epochs: Mapping[int, Mapping[int, float]], objective: Callable[[float], float]
    ) -> Stop | None:
        """The stop of trial `number` at a rung, if any; `epochs` are every trial's metric by epoch, by its number.

        `objective` is what is to be minimised, from the metric's value.
        """
        at_rung: dict[int, tuple[float, float]] = {}  # objective and metric of each trial that got there
        for each, values in epochs.items():
            reached = [values[epoch] for epoch in range(1, rung + 1) if epoch in values]
            if len(reached) == rung:
                least = self.objective_at(rung, [objective(value) for value in reached])
                at_rung[each] = least, next(value for value in reached if objective(value) == least)
        if number not in at_rung:
            return None
        threshold = self.threshold([least for least, _ in at_rung.values()])
        if at_rung[number][0] <= threshold:
            return None
        worst_passing = next(value for least, value in at_rung.values() if least == threshold)
        return Stop(rung, worst_passing, at_rung[number][1], len(at_rung))

    def reason(self, stop: Stop, metric: str) -> str:
        """In words, such as: after epoch 3, validation_accuracy 0.5 was worse than 0.6, the value at rank 1/3 of ..."""
        return (
            f"after epoch {stop.rung}, {metric} {stop.value:.4g} was worse than {stop.threshold:.4g}, "
            f"the value at rank 1/{self.eta:g} of the {stop.reached} trials that got there"
        )
