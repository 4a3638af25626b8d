"""How soon a process makes its first training step: Python's start, imports, data and kernels included."""

import time
from typing import Any

from handgrad.data import load, split
from handgrad.nn import Dense, Network, ReLU
from handgrad.optim import Adam
from handgrad.training import Observer, Settings, Trainer


class UntilFirstStep(Observer):
    """Notes the time of the first step and stops the training."""

    def __init__(self) -> None:
        self.time = 0.0

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """The first compiled call makes one step."""
        self.time = time.monotonic()
        trainer.stop("first step")


def run(start: float, dataset: str = "fashion_mnist") -> dict[str, float]:
    """Seconds from `start` (time.monotonic, read before this process was started) to the first step of workload B."""
    imported = time.monotonic()
    data = load(dataset)
    parts = split(data, 0.1, 0)
    loaded = time.monotonic()
    layers = [layer for _ in range(3) for layer in (Dense(32), ReLU())]
    network = Network([*layers, Dense(10)], data.image_shape)
    until = UntilFirstStep()
    Trainer(network, parts, Settings(optimizer=Adam(1e-3), epochs=1, batch_size=16), (until,)).run()
    return {"seconds": until.time - start, "imported_seconds": imported - start, "loaded_seconds": loaded - start}
