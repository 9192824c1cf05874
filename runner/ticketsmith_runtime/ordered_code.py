"""LLVM IR of the functions of `ordered`: 16 lanes on every machine, as many registers as that takes.

F: numbers of a row.  T: positions.
"""

from collections.abc import Iterator, Sequence

from .llvm import splat
from .ordered import CUBE, LANES, LEAST, LN2_HIGH, LN2_LOW, LOG2_E, MOST, POWERS, TWICE

FLOATS, FLAGS, WHOLE = (f"<{LANES} x {kind}>" for kind in ("float", "i1", "i32"))
TOGETHER = 4
"""Registers of a value that are summed side by side: one sum after the other would wait for itself."""

BENDS = {"gelu_tanh": "bent", "silu": "silu", "sigmoid": "sigmoid"}
"""Operators on one number, and their functions."""
ATTENDED = (
    "ptr %q, ptr %k, ptr %v, ptr %y, i64 %heads, i64 %queries, i64 %keys, i64 %room, i64 %f, i64 %d, float %scale"
)
ATTENDED += ", ptr %work"
NORMED = "ptr %x, ptr %y, i64 %rows, i64 %n, ptr %gain, ptr %shift, float %share, float %eps, i64 %centred"


def code() -> Iterator[str]:
    """`@normed`, `@bent`, `@silu`, `@sigmoid` and `@attended`.

    `@normed`(x, y, rows, n, gain, shift, share, eps, centred): `share` is 1 / n.
    `@bent`(x, y, n): GELU by tanh; `@silu` and `@sigmoid` have the same arguments.
    `@attended`(q, k, v, y, heads, queries, keys, room, f, d, scale, work): queries of each head, rows of f floats, the
    last of which sees all keys, rows of f floats too, and their values of d; those of a head begin `room` rows behind
    those of the head before. `work`: f + keys floats.
    """
    yield "declare float @llvm.sqrt.f32(float)"
    yield from bent()
    yield from _normed()
    yield from _dot()
    yield from _shares()
    for count in (TOGETHER, 1):
        yield from _weighed(count)
    yield from _attended()


def masked() -> Iterator[str]:
    """Declarations of what `loop`, `load` and `store` call."""
    yield f"declare {FLOATS} @llvm.masked.load.v{LANES}f32.p0(ptr, i32, {FLAGS}, {FLOATS})"
    yield f"declare void @llvm.masked.store.v{LANES}f32.p0({FLOATS}, ptr, i32, {FLAGS})"


def bent() -> Iterator[str]:
    """`@bent`, `@silu` and `@sigmoid` alone."""
    yield from masked()
    yield f"declare {FLOATS} @llvm.rint.v{LANES}f32({FLOATS})"
    inner = [f"  %q = fmul {FLOATS} %v, %v", f"  %c = fmul {FLOATS} %q, %v"]
    inner += [f"  %w = fmul {FLOATS} %c, {splat(CUBE, LANES)}", f"  %s = fadd {FLOATS} %v, %w"]
    yield from _gate("bent", [*inner, f"  %z = fmul {FLOATS} %s, {splat(TWICE, LANES)}"], "%v")
    negated = [f"  %z = fneg {FLOATS} %v"]
    yield from _gate("silu", negated, "%v")
    yield from _gate("sigmoid", negated, splat(1.0, LANES))


def _gate(name: str, power: list[str], above: str) -> Iterator[str]:
    """`above` / (1 + exp(%z)) of each number %v, where `power` makes %z."""
    yield f"define void @{name}(ptr %x, ptr %y, i64 %n) {{\nentry:"
    lines = [*load("v", "%x", "%ai", "%ain"), *power, *_exp("e", "%z")]
    lines += [f"  %d = fadd {FLOATS} %e, {splat(1.0, LANES)}", f"  %r = fdiv {FLOATS} {above}, %d"]
    yield from loop("a", "%n", [*lines, *store("%r", "%y", "%ai", "%ain")])
    yield "  ret void\n}"


