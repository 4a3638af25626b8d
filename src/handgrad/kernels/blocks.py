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

from handgrad.kernels.processor import FEATURES
from handgrad.kernels.program import CACHE_LINE_BYTES

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


def tile(rows: int, vectors: int, packing: bool = False, listed: bool = False) -> Any:
    """A compiled function (a, a_place, panel, c, c_place, count, fresh, b, b_place, ahead, ahead_place).

    Math    for i = 0 to rows and j = 0 to vectors * width:  c[i, j] = (c[i, j] unless `fresh`) + sum_k a[i, k] b[k, j]
            over k = 0 to count, at least 1; b stands in `panel`, row-major with vectors * width columns
    Places  a[i, k] at a_place[0] + i a_place[1] + k a_place[2], c[i, j] at c_place[0] + i c_place[1] + j
            when `packing`, b[k, j] at b_place[0] + k b_place[1] + j, copied into `panel` on the way: a copy's loads
            and stores cost nothing beside the multiply-adds; when it is `listed` too, at b_place[k] + j, an array
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
            a_place, c_place, ahead = (
                [builder.extract_value(arguments[i], n) for n in range(argument_types[i].count)] for i in (1, 4, 10)
            )
            loop = _Loop(builder, context, argument_types[0].dtype, None)
            loop.fresh = builder.icmp_signed("!=", arguments[6], ir.Constant(I64, 0))
            loop.ahead = ahead_data, *ahead[:5], builder.gep(c_data, [ahead[5]]), c_place[1]
            numbers = [ir.Constant(I64, r) for r in range(rows)]
            a_rows = [builder.gep(a_data, [builder.add(a_place[0], builder.mul(r, a_place[1]))]) for r in numbers]
            places = [builder.gep(c_data, [builder.add(c_place[0], builder.mul(r, c_place[1]))]) for r in numbers]
            source = panel_data, ir.Constant(I64, vectors * loop.width)
            if listed:
                loop.panel, source = panel_data, (b_data, None)
                loop.places = context.make_array(argument_types[8])(context, builder, arguments[8]).data
            elif packing:
                b_start, b_row = (builder.extract_value(arguments[8], n) for n in range(2))
                loop.panel, source = panel_data, (builder.gep(b_data, [b_start]), b_row)
            loop.run((a_rows, a_place[2]), source, places, ir.Constant(I64, 0), arguments[5], vectors)
            return context.get_dummy_value()

        i, two, six = types.int64, types.UniTuple(types.int64, 2), types.UniTuple(types.int64, 6)
        more = types.StarArgTuple((i, i, rest[2], rest[3] if listed else two, rest[4], six))
        return types.void(a, types.UniTuple(i, 3), panel, c, two, more), generate

    return product


def dots(rows: int, columns: int) -> Any:
    """A compiled function (a, a_place, b, places, count, out).

    Math    out[i columns + j] += sum_t a[i, t] b[places[j] + t] over t = 0 to count, for i below `rows` and j below
            `columns`: products of rows with rows, whose numbers lie side by side in both
            a[i, t] stands at a_place[0] + min(i, a_place[2]) a_place[1] + t
    Order   each lane of a vector has a sum of its own, and these are added pairwise
    """

    @intrinsic
    def products(typing_context: Any, a: Any, a_place: Any, b: Any, places: Any, count: Any, out: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            data = [context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 2, 3, 5)]
            start, apart, last = (builder.extract_value(values[1], n) for n in range(3))
            numbers = [ir.Constant(I64, i) for i in range(rows)]
            numbers = [builder.select(builder.icmp_signed("<", number, last), number, last) for number in numbers]
            a_rows = [builder.gep(data[0], [builder.add(start, builder.mul(n, apart))]) for n in numbers]
            listed = [builder.load(builder.gep(data[2], [ir.Constant(I64, j)])) for j in range(columns)]
            b_rows = [builder.gep(data[1], [place]) for place in listed]
            loop = _Loop(builder, context, a.dtype, None)
            sums = loop.run_dots(a_rows, b_rows, values[4])
            sums += [loop.zero] * (-len(sums) % loop.width)
            for start in range(0, len(sums), loop.width):
                place = builder.gep(data[3], [ir.Constant(I64, start)])
                total = loop.sum_each(sums[start : start + loop.width])
                loop.store(builder.fadd(loop.load(place), total), place)
            return context.get_dummy_value()

        return types.void(a, types.UniTuple(types.int64, 3), b, places, types.int64, out), generate

    return products


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
        self.places: Any = None  # where the list of places of b's rows starts, if there is one
        self.panel: Any = None  # where rows of b are copied to, if they are
        self.fresh: Any = None  # whether sums start from zero and not from what is there; always, when None
        self.mask = None if columns is None else self.mask_below(columns)

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
        b_row_start = builder.load(builder.gep(self.places, [t])) if self.places is not None else builder.mul(k, b[1])
        b_here, a_offset = builder.gep(b[0], [b_row_start]), builder.mul(k, a[1])
        # (1), and a prefetch of the columns beside, for the next block
        b_row = [self.load(builder.gep(b_here, [ir.Constant(I64, v * self.width)])) for v in range(vectors)]
        if self.panel is not None:
            copy = builder.gep(self.panel, [builder.mul(t, ir.Constant(I64, vectors * self.width))])
            for v in range(vectors):
                self.store(b_row[v], builder.gep(copy, [ir.Constant(I64, v * self.width)]))
        if self.ahead is not None:
            self._prefetch_ahead(t)
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
                self.store(row[v], builder.gep(place, [ir.Constant(I64, v * self.width)]))

    def _prefetch_ahead(self, t: Any) -> None:
        """In step t of the loop, one cache line of the tile that comes next, and one of where its sums are written."""
        builder = self.builder
        data, first, mask, near, shift, far, following_c, c_row = self.ahead
        offset = builder.add(builder.mul(builder.and_(t, mask), near), builder.mul(builder.lshr(t, shift), far))
        prefetch(builder, builder.gep(data, [builder.add(first, offset)]), [0])
        seven, three = ir.Constant(I64, 7), ir.Constant(I64, 3)
        line = builder.mul(builder.and_(builder.lshr(t, three), three), ir.Constant(I64, 320 // self.bits))
        offset = builder.add(builder.mul(builder.and_(t, seven), c_row), line)
        prefetch(builder, builder.gep(following_c, [offset]), [0], write=True)

    def run_dots(self, a: Any, b: Any, count: Any) -> list[Any]:
        """The loop over vectors of two rows' numbers; the rest of them, fewer than a vector has, behind a mask."""
        builder, sums = self.builder, [self.zero] * (len(a) * len(b))
        whole = builder.and_(count, ir.Constant(I64, -self.width))
        loop, rest, masked, after = (builder.append_basic_block(name) for name in ("dots", "rest", "masked", "summed"))
        builder.cbranch(builder.icmp_signed(">", whole, ir.Constant(I64, 0)), loop, rest)
        ways = [(builder.block, sums)]
        builder.position_at_end(loop)
        t = builder.phi(I64)
        sums = [builder.phi(self.vector) for _ in sums]
        following, updated = builder.add(t, ir.Constant(I64, self.width)), self._add_dots(a, b, t, sums)
        for phi, zero, value in zip((t, *sums), (ir.Constant(I64, 0), *ways[0][1]), (following, *updated), strict=True):
            phi.add_incoming(zero, ways[0][0])
            phi.add_incoming(value, loop)
        builder.cbranch(builder.icmp_signed("<", following, whole), loop, rest)
        builder.position_at_end(rest)
        sums = self._merged(*ways, (loop, updated))
        builder.cbranch(builder.icmp_signed("<", whole, count), masked, after)
        builder.position_at_end(masked)
        self.mask = self.mask_below(builder.sub(count, whole))
        updated, self.mask = self._add_dots(a, b, whole, sums), None
        builder.branch(after)
        builder.position_at_end(after)
        return self._merged((rest, sums), (masked, updated))

    def _add_dots(self, a: Any, b: Any, t: Any, sums: list[Any]) -> list[Any]:
        rows = [self.load(self.builder.gep(row, [t])) for row in a]
        columns = [self.load(self.builder.gep(row, [t])) for row in b]
        pairs = [(x, y) for x in rows for y in columns]
        return [self._multiply_add(*pair, total) for pair, total in zip(pairs, sums, strict=True)]

    def _merged(self, *ways: tuple[Any, list[Any]]) -> list[Any]:
        """What stands in each place after coming from one block or another."""
        phis = [self.builder.phi(self.vector) for _ in ways[0][1]]
        for block, values in ways:
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, block)
        return phis

    def sum_each(self, vectors: list[Any]) -> Any:
        """One vector with the sum of each of `width` vectors' lanes: halves are added until one number is left."""
        builder, half = self.builder, self.width // 2
        while half:
            low = [n for n in range(2 * self.width) if not n & half]
            picks = [ir.Constant(ir.VectorType(I32, self.width), [n + side for n in low]) for side in (0, half)]
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [builder.fadd(*(builder.shuffle_vector(*pair, pick) for pick in picks)) for pair in pairs]
            half //= 2
        return vectors[0]

    def mask_below(self, count: Any) -> Any:
        """A mask of the first `count` lanes."""
        index = ir.Constant(ir.VectorType(I64, self.width), [ir.Constant(I64, n) for n in range(self.width)])
        return self.builder.icmp_signed("<", index, splat(self.builder, count, self.width))

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
        there = [[self.load(builder.gep(place, [offset])) for offset in offsets] for place in places]
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

    def load(self, pointer: Any) -> Any:
        where = self.builder.bitcast(pointer, self.vector.as_pointer())
        if self.mask is None:
            return self.builder.load(where, align=self.bits // 8)
        function = self._llvm("masked.load", self.vector, [where.type, I32, self.mask.type, self.vector], ".p0")
        return self.builder.call(function, [where, ir.Constant(I32, self.bits // 8), self.mask, self.zero])

    def store(self, value: Any, pointer: Any) -> None:
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
