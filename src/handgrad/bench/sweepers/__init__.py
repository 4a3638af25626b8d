"""Who sweeps: the same configurations on the same images; a module is imported in the sweeper's own process only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """Where a sweeper's `sweep(job)` is, the name by which `--peers` asks for it, and the packages it needs."""

    module: str
    peer: str = ""
    packages: tuple[str, ...] = ()


SWEEPERS = {
    "handgrad": Entry("handgrad.bench.sweepers.hand"),
    "optuna": Entry("handgrad.bench.sweepers.optuna_torch", "optuna", ("optuna", "torch")),
    "ray": Entry("handgrad.bench.sweepers.ray_torch", "ray", ("ray", "pandas", "pyarrow", "torch")),
}

INSTALL = {"optuna": "optuna torch", "ray": "'ray[tune]' torch"}


@dataclass(frozen=True)
class Job:
    """What a sweeper is given: so many `slots` at once, an empty folder, and the sweep twice over.

    handgrad draws the configurations itself, from its own `definition` and `base`. The others are given them in its
    order, as `trials` in words of PyTorch (see `torch_trial.train`), and the `images`, a folder of arrays.
    """

    slots: int
    folder: Path
    definition: dict[str, Any]
    base: dict[str, Any]
    trials: list[dict[str, Any]]
    images: Path


class Swept(NamedTuple):
    """A trial: its place in the order, validation accuracy after each epoch, and from the end of its first step until
    it was over, in seconds since 1970."""

    number: int
    accuracies: list[float]
    stepped: float
    over: float
