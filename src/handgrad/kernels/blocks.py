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
            argument_types = [*signature.args[:6], *signature.args[6]]
            arguments = [*values[:6], *(builder.extract_value(values[6], i) for i in range(len(argument_types) - 6))]
            data = {i: context.make_array(argument_types[i])(context, builder, arguments[i]).data for i in (0, 3, 5, 7)}
            start, count, j = arguments[8:11]
            loop = _Loop(builder, context, argument_types[0].dtype, arguments[11] if masked else None)
            loop.inner = builder.gep(data[7], [start]) if listed else None
            numbers = [builder.add(arguments[6], ir.Constant(I64, r)) for r in range(rows)]
            a_rows = [builder.gep(data[0], [builder.mul(number, arguments[1])]) for number in numbers]
            places = [builder.gep(data[5], [builder.add(builder.mul(number, arguments[4]), j)]) for number in numbers]
            b_start = builder.gep(data[3], [j])
            loop.run((a_rows, arguments[2]), (b_start, arguments[4]), places, start, count, vectors)
            return context.get_dummy_value()

        i = types.int64
        return types.void(a, i, i, b, i, c, types.StarArgTuple((i, rest[1], i, i, i, i))), generate

    return product


def tile(rows: int, vectors: int, packing: bool = False) -> Any:
    """A compiled function (a, a_place, panel, c, c_place, count, fresh, b, b_place, ahead, ahead_place).

    Math    for i = 0 to rows and j = 0 to vectors * width:  c[i, j] = (c[i, j] unless `fresh`) + sum_k a[i, k] b[k, j]
            over k = 0 to count, at least 1; b stands in `panel`, row-major with vectors * width columns
    Places  a[i, k] at a_place[0] + i a_place[1] + k a_place[2], c[i, j] at c_place[0] + i c_place[1] + j
            when `packing`, b[k, j] at b_place[0] + k b_place[1] + j, copied into `panel` on the way: a copy's loads
            and stores cost nothing beside the multiply-adds
    Ahead   with every k a line of `ahead` is prefetched, at start + (k & mask) near + (k >> shift) far, the first five
            of `ahead_place`; and one of the tile that comes next, which starts at the sixth in c
    """

    @intrinsic
    def product(typing_context: Any, a: Any, a_place: Any, panel: Any, c: Any, c_place: Any, *rest: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            argument_types = [*signature.args[:5], *signature.args[5]]
            arguments = [*values[:5], *(builder.extract_value(values[5], i) for i in range(6))]
            a_data, panel_data, c_data, b_data, ahead_data = (
                context.make_array(argument_types[i])(context, builder, arguments[i]).data for i in (0, 2, 3, 7, 9)
            )
            a_place, c_place, b_place, ahead = (
                [builder.extract_value(arguments[i], n) for n in range(argument_types[i].count)] for i in (1, 4, 8, 10)
            )
            loop = _Loop(builder, context, argument_types[0].dtype, None)
            loop.fresh = builder.icmp_signed("!=", arguments[6], ir.Constant(I64, 0))
            loop.ahead = ahead_data, *ahead[:5], builder.gep(c_data, [ahead[5]]), c_place[1]
            numbers = [ir.Constant(I64, r) for r in range(rows)]
            a_rows = [builder.gep(a_data, [builder.add(a_place[0], builder.mul(r, a_place[1]))]) for r in numbers]
            places = [builder.gep(c_data, [builder.add(c_place[0], builder.mul(r, c_place[1]))]) for r in numbers]
            source = panel_data, ir.Constant(I64, vectors * loop.width)
            if packing:
                loop.panel, source = panel_data, (builder.gep(b_data, [b_place[0]]), b_place[1])
            loop.run((a_rows, a_place[2]), source, places, ir.Constant(I64, 0), arguments[5], vectors)
            return context.get_dummy_value()

        i, two, six = types.int64, types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 6)
        more = types.StarArgTuple((i, i, rest[2], two, rest[4], six))
        return types.void(a, types.UniTuple(i, 3), panel, c, two, more), generate

    return product


