"""LLVM IR from a value to its bytes: a plane with a border.

L: lanes.
"""

from collections.abc import Iterator

from .numerics import MOST
from .records_code import counted, sample
from .steps_code import one, splatted

PIECE = 64
"""Bytes that are written at a time to a border; more than it has are overwritten, or lie behind the plane."""


def plane(lanes: int) -> Iterator[str]:
    """A value as a plane. Its range is in `span`, if it is `known`; its step and its number for zero go to `scales`.
    `fixed`: the address of a range for all samples, as `numerics.held` writes it, or 0; what is outside is cut off.

    A plane has `lines` of `units`, of `width` floats each, whole registers, `apart` floats from one to the next, and
    `step` bytes. `before` and `behind` bytes are border, and `between` of two lines, of which each has `line`.
    """
    kind = f"<{lanes} x float>"
    yield "  %fixed.a = inttoptr i64 %fixed to ptr\n  %held = icmp ne i64 %fixed, 0"
    yield f"  %counted = udiv i64 %floats, {lanes}"
    yield "  %is = icmp ne i64 %known, 0"
    look = [
        f"  %vp = getelementptr {kind}, ptr %x.a, i64 %i\n  %v = load {kind}, ptr %vp, align 4",
        *_spanned(lanes, "%v", "%low", "%high", "%sum"),
    ]
    first = [(f"%{name}", kind, "zeroinitializer", f"%{name}.n") for name in ("low", "high", "sum")]
    body = [*sample("x", "span", "q", "scales"), "  br i1 %is, label %given, label %look\ngiven:"]
    for n, name in enumerate(("low", "high", "sum")):
        body += [f"  %{name}.p = getelementptr {kind}, ptr %span.a, i64 {n}"]
        body += [f"  %{name}.g = load {kind}, ptr %{name}.p, align 4"]
    body += ["  br label %fold\nlook:", *counted("i", "%counted", "look", look, first), "  br label %fold\nfold:"]
    for name in ("low", "high", "sum"):
        body += [f"  %{name}.f = phi {kind} [%{name}.g, %given], [%{name}, %i.done]"]
    body += [f"  %lowest = call float @llvm.vector.reduce.fmin.v{lanes}f32({kind} %low.f)"]
    body += [f"  %highest = call float @llvm.vector.reduce.fmax.v{lanes}f32({kind} %high.f)"]
    body += [f"  %total = call reassoc float @llvm.vector.reduce.fadd.v{lanes}f32(float 0.0, {kind} %sum.f)"]
    body += ["  %odd = fmul float %total, 0.0\n  %fine = fcmp oeq float %odd, 0.0"]
    body += ["  br i1 %fine, label %even, label %strange\neven:"]
    body += ["  br i1 %held, label %steady, label %moving\nsteady:"]
    body += ["  %rg = call {float, float} @given(float 0.0, ptr %scales.a, ptr %fixed.a)\n  br label %begin\nmoving:"]
    body += ["  %re = call {float, float} @scaled(float %lowest, float %highest, float 0.0, ptr %scales.a)"]
    body += ["  br label %begin\nstrange:"]  # no numbers, or so large that their sum is none
    body += ["  %rs = call {float, float} @steps(ptr %x.a, i64 %floats, ptr %scales.a, ptr %fixed.a)"]
    body += ["  br label %begin\nbegin:\n  %r.f = phi {float, float} [%re, %moving], [%rg, %steady], [%rs, %strange]"]
    body += ["  %inverse = extractvalue {float, float} %r.f, 0\n  %zero = extractvalue {float, float} %r.f, 1"]
    body += ["  %border = fptoui float %zero to i8", *splatted("borders", "i8", "%border", PIECE)]
    body += _border("a", "%q.a", "%before", "begin")
    unit = [
        "  %uo = add i64 %lu, %u\n  %xo = mul i64 %uo, %apart\n  %xu = getelementptr float, ptr %x.a, i64 %xo",
        "  %qo = mul i64 %u, %step\n  %qu = getelementptr i8, ptr %ql, i64 %qo",
        "  br i1 %held, label %cut, label %inside.u\ncut:",
        "  call void @put(ptr %xu, i64 %width, ptr %qu, float %inverse, float %zero)\n  br label %u.end\ninside.u:",
        "  call void @putwide(ptr %xu, i64 %width, ptr %qu, float %inverse, float %zero)",
    ]
    line = [
        "  %lo = mul i64 %l, %pitch.b\n  %ql = getelementptr i8, ptr %inside, i64 %lo\n  %lu = mul i64 %l, %units",
        *counted("u", "%units", "l.body", unit),
        "  %end = getelementptr i8, ptr %ql, i64 %line",
        *_border("b", "%end", "%between", "u.done"),
    ]
    body += ["  %inside = getelementptr i8, ptr %q.a, i64 %before\n  %pitch.b = add i64 %line, %between"]
    body += counted("l", "%lines", "a.done", line)
    body += ["  %under.o = mul i64 %lines, %pitch.b\n  %under = getelementptr i8, ptr %inside, i64 %under.o"]
    body += _border("c", "%under", "%behind", "l.done")
    yield from counted("s", "%m", "entry", body)


