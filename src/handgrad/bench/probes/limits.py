"""What one core can do: the best matrix product there is, and a stream through arrays of a given size."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.kernels.compile import fast_kernel
from handgrad.kernels.matmul import matmul

SIZES = (128, 1024)  # in the second-level cache, and where a library's packing pays
REPEATS = 7
SECONDS = 0.05  # a triad is repeated for about so long before it counts once


@fast_kernel
def triad(a: Any, b: Any, c: Any, scale: Any, times: Any) -> None:
    """a = b + scale c, over and over.  Ref  McCalpin, STREAM (1995)"""
    for _ in range(times):
        for i in range(a.size):
            a[i] = b[i] + scale * c[i]


def run(array_bytes: Sequence[int] = ()) -> dict[str, Any]:
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
        "handgrad": _shortest(lambda: matmul(size, size, size, *flat)),
    }
    return {name: 2 * size**3 / least for name, least in seconds.items()}


def stream(array_bytes: int) -> float:
    """Bytes read and written a second; arrays that fit a cache stay in it, as an optimizer's do."""
    a, b, c = np.ones((3, max(array_bytes // 12, 1)), np.float32)
    triad(a, b, c, np.float32(0.5), 1)
    once = _shortest(lambda: triad(a, b, c, np.float32(0.5), 1))
    times = max(1, int(SECONDS / once))
    return 12 * a.size * times / _shortest(lambda: triad(a, b, c, np.float32(0.5), times))


def _shortest(work: Callable[[], Any]) -> float:
    seconds = []
    work()
    for _ in range(REPEATS):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
