"""handgrad in a race: its Trainer, measuring the test set after each epoch."""

import numpy as np

from handgrad.bench.contenders.hand import fill, layers_of, optimizer_of
from handgrad.bench.racers import Entry
from handgrad.data import Split
from handgrad.nn import Network
from handgrad.optim import SCHEDULES, Links
from handgrad.training import Augmentation, Epoch, Observer, Settings, Trainer


class Laps(Observer):
    """Stops the training when the goal is reached."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry

    def epoch_ended(self, trainer: Trainer, epoch: Epoch) -> None:
        """One lap."""
        if self.entry.lap(epoch.test_accuracy):
            trainer.stop("goal")


def race(entry: Entry) -> None:
    """Train on all training images until the goal or the last epoch."""
    goal, data = entry.goal, entry.data
    network = Network(layers_of(goal.layers), data.image_shape, seed=entry.seed)
    fill(network, entry.weights)
    settings = Settings(
        optimizer=optimizer_of(goal.rule),
        schedule=SCHEDULES[goal.schedule](),
        links=Links(weight_decay=goal.rule.weight_decay),
        augmentation=Augmentation(shift=goal.shift),
        epochs=goal.epochs,
        batch_size=goal.batch,
        seed=entry.seed,
        keep="last",
    )
    split = Split(data.x_train, data.y_train, np.arange(len(data.x_train)), np.arange(0))
    Trainer(network, split, settings, (Laps(entry),), (data.x_test, data.y_test)).run()