def _spanned(lanes: int, value: str, *before: str) -> Iterator[str]:
    """%low.n, %high.n, %sum.n: a range with a register more."""
    kind, flags = f"<{lanes} x float>", f"<{lanes} x i1>"
    low, high, total = before
    yield f"  %low.c = fcmp olt {kind} {value}, {low}\n  %low.n = select {flags} %low.c, {kind} {value}, {kind} {low}"
    yield f"  %high.c = fcmp ogt {kind} {value}, {high}"
    yield f"  %high.n = select {flags} %high.c, {kind} {value}, {kind} {high}\n  %sum.n = fadd {kind} {total}, {value}"


def _border(i: str, at: str, count: str, before: str) -> list[str]:
    """Pieces of a border; the last may write more."""
    piece = [f"  %{i}o = mul i64 %{i}, {PIECE}\n  %{i}p = getelementptr i8, ptr {at}, i64 %{i}o"]
    piece += [f"  store <{PIECE} x i8> %borders, ptr %{i}p, align 1"]
    whole = [f"  %{i}m = add i64 {count}, {PIECE - 1}\n  %{i}c = udiv i64 %{i}m, {PIECE}"]
    return [*whole, *counted(i, f"%{i}c", before, piece)]


MAGIC = 1.5 * 2**23
"""Added to a float, it leaves the nearest whole number in the last bits: halves go to the even one. With 2 more, which
leaves even numbers even, what rounds to -1 is not below 0 there; taken away again, it stops at 0."""


def put(lanes: int) -> Iterator[str]:
    """`@putwide`(x, n, q, inverse, zero): n floats of a range, whole registers, as bytes; NaN may be any byte."""
    yield "define internal void @putwide(ptr %x, i64 %n, ptr %q, float %inverse, float %zero) {\nentry:"
    yield from splatted("inverses", "float", "%inverse", lanes)
    yield from splatted("zeros", "float", "%zero", lanes)
    yield from splatted("magics", "float", one(MAGIC + 2), lanes)
    yield f"  %wide = udiv i64 %n, {4 * lanes}\n  %most = mul i64 %wide, 4\n  %every = udiv i64 %n, {lanes}"
    yield "  %rest = sub i64 %every, %most"
    four = [f"  %w4 = mul i64 %w, {4 * lanes}\n  %xw = getelementptr float, ptr %x, i64 %w4"]
    four += [line for n in range(4) for line in _rounded(f"f{n}", lanes, "%xw", n)]
    for a, b, to in ((0, 1, "g0"), (2, 3, "g1")):
        four += [_together(to, f"%f{a}.w", f"%f{b}.w", lanes, "i32")]
    four += [_together("h", "%g0", "%g1", 2 * lanes, "i32"), *_small("bytes", "%h", 4 * lanes)]
    four += [f"  %qw = getelementptr i8, ptr %q, i64 %w4\n  store <{4 * lanes} x i8> %bytes, ptr %qw, align 1"]
    yield from counted("w", "%wide", "entry", four)
    single = [f"  %jo = add i64 %most, %j\n  %j1 = mul i64 %jo, {lanes}\n  %xj = getelementptr float, ptr %x, i64 %j1"]
    single += [*_rounded("e", lanes, "%xj", 0), *_small("small", "%e.w", lanes)]
    single += [f"  %qj = getelementptr i8, ptr %q, i64 %j1\n  store <{lanes} x i8> %small, ptr %qj, align 1"]
    yield from counted("j", "%rest", "w.done", single)
    yield "  ret void\n}"


def _rounded(name: str, lanes: int, at: str, register: int) -> Iterator[str]:
    """%`name`.w: floats as whole numbers, of which the last byte counts."""
    kind = f"<{lanes} x float>"
    yield f"  %{name}.p = getelementptr {kind}, ptr {at}, i64 {register}"
    yield f"  %{name}.v = load {kind}, ptr %{name}.p, align 4"
    yield f"  %{name}.m = fmul {kind} %{name}.v, %inverses\n  %{name}.t = fadd {kind} %{name}.m, %zeros"
    yield f"  %{name}.r = fadd {kind} %{name}.t, %magics\n  %{name}.w = bitcast {kind} %{name}.r to <{lanes} x i32>"


def _small(name: str, words: str, lanes: int) -> Iterator[str]:
    """%`name`: bytes of 0 to 127."""
    kind = f"<{lanes} x i8>"
    yield f"  %{name}.t = trunc <{lanes} x i32> {words} to {kind}"
    yield f"declare {kind} @llvm.usub.sat.v{lanes}i8({kind}, {kind})"
    yield f"  %{name}.s = call {kind} @llvm.usub.sat.v{lanes}i8({kind} %{name}.t, {kind} splat (i8 2))"
    yield f"  %{name}.c = icmp ult {kind} %{name}.s, splat (i8 {MOST})"
    yield f"  %{name} = select <{lanes} x i1> %{name}.c, {kind} %{name}.s, {kind} splat (i8 {MOST})"


def _together(name: str, a: str, b: str, lanes: int, kind: str) -> str:
    order = ", ".join(f"i32 {n}" for n in range(2 * lanes))
    vector = f"<{lanes} x {kind}>"
    return f"  %{name} = shufflevector {vector} {a}, {vector} {b}, <{2 * lanes} x i32> <{order}>"
