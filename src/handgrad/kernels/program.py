"""A network and an optimizer as the compiled driver sees them: tables of addresses, and flat vectors in aligned memory.

Every kernel of a layer, a loss or an optimizer has one of these signatures:

forward   (x, y, parameters, buffers, saved, shape, settings, key, training)
backward  (dy, dx, x, y, parameters, dparameters, saved, shape, settings)
both, where several threads may share them: one more, (part, parts), of which each computes what no other one does
loss      (logits, labels, dlogits, settings) -> float64
prepare   (coefficients, memory, hyper, step, learning_rate, loss)
update    (w, dw, state1, state2, state3, coefficients)
augment   (x, rows, settings, scale, shift, key)

Shapes    x, dx (N * inputs,); y, dy (N * outputs,): flat, row-major, one row per image; `real` is float32 or float64
          parameters, dparameters: the layer's own slice; buffers: what it keeps between steps without a gradient
          saved: what its forward pass leaves for its backward pass; shape int64, settings real: from its description
          key uint64: of this layer and step, for random numbers; dx is empty when nobody needs it
          logits, dlogits (N, K); labels (N,) int64
          coefficients real: computed once a step by `prepare` for `update`, which runs block by block
          memory, hyper float64: an optimizer's scalar state and its hyper-parameters
"""

import mmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handgrad.kernels.compile import inline_kernel

CACHE_LINE_BYTES = 64
OPERATION = np.dtype(
    [
        (name, np.int64)
        for name in (
            "forward",  # addresses of the two kernels
            "backward",
            "x_start",  # where its input and output start in `activations`, and their sizes for one image
            "x_size",
            "y_start",
            "y_size",
            "dx_start",  # where the gradients by them are in `dactivations`; `dx_size` is 0 where nobody needs one
            "dx_size",
            "dy_start",
            "parameter_start",  # its slices of the flat vectors
            "parameter_size",
            "buffer_start",
            "buffer_size",
            "saved_start",
            "saved_size",
            "shape_start",
            "shape_size",
            "setting_start",
            "setting_size",
            "stream",  # its own stream of random numbers
            "split",  # WHOLE, NUMBERS, SHARES: how threads share it; its kernels of SHARES take a part and parts
            "parts",  # in how many it may be cut so that each still pays
        )
    ]
)
WHOLE, NUMBERS, SHARES = range(3)
HUGE_PAGE_BYTES = 1 << 21
LARGE_BYTES = 1 << 18
STAGGER_BYTES = 5 * CACHE_LINE_BYTES
_handed_out = [0]


class Program(NamedTuple):
    """A network laid out for batches of at most so many rows; arrays of `real` are float32 or float64."""

    table: Any  # (operations,) of OPERATION
    shapes: Any  # int64
    settings: Any  # real
    parameters: Any  # real, with `gradients` of the same size
    gradients: Any
    buffers: Any  # real
    activations: Any  # real: the input, then every layer's output
    dactivations: Any  # real: the gradients by them
    saved: Any  # real
    first: int  # the first operation with parameters: gradients are not needed below it
    loss: int  # address
    loss_settings: Any  # real
    team: Any  # the Team of threads that compute it


class Optimization(NamedTuple):
    """An optimizer and the transforms before it, laid out for one network."""

    prepare: int  # addresses
    update: int
    hyper: Any  # float64: the optimizer's hyper-parameters, constant
    memory: Any  # float64: its scalar state
    coefficients: Any  # real
    states: Any  # real (3 * parameters or fewer,): its state vectors one after another
    vectors: int  # how many of them there are
    segments: Any  # int64 (S, 3): start, stop, and whether penalties apply there
    transforms: Any  # float64 (4,): clip_norm (0: off), l1, l2, decoupled decay


class Batches(NamedTuple):
    """Training images in the order of an epoch."""

    images: Any  # (N, D) uint8 or real
    labels: Any  # (N,) int64
    weights: Any  # float64 (N,): how much each image counts in training, or (0,) where all count alike
    order: Any  # int64: rows of `images`
    size: int  # rows a batch; the last one of an epoch may be smaller
    scale: Any  # real (channels,) or (1,): a pixel enters the network as scale * pixel + shift
    shift: Any
    key: Any  # uint64: of all random numbers in training
    augmentation: Any  # float64: see kernels.augment; empty when off
    augment: int = 0  # address of what augments; 0 when off


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


@inline_kernel
def share(size, unit, part, parts):
    """(first, last) of what a part has of `size` numbers, in whole units but for the last: about as much as others."""
    units = -(-size // unit)
    return min(size, units * part // parts * unit), min(size, units * (part + 1) // parts * unit)
