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

    Why: NumPy aligns to 16 bytes, and vector loads that straddle cache lines are slower. A step walks through
    megabytes, some of them column by column: in huge pages, workloads C and E of the benchmark take a sixth less time.
    """
    bytes_ = size * np.dtype(dtype).itemsize
    room = _huge(bytes_) if bytes_ >= LARGE_BYTES else np.zeros(bytes_ + CACHE_LINE_BYTES, np.uint8)
    start = -room.ctypes.data % CACHE_LINE_BYTES
    return room[start : start + bytes_].view(dtype)


def _huge(bytes_: int) -> NDArray[np.uint8]:
    """At least so many bytes in huge pages, beginning at another place within its page than the vectors before."""
    _handed_out[0] += 1
    offset = _handed_out[0] % 64 * STAGGER_BYTES
    region = _private(bytes_ + offset + HUGE_PAGE_BYTES)
    room = np.frombuffer(region, np.uint8)
    start = -room.ctypes.data % HUGE_PAGE_BYTES + offset
    return room[start : start + bytes_]


def _private(bytes_: int) -> mmap.mmap:
    """Memory of this process alone: what processes could share is, on most systems, never put into huge pages."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return mmap.mmap(-1, bytes_)
    region = mmap.mmap(-1, bytes_, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    region.madvise(mmap.MADV_HUGEPAGE)
    return region
