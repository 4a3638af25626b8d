"""Register blocks: the innermost loop of a matrix product, in LLVM's own vector instructions.

A block of `rows` x (`vectors` * lanes) numbers of the product stays in vector registers while the inner dimension
runs; each step loads a row of b once and multiplies it by `rows` numbers of a. LLVM's vectoriser does not find this by
itself: a plain loop over the columns loads and stores the product at every step, and reaches a third of the speed.

Ref     Goto & van de Geijn, Anatomy of high-performance matrix multiplication, ACM TOMS 34 (2008)
"""

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

I64, I32 = ir.IntType(64), ir.IntType(32)
FEATURES = llvm.get_host_cpu_features()
VECTOR_BYTES = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx") else 16
ROWS = 4 if VECTOR_BYTES == 32 else 8  # AVX has 16 registers, AVX-512 and NEON 32: 2 * ROWS of them hold the block


def block(rows: int, vectors: int, masked: bool = False) -> Any:
    """A compiled function (a, a_start, a_row, a_inner, b, b_start, b_inner, c, c_start, c_row, inner, columns).

    Math    c[i, j] = sum_k a[i, k] b[k, j] for i < rows, and j < vectors * lanes, or j < columns when `masked`;
            a[i, k] stands at a_start + i a_row + k a_inner, b[k, j] at b_start + k b_inner + j,
            c[i, j] at c_start + i c_row + j; inner, the number of k, is at least 1
    """

    @intrinsic
    def product(
        typing_context: Any, a: Any, a0: Any, ar: Any, ak: Any, b: Any, b0: Any, bk: Any, c: Any, c0: Any, *rest: Any
    ) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointers = [
                builder.gep(context.make_array(signature.args[i])(context, builder, values[i]).data, [values[i + 1]])
                for i in (0, 4, 7)
            ]
            tail = [builder.extract_value(values[9], i) for i in range(3)]
            real = context.get_value_type(signature.args[0].dtype)
            width = VECTOR_BYTES * 8 // signature.args[0].dtype.bitwidth
            loop = _Loop(builder, real, width, tail[2] if masked else None)
            loop.run(pointers, (values[2], values[3]), values[6], tail[0], tail[1], (rows, vectors))
            return context.get_dummy_value()

        i = types.int64
        return types.void(a, i, i, i, b, i, i, c, i, types.StarArgTuple((i, i, i))), generate

    return product


class _Loop:
    """Writes the loop over the inner dimension of one block; `columns` masks the only vector of a row."""

    def __init__(self, builder: Any, real: Any, width: int, columns: Any) -> None:
        self.builder, self.real, self.width = builder, real, width
        self.bits = 32 if isinstance(real, ir.FloatType) else 64
        self.vector = ir.VectorType(real, width)
        self.zero = ir.Constant(self.vector, [ir.Constant(real, 0.0)] * width)
        self.mask = None
        if columns is not None:
            lane = ir.Constant(ir.VectorType(I64, width), [ir.Constant(I64, n) for n in range(width)])
            self.mask = builder.icmp_signed("<", lane, self._splat(columns, ir.VectorType(I64, width)))

    def run(self, pointers: Any, a_steps: Any, b_step: Any, c_row: Any, inner: Any, shape: tuple[int, int]) -> None:
        """The loop over k with one accumulator a row and vector; the stores of all of them after it."""
        builder, (rows, vectors) = self.builder, shape
        before, loop, after = builder.block, builder.append_basic_block("inner"), builder.append_basic_block("stored")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = builder.phi(I64)
        sums = [[builder.phi(self.vector) for _ in range(vectors)] for _ in range(rows)]
        a_here = builder.gep(pointers[0], [builder.mul(k, a_steps[1])])
        b_here = builder.gep(pointers[1], [builder.mul(k, b_step)])
        b_row = [self._load(builder.gep(b_here, [ir.Constant(I64, v * self.width)])) for v in range(vectors)]
        updated = []
        for r in range(rows):
            number = builder.load(builder.gep(a_here, [builder.mul(ir.Constant(I64, r), a_steps[0])]))
            factor = self._splat(number, self.vector)
            updated.append([self._multiply_add(factor, b_row[v], sums[r][v]) for v in range(vectors)])
        following = builder.add(k, ir.Constant(I64, 1))
        k.add_incoming(ir.Constant(I64, 0), before)
        k.add_incoming(following, loop)
        for r in range(rows):
            for v in range(vectors):
                sums[r][v].add_incoming(self.zero, before)
                sums[r][v].add_incoming(updated[r][v], loop)
        builder.cbranch(builder.icmp_signed("<", following, inner), loop, after)
        builder.position_at_end(after)
        for r in range(rows):
            for v in range(vectors):
                place = builder.add(builder.mul(ir.Constant(I64, r), c_row), ir.Constant(I64, v * self.width))
                self._store(updated[r][v], builder.gep(pointers[2], [place]))

    def _multiply_add(self, x: Any, y: Any, z: Any) -> Any:
        return self.builder.call(self._llvm("fma", self.vector, [self.vector] * 3), [x, y, z])

    def _load(self, pointer: Any) -> Any:
        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        if self.mask is None:
            return self.builder.load(where, align=self.bits // 8)
        function = self._llvm("masked.load", self.vector, [where.type, I32, self.mask.type, self.vector], ".p0")
        return self.builder.call(function, [where, ir.Constant(I32, self.bits // 8), self.mask, self.zero])

    def _store(self, value: Any, pointer: Any) -> None:
        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        if self.mask is None:
            self.builder.store(value, where, align=self.bits // 8)
            return
        kinds = [self.vector, where.type, I32, self.mask.type]
        function = self._llvm("masked.store", ir.VoidType(), kinds, ".p0")
        self.builder.call(function, [value, where, ir.Constant(I32, self.bits // 8), self.mask])

    def _llvm(self, name: str, returns: Any, kinds: list[Any], suffix: str = "") -> Any:
        full = f"llvm.{name}.v{self.width}f{self.bits}{suffix}"
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(returns, kinds), full)

    def _splat(self, number: Any, vector: Any) -> Any:
        undefined = ir.Constant(vector, ir.Undefined)
        first = self.builder.insert_element(undefined, number, ir.Constant(I32, 0))
        everywhere = ir.Constant(ir.VectorType(I32, vector.count), [ir.Constant(I32, 0)] * vector.count)
        return self.builder.shuffle_vector(first, undefined, everywhere)
