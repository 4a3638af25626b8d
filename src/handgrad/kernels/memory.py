"""Memory that every run finds aligned alike."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CACHE_LINE_BYTES = 64


def aligned_zeros(size: int, dtype: Any) -> NDArray[Any]:
    """A vector of zeros that starts at a multiple of 64 bytes.

    Why: NumPy aligns to 16 bytes at an address that changes from process to process. MKL promises the same bits from
    run to run for arrays aligned to 64 bytes only, and vector loads that straddle cache lines are slower.
    Ref     Intel oneMKL developer guide, Obtaining numerically reproducible results
    """
    itemsize = np.dtype(dtype).itemsize
    room = np.zeros(size * itemsize + CACHE_LINE_BYTES, np.uint8)
    start = -room.ctypes.data % CACHE_LINE_BYTES
    return room[start : start + size * itemsize].view(dtype)
