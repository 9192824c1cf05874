"""LLVM IR of a Linear without zeros, for one row: units side by side, weights as they lie in memory, without a copy.

I: inputs.  O: units.
"""

from collections.abc import Iterator

from .ordered import LANES
from .ordered_code import FLOATS, TOGETHER, folded, inside, load

GIVEN = "ptr %x, ptr %y, ptr %weight, ptr %bias, i64 %inputs"


def code() -> Iterator[str]:
    """`@linear`(x, y, weight, bias, inputs, units): y_O = weight_OI x_I + bias_O. Needs `masked` of `ordered_code`."""
    yield f"declare {FLOATS} @llvm.fma.v{LANES}f32({FLOATS}, {FLOATS}, {FLOATS})"
    for count in (TOGETHER, 1):
        yield from _units(count)
    yield f"define internal void @linear({GIVEN}, i64 %units) {{\nentry:"
    yield f"  %fours = and i64 %units, {-TOGETHER}\n  br label %unit"
    yield "unit:\n  %o = phi i64 [0, %entry], [%onext, %together], [%pnext, %alone]"
    yield "  %more = icmp ult i64 %o, %units\n  br i1 %more, label %which, label %exit"
    yield "which:\n  %row = mul i64 %o, %inputs\n  %wo = getelementptr float, ptr %weight, i64 %row"
    yield "  %yo = getelementptr float, ptr %y, i64 %o\n  %bo = getelementptr float, ptr %bias, i64 %o"
    yield "  %several = icmp ult i64 %o, %fours\n  br i1 %several, label %together, label %alone"
    for name, count, after in (("together", TOGETHER, "onext"), ("alone", 1, "pnext")):
        yield f"{name}:\n  call void @units{count}(ptr %x, ptr %yo, ptr %wo, ptr %bo, i64 %inputs)"
        yield f"  %{after} = add i64 %o, {count}\n  br label %unit"
    yield "exit:\n  ret void\n}"


def _units(count: int) -> Iterator[str]:
    """`@units`: `count` units. What is left of the inputs is a register with lanes of zero."""
    units = range(count)
    yield f"define internal void @units{count}({GIVEN}) {{\nentry:"
    for r in units:
        yield f"  %o{r} = mul i64 %inputs, {r}\n  %w{r} = getelementptr float, ptr %weight, i64 %o{r}"
    yield "  br label %input\ninput:\n  %ai = phi i64 [0, %entry], [%anext, %turn]"
    for r in units:
        yield f"  %s{r} = phi {FLOATS} [zeroinitializer, %entry], [%n{r}, %turn]"
    yield f"  %anext = add i64 %ai, {LANES}\n  %more = icmp ule i64 %anext, %inputs"
    yield "  br i1 %more, label %turn, label %left"
    yield f"turn:\n  %xp = getelementptr float, ptr %x, i64 %ai\n  %xv = load {FLOATS}, ptr %xp, align 4"
    for r in units:
        yield f"  %p{r} = getelementptr float, ptr %w{r}, i64 %ai\n  %v{r} = load {FLOATS}, ptr %p{r}, align 4"
        yield _product(f"n{r}", "%xv", f"%v{r}", f"%s{r}")
    yield "  br label %input\nleft:"
    yield from inside("a", "%inputs")
    yield from load("rest", "%x", "%ai", "%ain")
    for r in units:
        yield from load(f"r{r}", f"%w{r}", "%ai", "%ain")
        yield _product(f"t{r}", "%rest", f"%r{r}", f"%s{r}")
        yield from folded(f"f{r}", f"%t{r}")
        yield f"  %bp{r} = getelementptr float, ptr %bias, i64 {r}\n  %b{r} = load float, ptr %bp{r}"
        yield f"  %y{r} = fadd float %f{r}, %b{r}\n  %yp{r} = getelementptr float, ptr %y, i64 {r}"
        yield f"  store float %y{r}, ptr %yp{r}"
    yield "  ret void\n}"


def _product(name: str, one: str, other: str, added: str) -> str:
    return f"  %{name} = call {FLOATS} @llvm.fma.v{LANES}f32({FLOATS} {one}, {FLOATS} {other}, {FLOATS} {added})"
