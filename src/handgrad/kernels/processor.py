"""The processor: what kernels are compiled for, its floating-point control word, and bits of numbers.

HANDGRAD_VECTOR_WIDTH=256 compiles for a processor like this one without AVX-512, as most laptops are: vectors of 256
bits, 16 registers for them, and no instruction that AVX-512 brought. 512 insists on it; auto, the default, takes the
widest. Products of matrices have the same bits in either width, as each element is a sum in the order of the inner
dimension; sums that LLVM vectorises (biases, norms, batch statistics) add their terms in another order.
"""

import os
import platform
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from handgrad.errors import UsageError

WIDTH_VARIABLE = "HANDGRAD_VECTOR_WIDTH"
AVX512_PREFIXES = ("avx512", "avx10", "amx", "evex512")  # beginnings of the features that need registers of 512 bits


def _target_features(width: str) -> set[str]:
    """What Numba compiles for, after the wanted `width` is set.

    Raises  UsageError when that is no width, wider than the processor's vectors, or comes too late.
    """
    if width not in ("auto", "256", "512"):
        raise UsageError(f"{WIDTH_VARIABLE} must be 256, 512 or auto, got {width!r}")
    if width == "256":
        words = (config.CPU_FEATURES or get_host_cpu_features()).split(",")
        os.environ["NUMBA_CPU_FEATURES"] = ",".join(
            "-" + w[1:] if w[1:].startswith(AVX512_PREFIXES) else w for w in words
        )
        config.reload_config()
    features = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    found = {word[1:] for word in features if word.startswith("+")}
    if width == "256" and "avx512f" in found:
        raise UsageError(
            f"{WIDTH_VARIABLE} is 256, but Numba compiles for 512 already: import handgrad before you compile"
        )
    if width == "512" and "avx512f" not in found:
        raise UsageError(f"{WIDTH_VARIABLE} must be 256 or auto on this processor, which has no AVX-512, got 512")
    return found


FEATURES = _target_features(os.environ.get(WIDTH_VARIABLE) or "auto")
NAME = binding.get_host_cpu_name()
MACHINE = platform.machine().lower()
X86_FTZ_AND_DAZ = 0x8040  # MXCSR: flush-to-zero (bit 15) and denormals-are-zero (bit 6)
ARM_FZ = 1 << 24  # FPCR: flush-to-zero


@intrinsic
def flush_denormals(typing_context: Any) -> Any:
    """Treat denormal numbers as zero in the calling thread; returns the control word to hand to `restore`.

    Why: Adam's moments of pixels that are always black decay into denormals, on which x86 arithmetic is 100 times
    slower; a whole training step becomes 3-4 times slower. Does nothing on processors other than x86-64 and ARM64.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if MACHINE in ("x86_64", "amd64"):
            word = _x86_read(builder)
            _x86_write(builder, builder.or_(word, ir.Constant(ir.IntType(32), X86_FTZ_AND_DAZ)))
            return builder.zext(word, ir.IntType(64))
        if MACHINE in ("aarch64", "arm64"):
            i64 = ir.IntType(64)
            read = _declare(builder, ir.FunctionType(i64, []), "llvm.aarch64.get.fpcr")
            write = _declare(builder, ir.FunctionType(ir.VoidType(), [i64]), "llvm.aarch64.set.fpcr")
            word = builder.call(read, [])
            builder.call(write, [builder.or_(word, ir.Constant(i64, ARM_FZ))])
            return word
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(), generate


@intrinsic
def restore(typing_context: Any, word: Any) -> Any:
    """Put back the control word that `flush_denormals` returned, so that the caller's arithmetic is as it was."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if MACHINE in ("x86_64", "amd64"):
            _x86_write(builder, builder.trunc(values[0], ir.IntType(32)))
        elif MACHINE in ("aarch64", "arm64"):
            write = _declare(builder, ir.FunctionType(ir.VoidType(), [ir.IntType(64)]), "llvm.aarch64.set.fpcr")
            builder.call(write, [values[0]])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of `array`'s element number `index` (flat, not checked) ahead of its use."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = _declare(builder, ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32]), "llvm.prefetch.p0")
        where = builder.bitcast(builder.gep(data, [values[1]]), byte)
        builder.call(function, [where, *(ir.Constant(i32, n) for n in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


def _declare(builder: Any, function_type: Any, name: str) -> Any:
    return cgutils.get_or_insert_function(builder.module, function_type, name)


def _x86_slot(builder: Any) -> tuple[Any, Any]:
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    return slot, builder.bitcast(slot, ir.IntType(8).as_pointer())


def _x86_read(builder: Any) -> Any:
    slot, pointer = _x86_slot(builder)
    store = _declare(builder, ir.FunctionType(ir.VoidType(), [pointer.type]), "llvm.x86.sse.stmxcsr")
    builder.call(store, [pointer])
    return builder.load(slot)


def _x86_write(builder: Any, word: Any) -> None:
    slot, pointer = _x86_slot(builder)
    builder.store(word, slot)
    load = _declare(builder, ir.FunctionType(ir.VoidType(), [pointer.type]), "llvm.x86.sse.ldmxcsr")
    builder.call(load, [pointer])
