"""What one core can do: the best matrix product there is, and a stream through arrays of a given size."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from handgrad.errors import UsageError
from handgrad.kernels import blas
from handgrad.kernels.compile import fast_kernel

SIZE = 1024
REPEATS = 7
SECONDS = 0.05  # a triad is repeated for about so long before it counts once


@fast_kernel
def triad(a: Any, b: Any, c: Any, scale: Any, times: Any) -> None:
    """a = b + scale c, over and over.  Ref  McCalpin, STREAM (1995)"""
    for _ in range(times):
        for i in range(a.size):
            a[i] = b[i] + scale * c[i]


def run(array_bytes: Sequence[int] = ()) -> dict[str, Any]:
    """Peak of sgemm in flop/s by library, and bytes/s of triads whose three arrays take so many bytes together."""
    return {"sgemm_flops": sgemm(), "stream_bytes": {str(size): stream(size) for size in array_bytes}}


def sgemm() -> dict[str, float]:
    """Multiply square matrices with each of handgrad's libraries that is there, and with NumPy's."""
    generator = np.random.default_rng(0)
    a, b = (generator.random((SIZE, SIZE), np.float32) for _ in range(2))
    c = np.empty_like(a)
    found = {"numpy": 2 * SIZE**3 / _shortest(lambda: np.matmul(a, b, out=c))}
    for library in blas.LIBRARIES:
        try:
            blas.use(library)
        except UsageError:
            continue
        found[library] = 2 * SIZE**3 / _shortest(lambda: blas.matmul(a, b, c))
    return found


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
