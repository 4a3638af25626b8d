"""How long a training would take."""

import time

from handgrad.training.trainer import Trainer

PROBE_SECONDS = 0.3


def estimate_seconds(trainer: Trainer) -> float:
    """Train a moment, measure validation once, and project; it changes the trainer's network, so throw that away."""
    trainer.seconds_for(1)  # loads what is compiled
    steps = 1
    while True:
        seconds = trainer.seconds_for(steps)
        if seconds >= PROBE_SECONDS or steps == trainer.steps_per_epoch:
            break
        steps = min(4 * steps, trainer.steps_per_epoch)
    begin = time.perf_counter()
    trainer.measure(trainer.split.x, trainer.split.y, trainer.split.validation_rows)
    evaluation = time.perf_counter() - begin
    return seconds / steps * trainer.total_steps + evaluation * trainer.settings.epochs
