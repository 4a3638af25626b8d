"""How Numba compiles kernels: the two floating-point policies, and calls through addresses.

A kernel is a Numba function. The step driver does not know kernels by name: a network is a table of *addresses*,
and one compiled driver calls through them. So a new layer or optimizer, also one written outside the package, is
compiled alone and the driver not at all.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import from_dtype, njit, types
from numba.core.registry import cpu_target
from numba.core.targetconfig import ConfigStack
from numba.core.typing import Signature
from numba.extending import intrinsic, overload

from handgrad.kernels.cache import KernelCache
from handgrad.kernels.elementary import OVERLOADS

INHERITED = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
"""The caller's policy: a kernel that does not say otherwise takes it over, if it is compiled on that occasion."""

STRICT = INHERITED | {"fastmath": False}
"""IEEE arithmetic in the order written: for losses and wherever the last bit is compared."""

FAST = STRICT | {"fastmath": {"contract", "reassoc", "nsz", "arcp"}}
"""Sums may be reordered, multiply-adds fused. Never `nnan` or `ninf`: a NaN must reach the loss, where it is seen."""

INLINE = FAST | {"forceinline": True}
"""For parts of fast kernels. A function of its own would exist twice, compiled alone and within its caller's module,
where sums may be fused or ordered otherwise; which of the two is called differs between the process that compiled it
and one that found it in the cache, and so would the last bits."""


POLICIES = {"STRICT": STRICT, "FAST": FAST, "INLINE": INLINE}


class _PoliciesApart(dict[Any, Any]):
    """What Numba has compiled for operations such as `**`, one of them for each policy.

    Numba itself takes one for all of a process, compiled with the policy of the kernel that came first: bits would
    depend on which kernels had to be compiled and which were found in the cache.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((key, _policy()), default)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__((key, _policy()))

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((key, _policy()), compiled)


def _policy() -> str:
    flags = ConfigStack.top_or_none()
    return repr(flags.fastmath) if flags else ""


cpu_target.target_context.cached_internal_func = _PoliciesApart()
for function, implementation in OVERLOADS.items():
    overload(function, jit_options=INHERITED)(implementation)


def dispatcher_of(kernel: Any, **options: Any) -> Any:
    """Numba's dispatcher of a `compile.Kernel`, with the package's cache."""
    function, policy = kernel.py_func, POLICIES[kernel.policy] | options
    dispatcher = njit(**policy)(function)
    if dispatcher is function:  # NUMBA_DISABLE_JIT: it stays Python
        return function
    template = dispatcher.get_call_template  # a constant in a call is a number like others, not a kernel of its own
    dispatcher.get_call_template = lambda args, kws: template([types.unliteral(each) for each in args], kws)
    if os.path.isfile(function.__code__.co_filename):  # a kernel typed into a notebook has no file to key a cache on
        dispatcher._cache = KernelCache(function, policy, kernel.written)
    return dispatcher


def address(kernel: Any, signature: Signature) -> int:
    """Machine address of `kernel` compiled for `signature`, to be called by a `caller` of the same signature.

    A kernel from outside may be Numba's own dispatcher.
    """
    compiled = getattr(kernel, "inner", kernel).get_compile_result(signature)
    if compiled.signature.return_type != signature.return_type:
        raise TypeError(f"{kernel.__name__} must return {signature.return_type}, got {compiled.signature.return_type}")
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def caller(returns: Any, arguments: Callable[[Any], Sequence[Any]]) -> Any:
    """A compiled function `call(address, like, *args)` that calls a kernel through its address.

    `arguments(real)` lists the kernel's argument types for the float type of `like`, an array.
    """

    @intrinsic
    def call(typing_context: Any, target: Any, like: Any, *args: Any) -> Any:
        expected = list(arguments(like.dtype))
        kernel_signature = returns(*expected)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            function_type = context.call_conv.get_function_type(kernel_signature.return_type, kernel_signature.args)
            pointer = builder.inttoptr(values[0], function_type.as_pointer())
            sources = zip(signature.args[2], expected, strict=True)
            converted = [
                context.cast(builder, builder.extract_value(values[2], i), source, wanted)
                for i, (source, wanted) in enumerate(sources)
            ]
            status, result = context.call_conv.call_function(
                builder, pointer, kernel_signature.return_type, kernel_signature.args, converted
            )
            with builder.if_then(status.is_error, likely=False):
                context.call_conv.return_status_propagate(builder, status)
            return result

        return returns(types.int64, like, types.StarArgTuple(args)), generate

    return call


def _vector(item: Any) -> Any:
    return types.Array(item, 1, "C")


def _forward(real: Any) -> list[Any]:
    return [_vector(real)] * 5 + [_vector(types.int64), _vector(real), types.uint64, types.boolean]


def _backward(real: Any) -> list[Any]:
    return [_vector(real)] * 7 + [_vector(types.int64), _vector(real)]


def _loss(real: Any) -> list[Any]:
    matrix = types.Array(real, 2, "C")
    return [matrix, _vector(types.int64), matrix, _vector(real)]


SCALARS, PART = _vector(types.float64), types.UniTuple(types.int64, 2)
SIGNATURES = {
    "forward": (types.void, _forward),
    "backward": (types.void, _backward),
    "forward_share": (types.void, lambda real: [*_forward(real), PART]),
    "backward_share": (types.void, lambda real: [*_backward(real), PART]),
    "loss": (types.float64, _loss),
    "prepare": (types.void, lambda real: [_vector(real), SCALARS, SCALARS, types.int64, types.float64, types.float64]),
    "update": (types.void, lambda real: [_vector(real)] * 6),
    "augment": (types.void, lambda real: [_vector(real), types.int64, SCALARS, *[_vector(real)] * 2, types.uint64]),
}
call_forward = caller(*SIGNATURES["forward"])
call_backward = caller(*SIGNATURES["backward"])
call_forward_share = caller(*SIGNATURES["forward_share"])
call_backward_share = caller(*SIGNATURES["backward_share"])
call_loss = caller(*SIGNATURES["loss"])
call_prepare = caller(*SIGNATURES["prepare"])
call_update = caller(*SIGNATURES["update"])
call_augment = caller(*SIGNATURES["augment"])


def kernel_address(kernel: Any, role: str, dtype: str) -> int:
    """Address of `kernel` compiled for `dtype` ("float32" or "float64") in the `role` of one signature above.

    Raises  numba.core.errors.TypingError when the kernel does not accept that signature.
    """
    returns, arguments = SIGNATURES[role]
    return address(kernel, returns(*arguments(from_dtype(np.dtype(dtype)))))
