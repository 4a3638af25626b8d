"""A network and an optimizer as the compiled driver sees them: tables of addresses and flat vectors."""

from typing import Any, NamedTuple

import numpy as np

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
        )
    ]
)


class Program(NamedTuple):
    """A network laid out for batches of at most so many rows; arrays of `real` are float32 or float64."""

    table: Any  # (operations,) of OPERATION
    shapes: Any  # int64
    settings: Any  # real
    parameters: Any  # real, with `gradients` of the same size
    gradients: Any
    buffers: Any  # real
    activations: Any  # real: the input, then every layer's output; `dactivations` is laid out alike
    dactivations: Any
    saved: Any  # real
    first: int  # the first operation with parameters: gradients are not needed below it
    loss: int  # address
    loss_settings: Any  # real


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
    order: Any  # int64: rows of `images`
    size: int  # rows a batch; the last one of an epoch may be smaller
    scale: Any  # real: a pixel enters the network as scale * pixel + shift
    shift: Any
    key: Any  # uint64: of all random numbers in training
    augmentation: Any  # float64: see kernels.augment; empty when off
