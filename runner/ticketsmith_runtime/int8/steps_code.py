"""LLVM IR from floats to steps: the range of a row, and its bytes.

L: lanes.
"""

from collections.abc import Iterator

from ..llvm import splat
from .numerics import MOST, TINY


def code(lanes: int) -> Iterator[str]:
    """`@quantize`(x, n, rows, q, pitch, scales, fixed): rows of n floats as bytes, `pitch` bytes apart.

    The (step, zero) of each goes to `scales`, two words of 32 bits. `fixed`: a range for all rows, as `numerics.held`
    writes it, or null.
    """
    yield from _scaled()
    yield from _range(lanes)
    yield from _held(lanes)
    yield from _put(lanes)
    yield from _quantize()


def _quantize() -> Iterator[str]:
    yield "define void @quantize(ptr %x, i64 %n, i64 %rows, ptr %q, i64 %pitch, ptr %scales, ptr %fixed) {"
    yield "entry:\n  br label %head"
    yield "head:\n  %m = phi i64 [0, %entry], [%next, %row]\n  %on = icmp ult i64 %m, %rows"
    yield "  br i1 %on, label %row, label %end\nrow:\n  %next = add i64 %m, 1\n  %xo = mul i64 %m, %n"
    yield "  %xm = getelementptr float, ptr %x, i64 %xo\n  %qo = mul i64 %m, %pitch"
    yield "  %qm = getelementptr i8, ptr %q, i64 %qo\n  %sm = getelementptr i64, ptr %scales, i64 %m"
    yield "  %r = call {float, float} @steps(ptr %xm, i64 %n, ptr %sm, ptr %fixed)"
    yield "  %inverse = extractvalue {float, float} %r, 0\n  %zero = extractvalue {float, float} %r, 1"
    yield "  call void @put(ptr %xm, i64 %n, ptr %qm, float %inverse, float %zero)\n  br label %head\nend:"
    yield "  ret void\n}"


def _range(lanes: int) -> Iterator[str]:
    """`@range`(x, n, scales): (inverse, zero) of a row; its step and zero, a whole number, go to `scales`."""
    kind = f"<{lanes} x float>"
    for name in ("fmin", "fmax"):
        yield f"declare float @llvm.vector.reduce.{name}.v{lanes}f32({kind})"
    yield f"declare float @llvm.vector.reduce.fadd.v{lanes}f32(float, {kind})"
    yield "declare float @llvm.rint.f32(float)"
    yield "define internal {float, float} @range(ptr %x, i64 %n, ptr %scales) {\nentry:"
    yield f"  %many = and i64 %n, -{lanes}\n  %any = icmp ne i64 %many, 0\n  br i1 %any, label %wide, label %fold"
    yield "wide:\n  %i = phi i64 [0, %entry], [%inext, %wide]"
    for name in ("low", "high", "odd"):
        yield f"  %{name} = phi {kind} [zeroinitializer, %entry], [%{name}1, %wide]"
    yield f"  %p = getelementptr float, ptr %x, i64 %i\n  %v = load {kind}, ptr %p, align 4"
    yield f"  %under = fcmp olt {kind} %v, %low\n  %low1 = select <{lanes} x i1> %under, {kind} %v, {kind} %low"
    yield f"  %over = fcmp ogt {kind} %v, %high\n  %high1 = select <{lanes} x i1> %over, {kind} %v, {kind} %high"
    yield f"  %nothing = fmul {kind} %v, zeroinitializer\n  %odd1 = fadd {kind} %odd, %nothing"
    yield f"  %inext = add i64 %i, {lanes}\n  %more = icmp ult i64 %inext, %many"
    yield "  br i1 %more, label %wide, label %fold"
    yield "fold:"
    for name in ("low", "high", "odd"):
        yield f"  %{name}2 = phi {kind} [zeroinitializer, %entry], [%{name}1, %wide]"
    yield f"  %low3 = call float @llvm.vector.reduce.fmin.v{lanes}f32({kind} %low2)"
    yield f"  %high3 = call float @llvm.vector.reduce.fmax.v{lanes}f32({kind} %high2)"
    yield f"  %odd3 = call reassoc float @llvm.vector.reduce.fadd.v{lanes}f32(float 0.0, {kind} %odd2)"
    yield "  br label %head\nhead:\n  %j = phi i64 [%many, %fold], [%jnext, %one]"
    for name in ("low", "high", "odd"):
        yield f"  %{name}4 = phi float [%{name}3, %fold], [%{name}5, %one]"
    yield "  %on = icmp ult i64 %j, %n\n  br i1 %on, label %one, label %done\none:"
    yield "  %pj = getelementptr float, ptr %x, i64 %j\n  %u = load float, ptr %pj"
    yield "  %under1 = fcmp olt float %u, %low4\n  %low5 = select i1 %under1, float %u, float %low4"
    yield "  %over1 = fcmp ogt float %u, %high4\n  %high5 = select i1 %over1, float %u, float %high4"
    yield "  %nothing1 = fmul float %u, 0.0\n  %odd5 = fadd float %odd4, %nothing1"
    yield "  %jnext = add i64 %j, 1\n  br label %head\ndone:"
    yield "  %r = call {float, float} @scaled(float %low4, float %high4, float %odd4, ptr %scales)"
    yield "  ret {float, float} %r\n}"


