"""Measurements of handgrad and of the processor besides the workloads; each returns numbers by name."""

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from handgrad import nn, optim
from handgrad.data import Split, load, split
from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.matmul import matmul
from handgrad.machine import peak_bytes
from handgrad.nn import ACTIVATIONS, Layer, Network
from handgrad.training import Callback, Settings, Trainer

ARCHITECTURES = 20
SIZES = (128, 1024)  # in the second-level cache, and where a library's packing pays
REPEATS = 7
SECONDS = 0.05  # a triad is repeated for about so long before it counts once


@fast_kernel
def triad(a: Any, b: Any, c: Any, scale: Any, times: Any) -> None:
    """a = b + scale c, over and over.  Ref  McCalpin, STREAM (1995)"""
    for _ in range(times):
        for i in range(a.size):
            a[i] = b[i] + scale * c[i]


def limits(array_bytes: Sequence[int] = ()) -> dict[str, Any]:
    """Peaks of single-precision matrix products in flop/s, and bytes/s of triads over so many bytes of arrays."""
    peaks = {f"{name} {size}": peak for size in SIZES for name, peak in sgemm(size).items()}
    return {"sgemm_flops": peaks, "stream_bytes": {str(size): stream(size) for size in array_bytes}}


def sgemm(size: int) -> dict[str, float]:
    """Multiply square matrices with handgrad's kernel and with the library that NumPy uses."""
    generator = np.random.default_rng(0)
    a, b = (generator.random((size, size), np.float32) for _ in range(2))
    c = np.empty_like(a)
    flat = a.ravel(), b.ravel(), c.ravel()
    seconds = {
        "numpy": _shortest(lambda: np.matmul(a, b, out=c)),
        "handgrad": _shortest(lambda: matmul(size, size, size, *flat, 0, size)),
    }
    return {name: 2 * size**3 / least for name, least in seconds.items()}


def stream(array_bytes: int) -> float:
    """Bytes read and written a second; arrays that fit a cache stay in it, as an optimizer's do."""
    a, b, c = np.ones((3, max(array_bytes // 12, 1)), np.float32)
    triad(a, b, c, np.float32(0.5), 1)
    once = _shortest(lambda: triad(a, b, c, np.float32(0.5), 1))
    times = max(1, int(SECONDS / once))
    return 12 * a.size * times / _shortest(lambda: triad(a, b, c, np.float32(0.5), times))


def _shortest(task: Callable[[], Any]) -> float:
    seconds = []
    task()
    for _ in range(REPEATS):
        begin = time.perf_counter()
        task()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def architectures() -> dict[str, float]:
    """Milliseconds of twenty architectures in one process, from a description to the end of the first step.

    Those of the first, which loads all there is, the 2nd, the 20th, and the median of the 3rd and later.
    """
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (64, 28, 28), np.uint8)
    labels = generator.integers(0, 10, 64)
    times = [1000 * architecture_seconds(index, images, labels) for index in range(ARCHITECTURES)]
    return {"first_ms": times[0], "second_ms": times[1], "last_ms": times[-1], "median_ms": median(times[2:])}


def architecture_seconds(index: int, images: np.ndarray, labels: np.ndarray) -> float:
    """Seconds for architecture number `index`: no two share their depth, widths, activation and batch."""
    begin = time.perf_counter()
    network = Network(architecture(index), images.shape[1:])
    batch = 16 + 2 * index
    parts = Split(images, labels, np.arange(batch), np.arange(0))
    Trainer(network, parts, Settings(epochs=1, batch_size=batch)).run()
    return time.perf_counter() - begin


def architecture(index: int) -> list[Layer]:
    """One to five hidden layers of their own widths, with one of the activations after each."""
    activation = list(ACTIVATIONS.values())[index % len(ACTIVATIONS)]
    hidden = [layer for depth in range(1 + index % 5) for layer in (nn.Dense(32 + 4 * index + depth), activation())]
    return [*hidden, nn.Dense(10)]


class UntilFirstStep(Callback):
    """Notes the time of the first step and stops the training."""

    def __init__(self) -> None:
        self.time = 0.0

    def stepped(self, trainer: Trainer, first: int, losses: Any, correct: Any, norms: dict[int, float]) -> None:
        """The first compiled call makes one step."""
        self.time = time.monotonic()
        trainer.stop("first step")


def first_step(start: float, dataset: str = "fashion_mnist") -> dict[str, float]:
    """Seconds from `start` (time.monotonic, read before this process was started) to the first step of workload B."""
    imported = time.monotonic()
    data = load(dataset)
    parts = split(data, 0.1, 0)
    loaded = time.monotonic()
    layers = [layer for _ in range(3) for layer in (nn.Dense(32), nn.ReLU())]
    network = Network([*layers, nn.Dense(10)], data.image_shape)
    until = UntilFirstStep()
    Trainer(network, parts, Settings(optimizer=optim.Adam(1e-3), epochs=1, batch_size=16), (until,)).run()
    return {"seconds": until.time - start, "imported_seconds": imported - start, "loaded_seconds": loaded - start}


def peak(dataset: str = "fashion_mnist") -> dict[str, int]:
    """Peak bytes of an ordinary training: one epoch with validation, test set and the network of workload A."""
    data = load(dataset)
    layers = [layer for _ in range(3) for layer in (nn.Dense(128), nn.Tanh())]
    network = Network([*layers, nn.Dense(10)], data.image_shape)
    settings = Settings(optimizer=optim.Adam(1e-4), epochs=1, batch_size=16)
    Trainer(network, split(data, 0.1, 0), settings, (), (data.x_test, data.y_test)).run()
    return {"peak_bytes": peak_bytes()}
