"""How kernels are compiled: the two floating-point policies, and calls through addresses.

A kernel is a Numba function. The step driver does not know kernels by name: a network is a table of *addresses*,
and one compiled driver calls through them. So a new layer or optimizer, also one written outside the package, is
compiled alone and the driver not at all.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from numba import njit, types
from numba.core.typing import Signature
from numba.extending import intrinsic

from handgrad.kernels.cache import KernelCache

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


def _compiled(function: Any, policy: dict[str, Any]) -> Any:
    dispatcher = njit(**policy)(function)
    if dispatcher is function:  # NUMBA_DISABLE_JIT: it stays Python
        return function
    template = dispatcher.get_call_template  # a constant in a call is a number like others, not a kernel of its own
    dispatcher.get_call_template = lambda args, kws: template([types.unliteral(each) for each in args], kws)
    if os.path.isfile(function.__code__.co_filename):  # a kernel typed into a notebook has no file to key a cache on
        dispatcher._cache = KernelCache(function, policy)
    return dispatcher


def strict_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` with the STRICT policy and the package's cache."""
    return _compiled(function, STRICT)


def fast_kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` with the FAST policy and the package's cache."""
    return _compiled(function, FAST)


def inline_kernel(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels, with the FAST policy, into each of its callers: see INLINE."""
    return _compiled(function, INLINE)


def address(kernel: Any, signature: Signature) -> int:
    """Machine address of `kernel` compiled for `signature`, to be called by a `caller` of the same signature."""
    compiled = kernel.get_compile_result(signature)
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
