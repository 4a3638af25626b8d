"""Register blocks: the innermost loop of a matrix product, in LLVM's own vector instructions.

A block of `rows` x (`vectors` * width) numbers of the product stays in vector registers while the inner dimension
runs. For each k: (1) load a row of b into `vectors` registers; (2) for each row, spread a[i, k] over a register;
(3) one fused multiply-add for each row and vector. After the last k, (4) store the block. LLVM's vectoriser does not
find this by itself: a plain loop over the columns loads and stores the product at every step, at a third of the speed.

Why this size: a processor starts two multiply-adds a cycle, and each takes four cycles, so eight sums at least must be
under way at once. 8 x 2 are sixteen, for 2 loads of b and 8 of a; sums, row of b and spread number share 32 registers.
AVX has 16 of them, for 4 x 2 sums.

Ref     Goto & van de Geijn, Anatomy of high-performance matrix multiplication, ACM TOMS 34 (2008)
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from handgrad.kernels.processor import CACHE_LINE_BYTES, FEATURES

LOCALITY = 2  # of a prefetch: into the second-level cache
I64, I32 = ir.IntType(64), ir.IntType(32)
VECTOR_BYTES = 64 if "avx512f" in FEATURES else 32 if "avx" in FEATURES else 16
ROWS = 4 if VECTOR_BYTES == 32 else 8  # AVX has 16 registers, AVX-512 and NEON 32: 2 * ROWS of them hold the sums


def block(rows: int, vectors: int, masked: bool = False, listed: bool = False) -> Any:
    """A compiled function (a, a_row, a_inner, b, n, c, first, inner, start, count, j, columns).

    Math    for i = first to first + rows, and every column j' from j to j + vectors * width (to j + columns when
            `masked`):  c[i, j'] = sum_k a[i, k] b[k, j'] over k = start to start + count, which is at least 1
            when `listed`, inner[k] stands for k; otherwise the list, of int32, goes unread
            a[i, k] stands at i a_row + k a_inner; b and c are row-major with n columns
    """

    @intrinsic
    def product(typing_context: Any, a: Any, ar: Any, ak: Any, b: Any, n: Any, c: Any, *rest: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            # Within a larger function LLVM runs out of registers for addresses, and a block takes twice its time.
            builder.function.attributes.add("noinline")
            argument_types = [*signature.args[:6], *signature.args[6]]
            arguments = [*values[:6], *(builder.extract_value(values[6], i) for i in range(len(argument_types) - 6))]
            data = {i: context.make_array(argument_types[i])(context, builder, arguments[i]).data for i in (0, 3, 5, 7)}
            real = context.get_value_type(argument_types[0].dtype)
            width = VECTOR_BYTES * 8 // argument_types[0].dtype.bitwidth
            loop = _Loop(builder, real, width, arguments[11] if masked else None)
            numbers = [builder.add(arguments[6], ir.Constant(I64, r)) for r in range(rows)]
            loop.inner = builder.gep(data[7], [arguments[8]]) if listed else None
            start, count, j = arguments[8:11]
            loop.run(data, arguments[1:3], arguments[4], numbers, start, count, j, vectors)
            return context.get_dummy_value()

        i = types.int64
        return types.void(a, i, i, b, i, c, types.StarArgTuple((i, rest[1], i, i, i, i))), generate

    return product


def prefetch(builder: Any, pointer: Any, offsets: Any, write: bool = False) -> None:
    """Ask for the cache lines at `offsets` from `pointer`: they lie too far apart for the processor to guess."""
    byte = ir.IntType(8).as_pointer()
    function_type = ir.FunctionType(ir.VoidType(), [byte, I32, I32, I32])
    function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
    for offset in offsets:
        where = builder.bitcast(builder.gep(pointer, [ir.Constant(I64, offset)]), byte)
        builder.call(function, [where, *(ir.Constant(I32, n) for n in (int(write), LOCALITY, 1))])


def splat(builder: Any, number: Any, count: int) -> Any:
    """A vector of `count` times `number`."""
    undefined = ir.Constant(ir.VectorType(number.type, count), ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, count), [0] * count))


class _Loop:
    """Writes the loop over the inner dimension of one block; `columns` masks the only vector of a row."""

    def __init__(self, builder: Any, real: Any, width: int, columns: Any) -> None:
        self.builder, self.real, self.width = builder, real, width
        self.bits = 32 if isinstance(real, ir.FloatType) else 64
        self.vector = ir.VectorType(real, width)
        self.zero = ir.Constant(self.vector, [ir.Constant(real, 0.0)] * width)
        self.inner: Any = None  # where the list of inner indices starts, if there is one
        self.mask = None
        if columns is not None:
            index = ir.Constant(ir.VectorType(I64, width), [ir.Constant(I64, n) for n in range(width)])
            self.mask = builder.icmp_signed("<", index, splat(builder, columns, width))

    def run(self, data: Any, steps: Any, n: Any, numbers: Any, start: Any, count: Any, j: Any, vectors: int) -> None:
        """The loop over k with one accumulator a row and vector; the stores of all of them after it."""
        builder, rows = self.builder, len(numbers)
        a_rows = [builder.gep(data[0], [builder.mul(number, steps[0])]) for number in numbers]
        b_start = builder.gep(data[3], [j])
        places = [builder.gep(data[5], [builder.add(builder.mul(number, n), j)]) for number in numbers]
        for place in places:  # c is written after the last k: its lines come meanwhile
            prefetch(builder, place, range(0, vectors * self.width, CACHE_LINE_BYTES * 8 // self.bits), write=True)
        before, loop, after = builder.block, builder.append_basic_block("inner"), builder.append_basic_block("stored")
        builder.branch(loop)
        builder.position_at_end(loop)
        t = builder.phi(I64)
        sums = [[builder.phi(self.vector) for _ in range(vectors)] for _ in range(rows)]
        if self.inner is None:
            k = builder.add(start, t)
        else:
            k = builder.zext(builder.load(builder.gep(self.inner, [t])), I64)
        b_here, a_offset = builder.gep(b_start, [builder.mul(k, n)]), builder.mul(k, steps[1])
        # (1), and a prefetch of the columns beside, for the next block
        b_row = [self._load(builder.gep(b_here, [ir.Constant(I64, v * self.width)])) for v in range(vectors)]
        if self.mask is None and self.inner is None:
            prefetch(
                builder,
                b_here,
                range(vectors * self.width, 2 * vectors * self.width, CACHE_LINE_BYTES * 8 // self.bits),
            )
        updated = []
        for r in range(rows):  # (2) and (3)
            factor = splat(builder, builder.load(builder.gep(a_rows[r], [a_offset])), self.width)
            updated.append([self._multiply_add(factor, b_row[v], sums[r][v]) for v in range(vectors)])
        following = builder.add(t, ir.Constant(I64, 1))
        t.add_incoming(ir.Constant(I64, 0), before)
        t.add_incoming(following, loop)
        for r in range(rows):
            for v in range(vectors):
                sums[r][v].add_incoming(self.zero, before)
                sums[r][v].add_incoming(updated[r][v], loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
        builder.position_at_end(after)
        for r in range(rows):  # (4)
            for v in range(vectors):
                self._store(updated[r][v], builder.gep(places[r], [ir.Constant(I64, v * self.width)]))

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
        argument_types = [self.vector, where.type, I32, self.mask.type]
        function = self._llvm("masked.store", ir.VoidType(), argument_types, ".p0")
        self.builder.call(function, [value, where, ir.Constant(I32, self.bits // 8), self.mask])

    def _llvm(self, name: str, returns: Any, argument_types: list[Any], suffix: str = "") -> Any:
        full = f"llvm.{name}.v{self.width}f{self.bits}{suffix}"
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(returns, argument_types), full)
