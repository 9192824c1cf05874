"""LLVM IR for the places of a convolution: rows of bytes that overlap, some of them side by side through all steps.

A window is loaded once for each place, and used by one step or several. The range of the outputs is taken while they
are in registers, for the layer that reads them next.

L: lanes.
"""

import math
from collections.abc import Iterator

from .instructions import Instructions
from .records_code import counted, pointers, sample
from .steps_code import one, splatted

BLOCKS = (8, 4, 1)
"""Places side by side."""
SPAN = 3
"""Registers of a range: the lowest, the highest, and a sum that is no number if one of them is none."""
GIVEN = "ptr %begins, ptr %starts, ptr %slots, ptr %units, i64 %groups"
PLACES = "ptr %q, ptr %offsets, ptr %scales, ptr %y, i64 %pitch, i64 %delta, float %floor, ptr %span"
"""`q`: the plane, and `offsets` of places in it.  `pitch`: floats from the outputs of a place to those of the next.
`delta`: bytes from an output to what is added to it; 0: nothing."""


def code(own: Instructions) -> Iterator[str]:
    """`@places1`, and `@places2` where a window has two uses: (GIVEN, PLACES, rows)."""
    for uses in range(1, own.uses + 1):
        for rows in BLOCKS:
            yield from _block(own, rows, uses)
        yield from _places(uses)


def _block(own: Instructions, rows: int, uses: int) -> Iterator[str]:
    """`@places{uses}.{rows}`: so many places through some groups of units."""
    kind, whole, places = f"<{own.lanes} x float>", own.whole, range(rows)
    yield f"define internal void @places{uses}.{rows}({GIVEN}, {PLACES}) {{\nentry:"
    yield "  %row = load float, ptr %scales\n  %zp = getelementptr i32, ptr %scales, i64 1\n  %zero = load i32, ptr %zp"
    yield "  %less = sub i32 0, %zero\n  %adds = icmp ne i64 %delta, 0"
    yield "  %relu = fcmp oeq float %floor, 0.0"
    yield from splatted("rows", "float", "%row", own.lanes)
    yield from splatted("lesses", "i32", "%less", own.lanes)
    yield from splatted("floors", "float", "%floor", own.lanes)
    for r in places:
        yield f"  %op{r} = getelementptr i32, ptr %offsets, i64 {r}\n  %o{r} = load i32, ptr %op{r}"
        yield f"  %of{r} = zext i32 %o{r} to i64\n  %q{r} = getelementptr i8, ptr %q, i64 %of{r}"
    yield from counted("g", "%groups", "entry", _group(own, rows, uses, kind, whole))
    yield "  ret void\n}"


def _group(own: Instructions, rows: int, uses: int, kind: str, whole: str) -> Iterator[str]:
    places = range(rows)
    yield "  %fp = getelementptr i32, ptr %begins, i64 %g\n  %fw = load i32, ptr %fp\n  %first = zext i32 %fw to i64"
    yield "  %lp = getelementptr i32, ptr %fp, i64 1\n  %lw = load i32, ptr %lp\n  %last = zext i32 %lw to i64"
    yield "  %count = sub i64 %last, %first"
    yield f"  %unit = getelementptr [{3 * own.bytes} x i8], ptr %units, i64 %g"
    yield f"  %step = load {kind}, ptr %unit, align 4"
    yield f"  %up = getelementptr i8, ptr %unit, i64 {own.bytes}\n  %zs = load {whole}, ptr %up, align 4"
    yield f"  %bp = getelementptr i8, ptr %unit, i64 {2 * own.bytes}\n  %bias = load {kind}, ptr %bp, align 4"
    yield f"  %cut = mul {whole} %lesses, %zs\n  %both = fmul {kind} %rows, %step"
    sums = [
        (f"%s{r}.{u}", whole, "zeroinitializer" if u else "%cut", f"%t{r}.{u}") for r in places for u in range(uses)
    ]
    yield from counted("k", "%count", "g.body", _window(own, rows, uses), sums)
    yield f"  %to = mul i64 %g, {own.lanes}\n  %yg = getelementptr float, ptr %y, i64 %to"
    for r in places:
        total = f"%s{r}.0"
        for u in range(1, uses):
            yield f"  %d{r}.{u} = add {whole} {total}, %s{r}.{u}"
            total = f"%d{r}.{u}"
        yield f"  %fl{r} = sitofp {whole} {total} to {kind}\n  %pr{r} = fmul {kind} %fl{r}, %both"
        yield f"  %su{r} = fadd {kind} %pr{r}, %bias"
        yield f"  %yo{r} = mul i64 %pitch, {r}\n  %yp{r} = getelementptr float, ptr %yg, i64 %yo{r}"
    yield "  br i1 %adds, label %more, label %plain\nmore:"
    for r in places:
        yield f"  %xp{r} = getelementptr i8, ptr %yp{r}, i64 %delta\n  %x{r} = load {kind}, ptr %xp{r}, align 4"
        yield f"  %ad{r} = fadd {kind} %su{r}, %x{r}"
    yield "  br label %plain\nplain:"
    for r in places:
        yield f"  %v{r} = phi {kind} [%su{r}, %k.done], [%ad{r}, %more]"
    yield from _ended(own, rows, kind)


