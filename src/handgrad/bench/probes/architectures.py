"""Twenty architectures in one process: how long each takes from its description to the end of its first step."""

import time
from statistics import median

import numpy as np

from handgrad.data import Split
from handgrad.nn import ACTIVATIONS, Dense, Layer, Network
from handgrad.training import Settings, Trainer

COUNT = 20
PIXELS = 28


def run() -> dict[str, float]:
    """Milliseconds of the first, which loads all there is, the 2nd, the 20th, and the median of the 3rd and later."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (64, PIXELS, PIXELS), np.uint8)
    labels = generator.integers(0, 10, 64)
    times = [1000 * first_step(index, images, labels) for index in range(COUNT)]
    return {"first_ms": times[0], "second_ms": times[1], "last_ms": times[-1], "median_ms": median(times[2:])}


def first_step(index: int, images: np.ndarray, labels: np.ndarray) -> float:
    """Seconds for architecture number `index`: no two share their depth, widths, activation and batch."""
    begin = time.perf_counter()
    network = Network(architecture(index), images.shape[1:])
    batch = 16 + 2 * index
    split = Split(images, labels, np.arange(batch), np.arange(0))
    Trainer(network, split, Settings(epochs=1, batch_size=batch)).run()
    return time.perf_counter() - begin


def architecture(index: int) -> list[Layer]:
    """One to five hidden layers of their own widths, with one of the activations after each."""
    activation = list(ACTIVATIONS.values())[index % len(ACTIVATIONS)]
    hidden = [layer for depth in range(1 + index % 5) for layer in (Dense(32 + 4 * index + depth), activation())]
    return [*hidden, Dense(10)]
