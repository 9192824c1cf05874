"""Loops over rows of L lanes, as LLVM instructions: their sums stay in registers, and have one order.

numba's own loops store a sum after every term, for fear that arrays overlap. A row is (L,) float32. Where a product is
added, it is rounded once with its sum (`llvm.fma`). A change here is not seen by numba's cache: delete the cache.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

L = 64
TURNED = 16  # examples and inputs that `turn` moves at a time
_CHUNK = 16
_FLOAT, _INDEX = ir.FloatType(), ir.IntType(64)
_ZERO, _ONE, _FOUR = (ir.Constant(_INDEX, number) for number in (0, 1, 4))


@intrinsic
def turn(typing, numbers, begins, at, places, units, lane):
    """units[places[at + j], lane + i] = numbers[begins[lane + i] + at + j] for i and j below TURNED."""

    def build(context, builder, signature, arguments):
        numbers, begins, at, places, units, lane = _pointers(context, builder, signature, arguments)
        begin = [builder.load(builder.gep(begins, [index])) for index in _from(builder, lane, TURNED)]
        rows = [builder.load(_vector(builder, numbers, builder.add(index, at), TURNED), align=4) for index in begin]
        for index, column in zip(_from(builder, at, TURNED), _transposed(builder, rows), strict=True):
            row = builder.load(builder.gep(places, [index]))
            builder.store(column, _lanes(builder, units, row, lane, TURNED), align=4)
        return context.get_dummy_value()

    return types.void(numbers, begins, at, places, units, lane), build


@intrinsic
def weigh(typing, values, columns, begin, end, units, row):
    """units[row] += values[p] * units[columns[p]] for p from begin to end, one after another."""

    def build(context, builder, signature, arguments):
        values, columns, begin, end, units, row = _pointers(context, builder, signature, arguments)
        place = _lanes(builder, units, row)
        total = cgutils.alloca_once_value(builder, builder.load(place, align=4))
        with cgutils.for_range_slice(builder, begin, end, _ONE) as (p, _):
            read = builder.load(_lanes(builder, units, _index(builder, columns, p)), align=4)
            weight = _splat(builder, builder.load(builder.gep(values, [p])))
            builder.store(_fma(builder, weight, read, builder.load(total)), total)
        builder.store(builder.load(total), place, align=4)
        return context.get_dummy_value()

    return types.void(values, columns, begin, end, units, row), build


@intrinsic
def dots(typing, gradient, columns, begin, end, units, slopes, row):
    """gradient[p] += slopes[row] . units[columns[p]] for p from begin to end."""

    def build(context, builder, signature, arguments):
        gradient, columns, begin, end, units, slopes, row = _pointers(context, builder, signature, arguments)
        slope = _chunks(builder, slopes, row)

        def total(p):
            first, *more = zip(slope, _chunks(builder, units, _index(builder, columns, p)), strict=True)
            sums = builder.fmul(*first)
            for pair in more:
                sums = _fma(builder, *pair, sums)
            return sums

        fours = builder.sub(end, builder.urem(builder.sub(end, begin), _FOUR))
        with cgutils.for_range_slice(builder, begin, fours, _FOUR) as (p, _):
            _add_four(builder, _vector(builder, gradient, p, 4), [total(index) for index in _from(builder, p, 4)])
        with cgutils.for_range_slice(builder, fours, end, _ONE) as (p, _):
            _add(builder, builder.gep(gradient, [p]), total(p))
        return context.get_dummy_value()

    return types.void(gradient, columns, begin, end, units, slopes, row), build


@intrinsic
def spread(typing, values, columns, begin, end, slopes, row, shift):
    """slopes[columns[p] - shift] += values[p] * slopes[row] for p from begin to end."""

    def build(context, builder, signature, arguments):
        values, columns, begin, end, slopes, row, shift = _pointers(context, builder, signature, arguments)
        slope = builder.load(_lanes(builder, slopes, row), align=4)
        with cgutils.for_range_slice(builder, begin, end, _ONE) as (p, _):
            place = _lanes(builder, slopes, builder.sub(_index(builder, columns, p), shift))
            weight = _splat(builder, builder.load(builder.gep(values, [p])))
            builder.store(_fma(builder, weight, slope, builder.load(place, align=4)), place, align=4)
        return context.get_dummy_value()

    return types.void(values, columns, begin, end, slopes, row, shift), build


@intrinsic
def sums(typing, rows, begin, end, totals):
    """totals[r] += the sum of rows[r] for r from begin to end."""

    def build(context, builder, signature, arguments):
        rows, begin, end, totals = _pointers(context, builder, signature, arguments)
        with cgutils.for_range_slice(builder, begin, end, _ONE) as (r, _):
            total, *more = _chunks(builder, rows, r)
            for chunk in more:
                total = builder.fadd(total, chunk)
            _add(builder, builder.gep(totals, [r]), total)
        return context.get_dummy_value()

    return types.void(rows, begin, end, totals), build


def _pointers(context, builder, signature, arguments):
    """Arguments with each array as the pointer to its data."""
    return [
        context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def _index(builder, columns, p):
    return builder.zext(builder.load(builder.gep(columns, [p])), _INDEX)


def _from(builder, base, count):
    """The indices base, base + 1, ..."""
    return [builder.add(base, ir.Constant(_INDEX, i)) for i in range(count)]


def _lanes(builder, rows, row, begin=_ZERO, width=L):
    """Pointer to `width` lanes of a row."""
    return _vector(builder, rows, builder.add(builder.mul(row, ir.Constant(_INDEX, L)), begin), width)


def _vector(builder, numbers, begin, width):
    """Pointer to `width` numbers."""
    return builder.bitcast(builder.gep(numbers, [begin]), ir.VectorType(_FLOAT, width).as_pointer())


def _chunks(builder, rows, row):
    begins = (ir.Constant(_INDEX, begin) for begin in range(0, L, _CHUNK))
    places = (_lanes(builder, rows, row, begin, _CHUNK) for begin in begins)
    return [builder.load(place, align=4) for place in places]


def _splat(builder, value):
    """One number in every lane."""
    none = ir.Constant(ir.VectorType(_FLOAT, L), ir.Undefined)
    first = builder.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(ir.IntType(32), L), [0] * L))


def _fma(builder, a, b, c):
    kind = ir.FunctionType(a.type, [a.type] * 3)
    fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{a.type.count}f32")
    return builder.call(fma, [a, b, c])


def _add(builder, place, vector):
    """Add the lanes of a vector to a number in memory: upper half to lower half, until one is left."""
    while (half := vector.type.count // 2) > 1:
        vector = builder.fadd(_part(builder, vector, range(half)), _part(builder, vector, range(half, 2 * half)))
    two = [builder.extract_element(vector, ir.Constant(ir.IntType(32), lane)) for lane in (0, 1)]
    builder.store(builder.fadd(builder.load(place), builder.fadd(*two)), place)


def _add_four(builder, place, vectors):
    """Add the lanes of each of four vectors to four numbers in memory, each in the order of `_add`."""
    first, second = (_halved(builder, *pair, _CHUNK // 2) for pair in (vectors[::2], vectors[1::2]))
    sums = _halved(builder, first, second, _CHUNK // 4)
    for apart in (2, 1):
        sums = _halved(builder, sums, sums, apart)
    sums = _part(builder, sums, (0, 4, 8, 12))
    builder.store(builder.fadd(builder.load(place, align=4), sums), place, align=4)


def _halved(builder, one, other, apart):
    """Add what lies `apart` lanes from each other: sums of `one` in even blocks of so many lanes, of `other` in odd."""
    return builder.fadd(*_swapped(builder, one, other, apart))


def _transposed(builder, rows):
    """As many vectors as they have lanes, rows to columns: blocks change places, from halves down to single lanes."""
    rows, apart = list(rows), len(rows)
    while apart := apart // 2:
        for i in range(len(rows)):
            if not i & apart:
                rows[i], rows[i + apart] = _swapped(builder, rows[i], rows[i + apart], apart)
    return rows


def _swapped(builder, one, other, apart):
    """Blocks of `apart` lanes: the even ones of both vectors by turns, and the odd ones."""
    count = one.type.count
    even = [lane if not lane & apart else count + lane - apart for lane in range(count)]
    return [_picked(builder, one, other, even), _picked(builder, one, other, [lane + apart for lane in even])]


def _picked(builder, one, other, lanes):
    return builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes)))


def _part(builder, vector, lanes):
    return _picked(builder, vector, ir.Constant(vector.type, ir.Undefined), lanes)
