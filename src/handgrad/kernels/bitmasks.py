"""Which of sixteen numbers are not zero, as the bits of an integer, and the numbers of the bits that are set."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from handgrad.kernels.blocks import I32, I64, splat
from handgrad.kernels.compile import inline_kernel
from handgrad.kernels.processor import FEATURES

BITS = 16


@intrinsic
def nonzero_bits(typing_context: Any, array: Any, start: Any, select: Any) -> Any:
    """Bit i of the result, for i = 0 to 15, is set where `array[start + i]`, flat, has a bit in common with `select`.

    The numbers are taken as the bits they are stored in: a `select` of all but the sign asks a float for being no zero.
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, values[0]).data
        number = ir.IntType(signature.args[0].dtype.bitwidth)
        vector = ir.VectorType(number, BITS)
        here = builder.load(builder.bitcast(builder.gep(data, [values[1]]), vector.as_pointer()), align=4)
        wanted = values[2] if number == I64 else builder.trunc(values[2], number)
        found = builder.and_(here, splat(builder, wanted, BITS))
        mask = builder.icmp_signed("!=", found, ir.Constant(vector, [0] * BITS))
        return builder.zext(builder.bitcast(mask, ir.IntType(BITS)), I64)

    return types.int64(array, types.int64, types.int64), generate


@intrinsic
def compress(typing_context: Any, bits: Any, base: Any, out: Any, count: Any) -> Any:
    """What `one_by_one` does, by one instruction of AVX-512."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector, mask = ir.VectorType(I32, BITS), ir.VectorType(ir.IntType(1), BITS)
        data = context.make_array(signature.args[2])(context, builder, values[2]).data
        numbers = splat(builder, builder.trunc(values[1], I32), BITS)
        numbers = builder.add(numbers, ir.Constant(vector, list(range(BITS))))
        chosen = builder.bitcast(builder.trunc(values[0], ir.IntType(BITS)), mask)
        kind, name = ir.FunctionType(vector, [vector, vector, mask]), "llvm.x86.avx512.mask.compress.v16i32"
        instruction = cgutils.get_or_insert_function(builder.module, kind, name)
        listed = builder.call(instruction, [numbers, ir.Constant(vector, [0] * BITS), chosen])
        builder.store(listed, builder.bitcast(builder.gep(data, [values[3]]), vector.as_pointer()), align=4)
        return builder.add(values[3], builder.ctpop(values[0]))

    return types.int64(types.int64, types.int64, out, types.int64), generate


@inline_kernel
def one_by_one(bits, base, out, count):
    """Write base + i to `out`, from `count` on, for each bit i of `bits` that is set; returns the new count.

    Shapes  out int32, with room for sixteen more: what lies beyond the result may be written to as well
    """
    for i in range(BITS):
        out[count] = base + i
        count += (bits >> i) & 1
    return count


list_bits = compress if "avx512f" in FEATURES else one_by_one