def loop(name: str, count: str, lines: Sequence[str], phis: Sequence[str] = (), before: str = "entry") -> Iterator[str]:
    """A loop over registers of `count` floats, with flags for lanes that are inside; it ends at `%{name}end`.

    `phis`: names of sums; each begins at zero, and is %{sum}next after a turn.
    """
    yield f"  br label %{name}\n{name}:\n  %{name}i = phi i64 [0, %{before}], [%{name}next, %{name}turn]"
    for phi in phis:
        yield f"  %{phi} = phi {FLOATS} [zeroinitializer, %{before}], [%{phi}next, %{name}turn]"
    yield f"  %{name}more = icmp ult i64 %{name}i, {count}\n  br i1 %{name}more, label %{name}turn, label %{name}end"
    yield f"{name}turn:\n  %{name}next = add i64 %{name}i, {LANES}"
    yield from inside(name, count)
    yield from lines
    yield f"  br label %{name}\n{name}end:"


def inside(name: str, count: str) -> Iterator[str]:
    """%{name}in: flags of the lanes before `count`, from %{name}i on."""
    yield f"  %{name}left = sub i64 {count}, %{name}i\n  %{name}few = icmp ult i64 %{name}left, {LANES}"
    yield f"  %{name}lanes = select i1 %{name}few, i64 %{name}left, i64 {LANES}"
    yield f"  %{name}whole = trunc i64 %{name}lanes to i32"
    yield from spread(f"{name}limit", "i32", f"%{name}whole")
    numbers = ", ".join(f"i32 {n}" for n in range(LANES))
    yield f"  %{name}in = icmp ugt {WHOLE} %{name}limit, <{numbers}>"


def spread(name: str, kind: str, number: str) -> Iterator[str]:
    vector = f"<{LANES} x {kind}>"
    yield f"  %{name}0 = insertelement {vector} poison, {kind} {number}, i64 0"
    yield f"  %{name} = shufflevector {vector} %{name}0, {vector} poison, <{LANES} x i32> zeroinitializer"


def load(name: str, base: str, at: str, inside: str) -> Iterator[str]:
    yield f"  %{name}p = getelementptr float, ptr {base}, i64 {at}"
    yield f"  %{name} = call {FLOATS} @llvm.masked.load.v{LANES}f32.p0(ptr %{name}p, i32 4, {FLAGS} {inside},"
    yield f"    {FLOATS} zeroinitializer)"


def store(value: str, base: str, at: str, inside: str) -> Iterator[str]:
    name = f"{value[1:]}to"
    yield f"  %{name} = getelementptr float, ptr {base}, i64 {at}"
    yield f"  call void @llvm.masked.store.v{LANES}f32.p0({FLOATS} {value}, ptr %{name}, i32 4, {FLAGS} {inside})"


def folded(name: str, lanes: str) -> Iterator[str]:
    """%`name`: halves of the lanes added until one is left."""
    size = LANES
    while size > 1:
        size //= 2
        wide, half = f"<{2 * size} x float>", f"<{size} x float>"
        for part, first in (("low", 0), ("high", size)):
            order = ", ".join(f"i32 {first + n}" for n in range(size))
            yield f"  %{name}{part}{size} = shufflevector {wide} {lanes}, {wide} poison, <{size} x i32> <{order}>"
        yield f"  %{name}{size} = fadd {half} %{name}low{size}, %{name}high{size}"
        lanes = f"%{name}{size}"
    yield f"  %{name} = extractelement <1 x float> {lanes}, i64 0"