def _window(own: Instructions, rows: int, uses: int) -> Iterator[str]:
    """The steps of one window, for all rows."""
    wide, size = f"<{own.bytes} x i8>", own.bytes
    yield "  %at = add i64 %first, %k\n  %sp = getelementptr i32, ptr %starts, i64 %at\n  %sw = load i32, ptr %sp"
    yield f"  %start = zext i32 %sw to i64\n  %slot = getelementptr [{2 * size * uses} x i8], ptr %slots, i64 %at"
    for u in range(uses):
        for name, place in (("p", 2 * u), ("w", 2 * u + 1)):
            yield f"  %{name}a{u} = getelementptr i8, ptr %slot, i64 {place * size}"
            yield f"  %{name}{u} = load {wide}, ptr %{name}a{u}, align {size}"
    for r in range(rows):
        yield f"  %a{r} = getelementptr i8, ptr %q{r}, i64 %start"
        yield from own.loaded(f"w{r}.", f"%a{r}")
        for u in range(uses):
            yield from own.chosen(f"i{r}.{u}", f"%w{r}.", f"%p{u}")
            yield from own.summed(f"t{r}.{u}", f"%s{r}.{u}", f"%i{r}.{u}", f"%w{u}")


def _ended(own: Instructions, rows: int, kind: str) -> Iterator[str]:
    """Floor, store, and range of outputs."""
    for r in range(rows):
        yield f"  %lo{r} = fcmp olt {kind} %v{r}, %floors"
        yield f"  %y{r} = select <{own.lanes} x i1> %lo{r}, {kind} %floors, {kind} %v{r}"
        yield f"  store {kind} %y{r}, ptr %yp{r}, align 4"
    for n, name in enumerate(("low", "high", "sum")):
        yield f"  %{name}p = getelementptr {kind}, ptr %span, i64 {n}"
    yield "  br i1 %relu, label %positive, label %signed\npositive:"
    yield from _bits(own, rows, kind)
    yield "  br label %g.end\nsigned:"
    yield from _signed(own, rows, kind)


def _bits(own: Instructions, rows: int, kind: str) -> Iterator[str]:
    """The range of what is not negative: its bits are in the order of its numbers, and those of NaN come last."""
    whole, total = own.whole, "%most"
    yield f"declare {whole} @llvm.umax.v{own.lanes}i32({whole}, {whole})"
    yield f"  %most = load {whole}, ptr %highp, align 4"
    for r in range(rows):
        yield f"  %bits{r} = bitcast {kind} %y{r} to {whole}"
        yield f"  %most{r} = call {whole} @llvm.umax.v{own.lanes}i32({whole} {total}, {whole} %bits{r})"
        total = f"%most{r}"
    for name in ("high", "sum"):
        yield f"  store {whole} {total}, ptr %{name}p, align 4"


def _signed(own: Instructions, rows: int, kind: str) -> Iterator[str]:
    flags, low, high, total = f"<{own.lanes} x i1>", "%low", "%high", "%sum"
    for name in ("low", "high", "sum"):
        yield f"  %{name} = load {kind}, ptr %{name}p, align 4"
    for r in range(rows):
        yield f"  %ul{r} = fcmp olt {kind} %y{r}, {low}\n  %l{r} = select {flags} %ul{r}, {kind} %y{r}, {kind} {low}"
        yield f"  %oh{r} = fcmp ogt {kind} %y{r}, {high}\n  %h{r} = select {flags} %oh{r}, {kind} %y{r}, {kind} {high}"
        yield f"  %n{r} = fadd {kind} {total}, %y{r}"
        low, high, total = f"%l{r}", f"%h{r}", f"%n{r}"
    for name, value in (("low", low), ("high", high), ("sum", total)):
        yield f"  store {kind} {value}, ptr %{name}p, align 4"