def _scaled() -> Iterator[str]:
    """`@scaled`(low, high, odd, scales): (inverse, zero) of a range; `odd` is zero, or NaN if the row is no numbers."""
    yield "define internal {float, float} @scaled(float %low4, float %high4, float %odd4, ptr %scales) {"
    most, tiny = (one(float(number)) for number in (MOST, TINY))
    yield "  %wide1 = fsub float %high4, %low4\n  %span = fadd float %wide1, %odd4"
    yield f"  %step = fdiv float %span, {most}\n  store float %step, ptr %scales"
    yield f"  %is = fcmp ogt float %span, {tiny}\n  %ratio = fdiv float {most}, %span"
    yield "  %inverse = select i1 %is, float %ratio, float 0.0\n  %turned = fmul float %low4, %inverse"
    yield "  %below = fsub float 0.0, %turned"
    yield f"  %less = fcmp olt float %below, {most}\n  %capped = select i1 %less, float %below, float {most}"
    yield "  %there = fcmp ogt float %inverse, 0.0\n  %zero0 = call float @llvm.rint.f32(float %capped)"
    yield "  %zero = select i1 %there, float %zero0, float 0.0\n  %whole = fptosi float %zero to i32"
    yield "  %ps = getelementptr i32, ptr %scales, i64 1\n  store i32 %whole, ptr %ps"
    yield "  %a = insertvalue {float, float} poison, float %inverse, 0"
    yield "  %b = insertvalue {float, float} %a, float %zero, 1\n  ret {float, float} %b\n}"


def _held(lanes: int) -> Iterator[str]:
    """`@steps`(x, n, scales, fixed): `@range`, or a range that is fixed, its step NaN where an input is none.

    `@given`(odd, scales, fixed): the latter, where `odd` is zero, or NaN if the row is no numbers.
    """
    yield "define internal {float, float} @given(float %odd, ptr %scales, ptr %fixed) {"
    for n, (name, word) in enumerate((("known", "float"), ("whole", "i32"), ("inverse", "float"), ("zero", "float"))):
        yield f"  %{name}p = getelementptr i32, ptr %fixed, i64 {n}\n  %{name} = load {word}, ptr %{name}p"
    yield "  %step = fadd float %known, %odd\n  store float %step, ptr %scales"
    yield "  %ps = getelementptr i32, ptr %scales, i64 1\n  store i32 %whole, ptr %ps"
    yield "  %a = insertvalue {float, float} poison, float %inverse, 0"
    yield "  %b = insertvalue {float, float} %a, float %zero, 1\n  ret {float, float} %b\n}"
    kind = f"<{lanes} x float>"
    yield "define internal {float, float} @steps(ptr %x, i64 %n, ptr %scales, ptr %fixed) {\nentry:"
    yield "  %own = icmp eq ptr %fixed, null\n  br i1 %own, label %range, label %begin\nrange:"
    yield "  %r = call {float, float} @range(ptr %x, i64 %n, ptr %scales)\n  ret {float, float} %r\nbegin:"
    yield f"  %many = and i64 %n, -{lanes}\n  %any = icmp ne i64 %many, 0\n  br i1 %any, label %wide, label %fold"
    yield f"wide:\n  %i = phi i64 [0, %begin], [%inext, %wide]\n  %odd = phi {kind} [zeroinitializer, %begin], "
    yield f"    [%odd1, %wide]\n  %p = getelementptr float, ptr %x, i64 %i\n  %v = load {kind}, ptr %p, align 4"
    yield f"  %nothing = fmul {kind} %v, zeroinitializer\n  %odd1 = fadd {kind} %odd, %nothing"
    yield f"  %inext = add i64 %i, {lanes}\n  %more = icmp ult i64 %inext, %many"
    yield "  br i1 %more, label %wide, label %fold"
    yield f"fold:\n  %odd2 = phi {kind} [zeroinitializer, %begin], [%odd1, %wide]"
    yield f"  %odd3 = call reassoc float @llvm.vector.reduce.fadd.v{lanes}f32(float 0.0, {kind} %odd2)"
    yield "  br label %head\nhead:\n  %j = phi i64 [%many, %fold], [%jnext, %one]"
    yield "  %odd4 = phi float [%odd3, %fold], [%odd5, %one]"
    yield "  %on = icmp ult i64 %j, %n\n  br i1 %on, label %one, label %done\none:"
    yield "  %pj = getelementptr float, ptr %x, i64 %j\n  %u = load float, ptr %pj"
    yield "  %nothing1 = fmul float %u, 0.0\n  %odd5 = fadd float %odd4, %nothing1"
    yield "  %jnext = add i64 %j, 1\n  br label %head\ndone:"
    yield "  %g = call {float, float} @given(float %odd4, ptr %scales, ptr %fixed)\n  ret {float, float} %g\n}"


