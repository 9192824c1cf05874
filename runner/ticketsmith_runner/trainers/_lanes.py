"""Four loops over rows of L lanes, as LLVM instructions: their sums stay in registers, and have one order.

numba's own loops store a sum after every term, for fear that arrays overlap. A row is (L,) float32. Where a product is
added, it is rounded once with its sum (`llvm.fma`). A change here is not seen by numba's cache: delete the cache.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

L = 64
_CHUNK = 16
_FLOAT, _INDEX = ir.FloatType(), ir.IntType(64)
_ONE = ir.Constant(_INDEX, 1)


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
        with cgutils.for_range_slice(builder, begin, end, _ONE) as (p, _):
            first, *more = zip(slope, _chunks(builder, units, _index(builder, columns, p)), strict=True)
            total = builder.fmul(*first)
            for pair in more:
                total = _fma(builder, *pair, total)
            _add(builder, builder.gep(gradient, [p]), total)
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


def _lanes(builder, rows, row, begin=0, width=L):
    """Pointer to `width` lanes of a row."""
    place = builder.add(builder.mul(row, ir.Constant(_INDEX, L)), ir.Constant(_INDEX, begin))
    return builder.bitcast(builder.gep(rows, [place]), ir.VectorType(_FLOAT, width).as_pointer())


def _chunks(builder, rows, row):
    places = (_lanes(builder, rows, row, begin, _CHUNK) for begin in range(0, L, _CHUNK))
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


def _part(builder, vector, lanes):
    chosen = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), chosen)