def _places(uses: int) -> Iterator[str]:
    """`@places{uses}`: blocks of places, the largest first."""
    yield f"define internal void @places{uses}({GIVEN}, {PLACES}, i64 %rows) {{\nentry:"
    done, before = "0", "entry"
    for n, block in enumerate(BLOCKS):
        yield f"  %left{n} = sub i64 %rows, {done}\n  %count{n} = udiv i64 %left{n}, {block}"
        yield from counted(f"b{n}", f"%count{n}", before, _of(uses, n, block, done))
        yield f"  %some{n} = mul i64 %count{n}, {block}\n  %done{n} = add i64 {done}, %some{n}"
        done, before = f"%done{n}", f"b{n}.done"
    yield "  ret void\n}"


def _of(uses: int, n: int, block: int, done: str) -> Iterator[str]:
    yield f"  %by{n} = mul i64 %b{n}, {block}\n  %at{n} = add i64 {done}, %by{n}"
    yield f"  %o{n} = getelementptr i32, ptr %offsets, i64 %at{n}\n  %yo{n} = mul i64 %at{n}, %pitch"
    yield f"  %y{n} = getelementptr float, ptr %y, i64 %yo{n}"
    places = PLACES.replace("%offsets", f"%o{n}").replace("%y,", f"%y{n},")
    yield f"  call void @places{uses}.{block}({GIVEN}, {places})"


def layer(own: Instructions) -> Iterator[str]:
    """Outputs of a convolution: some groups at a time for all places of all samples, so that weights stay near."""
    yield from pointers("begins", "starts", "slots", "units", "offsets")
    yield f"  %relu = icmp ne i64 %floor, 0\n  %least = select i1 %relu, float 0.0, float {one(-math.inf)}"
    yield "  %twice = icmp eq i64 %uses, 2"
    yield "  %more = add i64 %groups, %near\n  %less = sub i64 %more, 1\n  %parts = udiv i64 %less, %near"
    clear = [*sample("span"), f"  call void @llvm.memset.p0.i64(ptr %span.a, i8 0, i64 {SPAN * own.bytes}, i1 false)"]
    yield from counted("s", "%m", "entry", clear)
    given = "ptr %begins.g, ptr %starts.a, ptr %slots.a, ptr %units.g, i64 %some"
    places = "ptr %q.a, ptr %offsets.a, ptr %scales.a, ptr %y.g, i64 %pitch, i64 %delta, float %least, ptr %span.a"
    yield from counted("g", "%parts", "s.done", _grouped(own, given, places))


def _grouped(own: Instructions, given: str, places: str) -> Iterator[str]:
    yield "  %from = mul i64 %g, %near\n  %rest = sub i64 %groups, %from"
    yield "  %some = call i64 @llvm.umin.i64(i64 %rest, i64 %near)"
    yield "  %begins.g = getelementptr i32, ptr %begins.a, i64 %from"
    yield f"  %units.g = getelementptr [{3 * own.bytes} x i8], ptr %units.a, i64 %from"
    yield f"  %on.g = mul i64 %from, {own.lanes}"
    body = ["  %t.o = mul i64 %t, %size\n  %piece.t = getelementptr i8, ptr %work, i64 %t.o"]
    body += [f"  %{name}.t = getelementptr i8, ptr %piece.t, i64 %{name}" for name in ("span", "q", "scales", "y")]
    body += ["  %y.g = getelementptr float, ptr %y.t, i64 %on.g"]
    for name in ("span", "q", "scales"):
        places = places.replace(f"%{name}.a", f"%{name}.t")
    if own.uses == 2:
        body += ["  br i1 %twice, label %two, label %one\ntwo:"]
        body += [f"  call void @places2({given}, {places}, i64 %rows)\n  br label %t.end\none:"]
    body += [f"  call void @places1({given}, {places}, i64 %rows)"]
    yield from counted("t", "%m", "g.body", body)


def row() -> Iterator[str]:
    """Outputs of a Linear: a sample is a row."""
    yield from pointers("begins", "starts", "slots", "units", "offsets")
    yield "  %pitch = udiv i64 %size, 4\n  %q.a = getelementptr i8, ptr %work, i64 %q"
    yield "  %s.a = getelementptr i8, ptr %work, i64 %scales\n  %y.a = getelementptr i8, ptr %work, i64 %y"
    yield "  call void @layer(ptr %begins.a, ptr %starts.a, ptr %slots.a, ptr %units.a, i64 %groups, i64 %near,"
    yield "    i64 %after, ptr %q.a, ptr %offsets.a, ptr %s.a, i64 %size, ptr %y.a, i64 %pitch, i64 %m)"