def _exp(name: str, x: str) -> Iterator[str]:
    """%`name`: powers of e in all lanes."""
    n = f"%{name}"
    for edge, compared, limit, before in (("a", "olt", LEAST, x), ("b", "ogt", MOST, f"{n}a")):
        yield f"  {n}{edge}f = fcmp {compared} {FLOATS} {before}, {splat(limit, LANES)}"
        yield f"  {n}{edge} = select {FLAGS} {n}{edge}f, {FLOATS} {splat(limit, LANES)}, {FLOATS} {before}"
    yield f"  {n}l = fmul {FLOATS} {n}b, {splat(LOG2_E, LANES)}"
    yield f"  {n}t = call {FLOATS} @llvm.rint.v{LANES}f32({FLOATS} {n}l)"
    for part, before, number in (("h", f"{n}b", LN2_HIGH), ("r", f"{n}h", LN2_LOW)):
        yield f"  {n}{part}m = fmul {FLOATS} {n}t, {splat(number, LANES)}"
        yield f"  {n}{part} = fsub {FLOATS} {before}, {n}{part}m"
    last = splat(POWERS[0], LANES)
    for place, coefficient in enumerate(POWERS[1:]):
        yield f"  {n}m{place} = fmul {FLOATS} {last}, {n}r"
        yield f"  {n}s{place} = fadd {FLOATS} {n}m{place}, {splat(coefficient, LANES)}"
        last = f"{n}s{place}"
    yield f"  {n}q = fmul {FLOATS} {n}r, {n}r\n  {n}u = fmul {FLOATS} {last}, {n}q"
    yield f"  {n}v = fadd {FLOATS} {n}u, {n}r\n  {n}w = fadd {FLOATS} {n}v, {splat(1.0, LANES)}"
    yield f"  {n}o = fcmp ord {FLOATS} {n}t, {n}t"
    yield f"  {n}k = select {FLAGS} {n}o, {FLOATS} {n}t, {FLOATS} zeroinitializer"
    yield f"  {n}i = fptosi {FLOATS} {n}k to {WHOLE}\n  {n}i0 = ashr {WHOLE} {n}i, {_whole(1)}"
    yield f"  {n}i1 = sub {WHOLE} {n}i, {n}i0"
    for half in range(2):
        yield f"  {n}j{half} = add {WHOLE} {n}i{half}, {_whole(127)}"
        yield f"  {n}c{half} = shl {WHOLE} {n}j{half}, {_whole(23)}"
        yield f"  {n}d{half} = bitcast {WHOLE} {n}c{half} to {FLOATS}"
    yield f"  {n}y = fmul {FLOATS} {n}w, {n}d0\n  {n} = fmul {FLOATS} {n}y, {n}d1"


def _whole(number: int) -> str:
    return "<" + ", ".join([f"i32 {number}"] * LANES) + ">"


def _normed() -> Iterator[str]:
    yield f"define void @normed({NORMED}) {{\nentry:\n  %moves = icmp ne i64 %centred, 0\n  br label %row"
    yield "row:\n  %m = phi i64 [0, %entry], [%mnext, %done]\n  %on = icmp ult i64 %m, %rows"
    yield "  br i1 %on, label %begin, label %exit\nbegin:\n  %mnext = add i64 %m, 1\n  %o = mul i64 %m, %n"
    yield "  %xm = getelementptr float, ptr %x, i64 %o\n  %ym = getelementptr float, ptr %y, i64 %o"
    yield from loop(
        "a", "%n", [*load("ax", "%xm", "%ai", "%ain"), f"  %asumnext = fadd {FLOATS} %asum, %ax"], ["asum"], "begin"
    )
    yield from folded("sum", "%asum")
    yield "  %average = fmul float %sum, %share\n  %mean = select i1 %moves, float %average, float 0.0"
    yield from spread("means", "float", "%mean")
    squares = [
        *load("bx", "%xm", "%bi", "%bin"),
        f"  %bc = fsub {FLOATS} %bx, %means",
        f"  %bq = fmul {FLOATS} %bc, %bc",
    ]
    squares += [f"  %bs = select {FLAGS} %bin, {FLOATS} %bq, {FLOATS} zeroinitializer"]
    yield from loop("b", "%n", [*squares, f"  %bsumnext = fadd {FLOATS} %bsum, %bs"], ["bsum"], "aend")
    yield from folded("power", "%bsum")
    yield "  %variance = fmul float %power, %share\n  %more = fadd float %variance, %eps"
    yield "  %root = call float @llvm.sqrt.f32(float %more)\n  %inverse = fdiv float 1.0, %root"
    yield from spread("scales", "float", "%inverse")
    lines = [
        *load("cx", "%xm", "%ci", "%cin"),
        *load("cg", "%gain", "%ci", "%cin"),
        *load("cs", "%shift", "%ci", "%cin"),
    ]
    lines += [f"  %cc = fsub {FLOATS} %cx, %means", f"  %cn = fmul {FLOATS} %cc, %scales"]
    lines += [f"  %ct = fmul {FLOATS} %cn, %cg", f"  %cy = fadd {FLOATS} %ct, %cs", *store("%cy", "%ym", "%ci", "%cin")]
    yield from loop("c", "%n", lines, before="bend")
    yield "  br label %done\ndone:\n  br label %row\nexit:\n  ret void\n}"


