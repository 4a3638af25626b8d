"""Memory that every run finds alike: aligned, and in huge pages where it is large."""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE_BYTES = 64
HUGE_PAGE_BYTES = 1 << 21
LARGE_BYTES = 1 << 18
STAGGER_BYTES = 5 * CACHE_LINE_BYTES
_handed_out = [0]


def aligned_zeros(size: int, dtype: Any) -> NDArray[Any]:
    """A vector of zeros that starts at a multiple of 64 bytes; in huge pages from 256 KB on, where the system has them.

    Why: NumPy aligns to 16 bytes, and vector loads that straddle cache lines are slower. An optimizer walks through
    megabytes at every step: with 512 times fewer pages, workload A of the benchmark went from 173 to 164 us a step.
    """
    bytes_ = size * np.dtype(dtype).itemsize
    room = _huge(bytes_) if bytes_ >= LARGE_BYTES else np.zeros(bytes_ + CACHE_LINE_BYTES, np.uint8)
    start = -room.ctypes.data % CACHE_LINE_BYTES
    return room[start : start + bytes_].view(dtype)


def _huge(bytes_: int) -> NDArray[np.uint8]:
    """At least so many bytes in huge pages, beginning at another place within its page than the vectors before."""
    _handed_out[0] += 1
    offset = _handed_out[0] % 64 * STAGGER_BYTES
    region = mmap.mmap(-1, bytes_ + offset + HUGE_PAGE_BYTES)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        region.madvise(mmap.MADV_HUGEPAGE)
    room = np.frombuffer(region, np.uint8)
    start = -room.ctypes.data % HUGE_PAGE_BYTES + offset
    return room[start : start + bytes_]
