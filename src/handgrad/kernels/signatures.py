"""The shapes of call that the step driver knows: every kernel of a layer, a loss or an optimizer has one of these.

forward   (x, y, parameters, buffers, saved, shape, settings, key, training)
backward  (dy, dx, x, y, parameters, dparameters, saved, shape, settings)
loss      (logits, labels, dlogits, settings) -> float64
prepare   (coefficients, memory, hyper, step, learning_rate, loss)
update    (w, dw, state1, state2, state3, coefficients)

Shapes    x, dx (N * inputs,); y, dy (N * outputs,): flat, row-major, one row per image; `real` is float32 or float64
          parameters, dparameters: the layer's own slice; buffers: what it keeps between steps without a gradient
          saved: what its forward pass leaves for its backward pass; shape int64, settings real: from its description
          key uint64: of this layer and step, for random numbers; dx is empty when nobody needs it
          logits, dlogits (N, K); labels (N,) int64
          coefficients real: computed once a step by `prepare` for `update`, which runs block by block
          memory, hyper float64: an optimizer's scalar state and its hyper-parameters
"""

from typing import Any

import numpy as np
from numba import from_dtype, types

from handgrad.kernels.compile import address, caller


def _vector(item: Any) -> Any:
    return types.Array(item, 1, "C")


def _forward(real: Any) -> list[Any]:
    return [_vector(real)] * 5 + [_vector(types.int64), _vector(real), types.uint64, types.boolean]


def _backward(real: Any) -> list[Any]:
    return [_vector(real)] * 7 + [_vector(types.int64), _vector(real)]


def _loss(real: Any) -> list[Any]:
    matrix = types.Array(real, 2, "C")
    return [matrix, _vector(types.int64), matrix, _vector(real)]


def _prepare(real: Any) -> list[Any]:
    scalars = _vector(types.float64)
    return [_vector(real), scalars, scalars, types.int64, types.float64, types.float64]


def _update(real: Any) -> list[Any]:
    return [_vector(real)] * 6


SIGNATURES = {
    "forward": (types.void, _forward),
    "backward": (types.void, _backward),
    "loss": (types.float64, _loss),
    "prepare": (types.void, _prepare),
    "update": (types.void, _update),
}

call_forward = caller(*SIGNATURES["forward"])
call_backward = caller(*SIGNATURES["backward"])
call_loss = caller(*SIGNATURES["loss"])
call_prepare = caller(*SIGNATURES["prepare"])
call_update = caller(*SIGNATURES["update"])


def kernel_address(kernel: Any, role: str, dtype: str) -> int:
    """Address of `kernel` compiled for `dtype` ("float32" or "float64") in the `role` of one signature above.

    Raises  numba.core.errors.TypingError when the kernel does not accept that signature.
    """
    returns, arguments = SIGNATURES[role]
    return address(kernel, returns(*arguments(from_dtype(np.dtype(dtype)))))