@intrinsic
def transpose_square(typing_context: Any, a: Any, a_start: Any, a_row: Any, out: Any, start: Any, row: Any) -> Any:
    """out[j, i] = a[i, j] for i and j below the width of a vector, in registers; rows lie `a_row` and `row` apart.

    Math    of squares of 2 h x 2 h numbers, the quarters off the diagonal change places, for h = width / 2, ... 4, 2, 1
    """

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        width, align = VECTOR_BYTES * 8 // a.dtype.bitwidth, a.dtype.bitwidth // 8
        vector = ir.VectorType(context.get_value_type(a.dtype), width)

        def places(number: int) -> list[Any]:
            data = context.make_array(signature.args[number])(context, builder, values[number]).data
            steps = [builder.mul(values[number + 2], ir.Constant(I64, i)) for i in range(width)]
            here = [builder.gep(data, [builder.add(values[number + 1], step)]) for step in steps]
            return [builder.bitcast(each, vector.as_pointer()) for each in here]

        rows, half = [builder.load(place, align=align) for place in places(0)], width // 2
        while half:
            low = [n + (width - half if n & half else 0) for n in range(width)]
            picks = [ir.Constant(ir.VectorType(I32, width), [n + side for n in low]) for side in (0, half)]
            for i in range(width):
                if not i & half:
                    pair = rows[i], rows[i + half]
                    rows[i], rows[i + half] = (builder.shuffle_vector(*pair, pick) for pick in picks)
            half //= 2
        for place, each in zip(places(3), rows, strict=True):
            builder.store(each, place, align=align)
        return context.get_dummy_value()

    i = types.int64
    return types.void(a, i, i, out, i, i), generate


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

    def __init__(self, builder: Any, context: Any, dtype: Any, columns: Any) -> None:
        # Within a larger function LLVM runs out of registers for addresses, and a block takes twice its time.
        builder.function.attributes.add("noinline")
        real, width = context.get_value_type(dtype), VECTOR_BYTES * 8 // dtype.bitwidth
        self.builder, self.width, self.bits = builder, width, dtype.bitwidth
        self.vector = ir.VectorType(real, width)
        self.zero = ir.Constant(self.vector, [ir.Constant(real, 0.0)] * width)
        self.inner: Any = None  # where the list of inner indices starts, if there is one
        self.ahead: Any = None  # what a tile prefetches
        self.panel: Any = None  # where rows of b are copied to, if they are
        self.fresh: Any = None  # whether sums start from zero and not from what is there; always, when None
        self.mask = None
        if columns is not None:
            index = ir.Constant(ir.VectorType(I64, width), [ir.Constant(I64, n) for n in range(width)])
            self.mask = builder.icmp_signed("<", index, splat(builder, columns, width))

    def run(self, a: Any, b: Any, places: Any, start: Any, count: Any, vectors: int) -> None:
        """The loop over k with one accumulator a row and vector; the stores of all of them after it.

        `a` holds where its rows start, `b` where it does, each with the distance from one k to the next.
        """
        builder, line = self.builder, CACHE_LINE_BYTES * 8 // self.bits
        for place in places if self.ahead is None else ():  # c is written after the last k: its lines come meanwhile
            prefetch(builder, place, range(0, vectors * self.width, line), write=True)
        starts = self._starts(places, vectors)
        loop, after = builder.append_basic_block("inner"), builder.append_basic_block("stored")
        builder.branch(loop)
        before = builder.block
        builder.position_at_end(loop)
        t = builder.phi(I64)
        sums = [[builder.phi(self.vector) for _ in range(vectors)] for _ in places]
        if self.inner is None:
            k = builder.add(start, t)
        else:
            k = builder.zext(builder.load(builder.gep(self.inner, [t])), I64)
        b_here, a_offset = builder.gep(b[0], [builder.mul(k, b[1])]), builder.mul(k, a[1])
        # (1), and a prefetch of the columns beside, for the next block
        b_row = [self._load(builder.gep(b_here, [ir.Constant(I64, v * self.width)])) for v in range(vectors)]
        if self.panel is not None:
            copy = builder.gep(self.panel, [builder.mul(t, ir.Constant(I64, vectors * self.width))])
            for v in range(vectors):
                self._store(b_row[v], builder.gep(copy, [ir.Constant(I64, v * self.width)]))
        if self.ahead is not None:
            data, first, mask, near, shift, far, following_c, c_row = self.ahead
            offset = builder.add(builder.mul(builder.and_(t, mask), near), builder.mul(builder.lshr(t, shift), far))
            prefetch(builder, builder.gep(data, [builder.add(first, offset)]), [0])
            seven, three = ir.Constant(I64, 7), ir.Constant(I64, 3)
            line = builder.mul(builder.and_(builder.lshr(t, three), three), ir.Constant(I64, 320 // self.bits))
            offset = builder.add(builder.mul(builder.and_(t, seven), c_row), line)
            prefetch(builder, builder.gep(following_c, [offset]), [0], write=True)
        elif self.mask is None and self.inner is None:
            prefetch(builder, b_here, range(vectors * self.width, 2 * vectors * self.width, line))
        following = builder.add(t, ir.Constant(I64, 1))
        t.add_incoming(ir.Constant(I64, 0), before)
        t.add_incoming(following, loop)
        updated = []
        for r, row in enumerate(sums):  # (2) and (3)
            factor = splat(builder, builder.load(builder.gep(a[0][r], [a_offset])), self.width)
            updated.append([self._multiply_add(factor, b_row[v], row[v]) for v in range(vectors)])
            for v in range(vectors):
                row[v].add_incoming(starts[r][v], before)
                row[v].add_incoming(updated[r][v], loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
        builder.position_at_end(after)
        for place, row in zip(places, updated, strict=True):  # (4)
            for v in range(vectors):
                self._store(row[v], builder.gep(place, [ir.Constant(I64, v * self.width)]))

    def _starts(self, places: Any, vectors: int) -> list[list[Any]]:
        """What the sums of a block start from."""
        zeros = [[self.zero] * vectors for _ in places]
        if self.fresh is None:
            return zeros
        builder, before = self.builder, self.builder.block
        going_on, merged = builder.append_basic_block("going_on"), builder.append_basic_block("merged")
        builder.cbranch(self.fresh, merged, going_on)
        builder.position_at_end(going_on)
        offsets = [ir.Constant(I64, v * self.width) for v in range(vectors)]
        there = [[self._load(builder.gep(place, [offset])) for offset in offsets] for place in places]
        builder.branch(merged)
        builder.position_at_end(merged)
        starts = [[builder.phi(self.vector) for _ in range(vectors)] for _ in places]
        for row, zero, found in zip(starts, zeros, there, strict=True):
            for v in range(vectors):
                row[v].add_incoming(zero[v], before)
                row[v].add_incoming(found[v], going_on)
        return starts

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