def _put(lanes: int) -> Iterator[str]:
    """`@put`(x, n, q, inverse, zero): n floats as bytes, and no byte more."""
    yield f"declare <{lanes} x float> @llvm.rint.v{lanes}f32(<{lanes} x float>)"
    yield "define internal void @put(ptr %x, i64 %n, ptr %q, float %inverse, float %zero) {\nentry:"
    yield from splatted("inverses", "float", "%inverse", lanes)
    yield from splatted("zeros", "float", "%zero", lanes)
    yield f"  %many = and i64 %n, -{lanes}\n  %any = icmp ne i64 %many, 0\n  br i1 %any, label %wide, label %head"
    yield "wide:\n  %i = phi i64 [0, %entry], [%inext, %wide]"
    yield from _bytes("i", lanes, "%inverses", "%zeros")
    yield f"  %inext = add i64 %i, {lanes}\n  %more = icmp ult i64 %inext, %many"
    yield "  br i1 %more, label %wide, label %head"
    yield "head:\n  %j = phi i64 [0, %entry], [%many, %wide], [%jnext, %one]"
    yield "  %on = icmp ult i64 %j, %n\n  br i1 %on, label %one, label %done\none:"
    yield from _bytes("j", 1, "%inverse", "%zero")
    yield "  %jnext = add i64 %j, 1\n  br label %head\ndone:\n  ret void\n}"


def _bytes(i: str, lanes: int, inverse: str, zero: str) -> Iterator[str]:
    """Floats from number `i` on, as many as lanes. A comparison with NaN is false, and NaN becomes 0."""
    kind, flags, whole, small = (f"<{lanes} x {t}>" if lanes > 1 else t for t in ("float", "i1", "i32", "i8"))
    suffix, (none, most) = f"v{lanes}f32" if lanes > 1 else "f32", _bounds(lanes)
    yield f"  %{i}p = getelementptr float, ptr %x, i64 %{i}\n  %{i}v = load {kind}, ptr %{i}p, align 4"
    yield f"  %{i}s = fmul {kind} %{i}v, {inverse}\n  %{i}t = fadd {kind} %{i}s, {zero}"
    yield f"  %{i}a = fcmp ogt {kind} %{i}t, {none}\n  %{i}b = select {flags} %{i}a, {kind} %{i}t, {kind} {none}"
    yield f"  %{i}c = fcmp olt {kind} %{i}b, {most}\n  %{i}d = select {flags} %{i}c, {kind} %{i}b, {kind} {most}"
    yield f"  %{i}r = call {kind} @llvm.rint.{suffix}({kind} %{i}d)\n  %{i}w = fptosi {kind} %{i}r to {whole}"
    yield f"  %{i}n = trunc {whole} %{i}w to {small}\n  %{i}q = getelementptr i8, ptr %q, i64 %{i}"
    yield f"  store {small} %{i}n, ptr %{i}q, align 1"


def _bounds(lanes: int) -> tuple[str, str]:
    return ("zeroinitializer", splat(MOST, lanes)) if lanes > 1 else ("0.0", one(MOST))


def one(number: float) -> str:
    """A float32 as LLVM writes it."""
    return splat(number, 1)[1:-1].removeprefix("float ")


def splatted(name: str, kind: str, number: str, lanes: int) -> Iterator[str]:
    """%`name`: a number in every lane."""
    vector = f"<{lanes} x {kind}>"
    yield f"  %{name}0 = insertelement {vector} poison, {kind} {number}, i64 0"
    yield f"  %{name} = shufflevector {vector} %{name}0, {vector} poison, <{lanes} x i32> zeroinitializer"