def _dot() -> Iterator[str]:
    yield "define internal float @dot(ptr %q, ptr %k, i64 %n) {\nentry:"
    lines = [*load("qv", "%q", "%ai", "%ain"), *load("kv", "%k", "%ai", "%ain")]
    lines += [f"  %p = fmul {FLOATS} %qv, %kv", f"  %sumnext = fadd {FLOATS} %sum, %p"]
    yield from loop("a", "%n", lines, ["sum"])
    yield from folded("all", "%sum")
    yield "  ret float %all\n}"


def _shares() -> Iterator[str]:
    """`@shares`(scores, n): exp(score - the highest) in their place, and the sum of these."""
    yield "define internal float @shares(ptr %x, i64 %n) {\nentry:\n  br label %top"
    yield "top:\n  %t = phi i64 [0, %entry], [%tnext, %top]"
    yield "  %high = phi float [0xFFF0000000000000, %entry], [%higher, %top]"
    yield "  %tp = getelementptr float, ptr %x, i64 %t\n  %tv = load float, ptr %tp\n  %up = fcmp ogt float %tv, %high"
    yield "  %higher = select i1 %up, float %tv, float %high\n  %tnext = add i64 %t, 1"
    yield "  %again = icmp ult i64 %tnext, %n\n  br i1 %again, label %top, label %found\nfound:"
    yield from spread("highs", "float", "%higher")
    lines = [*load("v", "%x", "%ai", "%ain"), f"  %z = fsub {FLOATS} %v, %highs", *_exp("e", "%z")]
    lines += store("%e", "%x", "%ai", "%ain")
    lines += [
        f"  %s = select {FLAGS} %ain, {FLOATS} %e, {FLOATS} zeroinitializer",
        f"  %sumnext = fadd {FLOATS} %sum, %s",
    ]
    yield from loop("a", "%n", lines, ["sum"], "found")
    yield from folded("all", "%sum")
    yield "  ret float %all\n}"


def _weighed(count: int) -> Iterator[str]:
    """`@weighed`: `count` registers of sum of shares times values, over all keys, divided by the sum of the shares."""
    registers = range(count)
    given = "ptr %shares, ptr %v, i64 %keys, i64 %d, i64 %ai, float %all, ptr %y"
    yield f"define internal void @weighed{count}({given}) {{\nentry:"
    yield from inside("a", "%d")
    yield from spread("alls", "float", "%all")
    yield "  br label %key\nkey:\n  %t = phi i64 [0, %entry], [%tnext, %key]"
    for r in registers:
        yield f"  %s{r} = phi {FLOATS} [zeroinitializer, %entry], [%n{r}, %key]"
    yield "  %sp = getelementptr float, ptr %shares, i64 %t\n  %share = load float, ptr %sp\n  %o = mul i64 %t, %d"
    yield "  %vt = getelementptr float, ptr %v, i64 %o"
    yield from spread("ss", "float", "%share")
    for r in registers:
        yield f"  %i{r} = add i64 %ai, {r * LANES}"
        if count > 1:
            yield f"  %p{r} = getelementptr float, ptr %vt, i64 %i{r}\n  %v{r} = load {FLOATS}, ptr %p{r}, align 4"
        else:
            yield from load(f"v{r}", "%vt", f"%i{r}", "%ain")
        yield f"  %m{r} = fmul {FLOATS} %ss, %v{r}\n  %n{r} = fadd {FLOATS} %s{r}, %m{r}"
    yield "  %tnext = add i64 %t, 1\n  %more = icmp ult i64 %tnext, %keys"
    yield "  br i1 %more, label %key, label %done\ndone:"
    for r in registers:
        yield f"  %y{r} = fdiv {FLOATS} %n{r}, %alls"
        yield from store(f"%y{r}", "%y", f"%i{r}", "%ain" if count == 1 else _all())
    yield "  ret void\n}"


