"""Early termination as W&B's sweeps have it: at certain epochs, only the best go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from handgrad.errors import UsageError


@dataclass(frozen=True)
class Hyperband:
    """At each band only the best 1/eta of the runs that reached it go on.

    Math    bands are floor(max_iter / eta^k), k = 1 to s, those of at least 1; or floor(min_iter eta^k), k = 0, 1, ...
    `strict` compares the value of the band's own epoch; else a run is judged by its best one up to there.
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
            raise UsageError(f"has no bands: max_iter {self.max_iter} / eta {self.eta:g} is below 1. Raise max_iter")

    def bands(self, epochs: int) -> list[int]:
        """The epochs after which a run of `epochs` may be stopped, upwards: those before its last."""
        if self.max_iter is not None:
            found = [int(self.max_iter / self.eta**k) for k in range(1, (self.s or 0) + 1)]
        else:
            found, band = [], float(self.min_iter or 1)
            while band < epochs:
                found.append(int(band))
                band *= self.eta
        return sorted({band for band in found if 1 <= band < epochs})

    def threshold(self, objectives: Sequence[float]) -> float:
        """What a run must not exceed at a band: the value at rank 1/eta of those that reached it, less being better."""
        return sorted(objectives)[int(len(objectives) / self.eta)]

    def judged(self, objectives: Sequence[float], band: int) -> float:
        """What counts of a run's objectives, epoch by epoch, at a band."""
        return objectives[band - 1] if self.strict else min(objectives[:band])
