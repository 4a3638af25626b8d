"""What Python costs between two steps: the wall time of a training less that inside its compiled calls."""

import time

import numpy as np

from handgrad.bench.contenders.contender import Task, initial_weights
from handgrad.bench.contenders.hand import Hand
from handgrad.bench.workloads import IMAGES, WORKLOADS
from handgrad.data import load
from handgrad.training import Epoch, Observer, Trainer

WORKLOAD, EPOCHS = "B", 3


class Readings(Observer):
    """At each epoch's end: the clock, and the seconds spent in compiled calls so far."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float]] = []

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """One more row."""
        self.rows.append((time.perf_counter(), trainer.seconds))


def run(dataset: str = "", images: int = IMAGES) -> dict[str, float]:
    """Microseconds a step, over all epochs but the first, in which everything is set up."""
    workload = WORKLOADS[WORKLOAD]
    data = load(dataset or workload.dataset)
    images = min(images, len(data.x_train)) // workload.batch * workload.batch
    weights = initial_weights(workload.layers, data.image_shape, 0)
    trainer = Hand(Task(workload, data.x_train[:images], data.y_train[:images], weights)).trainer(EPOCHS)
    readings = Readings()
    trainer.observers = (readings,)
    trainer.run()
    wall, compiled = np.subtract(readings.rows[-1], readings.rows[0])
    steps = (EPOCHS - 1) * trainer.steps_per_epoch
    return {"python_us": 1e6 * (wall - compiled) / steps, "step_us": 1e6 * wall / steps}