def _all() -> str:
    return "<" + ", ".join(["i1 1"] * LANES) + ">"


def _attended() -> Iterator[str]:
    yield f"define void @attended({ATTENDED}) {{\nentry:\n  %scores = getelementptr float, ptr %work, i64 %f"
    yield from spread("scales", "float", "%scale")
    yield f"  %wide = sub i64 %d, {TOGETHER * LANES - 1}\n  %earlier = sub i64 %keys, %queries"
    yield "  %count = mul i64 %heads, %queries\n  br label %query"
    yield "query:\n  %n = phi i64 [0, %entry], [%nnext, %part]\n  %on = icmp ult i64 %n, %count"
    yield "  br i1 %on, label %begin, label %exit\nbegin:\n  %nnext = add i64 %n, 1\n  %h = udiv i64 %n, %queries"
    yield "  %before = urem i64 %n, %queries\n  %more = add i64 %earlier, %before\n  %seen = add i64 %more, 1"
    yield "  %rows = mul i64 %h, %room"
    for name, by, size in (("q", "%n", "%f"), ("k", "%rows", "%f"), ("v", "%rows", "%d"), ("y", "%n", "%d")):
        yield f"  %{name}o = mul i64 {by}, {size}\n  %{name}h = getelementptr float, ptr %{name}, i64 %{name}o"
    lines = [*load("qv", "%qh", "%ai", "%ain"), f"  %qs = fmul {FLOATS} %qv, %scales"]
    yield from loop("a", "%f", [*lines, *store("%qs", "%work", "%ai", "%ain")], before="begin")
    yield "  br label %key\nkey:\n  %t = phi i64 [0, %aend], [%tnext, %key]\n  %to = mul i64 %t, %f"
    yield "  %kt = getelementptr float, ptr %kh, i64 %to\n  %s = call float @dot(ptr %work, ptr %kt, i64 %f)"
    yield "  %sp = getelementptr float, ptr %scores, i64 %t\n  store float %s, ptr %sp\n  %tnext = add i64 %t, 1"
    yield "  %again = icmp ult i64 %tnext, %seen\n  br i1 %again, label %key, label %known"
    yield "known:\n  %all = call float @shares(ptr %scores, i64 %seen)\n  br label %part"
    yield "part:\n  %i = phi i64 [0, %known], [%inext, %wides], [%jnext, %narrow]\n  %left = icmp ult i64 %i, %d"
    yield "  br i1 %left, label %which, label %query\nwhich:\n  %big = icmp slt i64 %i, %wide"
    yield "  br i1 %big, label %wides, label %narrow"
    for name, count, after in (("wides", TOGETHER, "inext"), ("narrow", 1, "jnext")):
        given = "ptr %scores, ptr %vh, i64 %seen, i64 %d, i64 %i, float %all, ptr %yh"
        yield f"{name}:\n  call void @weighed{count}({given})"
        yield f"  %{after} = add i64 %i, {count * LANES}\n  br label %part"
    yield "exit:\n  ret void\n}"
