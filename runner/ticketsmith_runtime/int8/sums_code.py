"""LLVM IR from steps to sums and back to floats: one code for all layers, whose weights are data.

L: lanes.  G: groups of units.
"""

import math
from collections.abc import Iterator

from .. import gelu, ordered_code
from . import steps_code
from .instructions import Instructions
from .steps_code import one, splatted

AFTER = {"": 0, "relu": 1, "gelu": 2, "gelu_tanh": 3}
"""Functions after a sum."""
BLOCKS = {8: 1, 4: 1, 2: 2, 1: 4}
"""Rows that are summed side by side, and steps of a turn: one sum after the other would wait for itself."""
CALL = {"n": "i64", "q": "ptr", "pitch": "i64", "scales": "ptr", "begins": "ptr", "starts": "ptr", "slots": "ptr"}
CALL |= {"units": "ptr", "groups": "i64", "together": "i64", "after": "i64", "offsets": "ptr", "width": "i64"}
CALL |= {"fixed": "ptr"}
"""Arguments of a Linear that are the same for all its rows, with their types."""
LAYER = "ptr %begins, ptr %starts, ptr %slots, ptr %units"
ROWS = "ptr %q, ptr %offsets, ptr %scales, i64 %scalestep, ptr %y, i64 %pitch"


def program(own: Instructions) -> Iterator[str]:
    """All functions: those of `steps_code`, and `@layer`.

    `@layer`(begins, starts, slots, units, groups, together, after, q, offsets, scales, scalestep, y, pitch, rows):
    outputs of `rows` rows. Row r is `offsets[r]` bytes behind `q`, its scales `r * scalestep` bytes behind `scales`,
    its outputs `r * pitch` floats behind `y`. `units` has for each group L steps, L sums of weights and L biases;
    `together` groups at a time are gone through for all rows. `after`: a number of AFTER.
    `@linear`(call, x, y, rows): both for rows of a Linear, with all else in `call`, words of 64 bits in the order of
    CALL: from Python four arguments take less time than twenty.
    """
    yield from own.declared()
    yield from steps_code.code(own.lanes)
    for rows, turn in BLOCKS.items():
        yield from _block(own, rows, turn)
    yield from _rows(own)
    yield from gelu.code(own.lanes)
    yield from ordered_code.bent()
    yield from _bend(own.lanes)
    yield from _layer(own)
    yield from _linear()


def _block(own: Instructions, rows: int, turn: int) -> Iterator[str]:
    """`@block`: a few rows through some groups; each step's picks and weights serve all of them."""
    block, turns = range(rows), range(turn)
    yield f"define internal void @block{rows}({LAYER}, i64 %groups, float %floor, {ROWS}) {{\nentry:"
    yield from splatted("floors", "float", "%floor", own.lanes)
    for r in block:
        yield f"  %op{r} = getelementptr i32, ptr %offsets, i64 {r}\n  %o{r} = load i32, ptr %op{r}"
        yield f"  %of{r} = zext i32 %o{r} to i64\n  %q{r} = getelementptr i8, ptr %q, i64 %of{r}"
    yield "  br label %group\ngroup:\n  %g = phi i64 [0, %entry], [%gnext, %done]\n  %gnext = add i64 %g, 1"
    for name, at in (("first", "%g"), ("last", "%gnext")):
        yield f"  %{name}p = getelementptr i32, ptr %begins, i64 {at}\n  %{name}w = load i32, ptr %{name}p"
        yield f"  %{name} = zext i32 %{name}w to i64"
    yield f"  %count = sub i64 %last, %first\n  %whole = and i64 %count, -{turn}\n  %stop = add i64 %first, %whole"
    yield "  %some = icmp ne i64 %whole, 0\n  br i1 %some, label %turn, label %rest"
    names = [(r, u) for r in block for u in turns]
    yield "turn:\n  %k = phi i64 [%first, %group], [%knext, %turn]"
    for r, u in names:
        yield f"  %s{r}.{u} = phi {own.whole} [zeroinitializer, %group], [%t{r}.{u}, %turn]"
    for u in turns:
        yield from _step(own, "%k", f"t{u}", [(f"%s{r}.{u}", f"t{r}.{u}", f"%q{r}") for r in block], u)
    yield f"  %knext = add i64 %k, {turn}\n  %more = icmp ult i64 %knext, %stop"
    yield "  br i1 %more, label %turn, label %rest"
    yield "rest:\n  %j = phi i64 [%first, %group], [%stop, %turn], [%jnext, %single]"
    for r, u in names:
        single = f"e{r}" if not u else f"f{r}.{u}"
        yield f"  %f{r}.{u} = phi {own.whole} [zeroinitializer, %group], [%t{r}.{u}, %turn], [%{single}, %single]"
    yield "  %left = icmp ult i64 %j, %last\n  br i1 %left, label %single, label %done\nsingle:"
    yield from _step(own, "%j", "e", [(f"%f{r}.0", f"e{r}", f"%q{r}") for r in block], 0)
    yield "  %jnext = add i64 %j, 1\n  br label %rest\ndone:"
    yield from _finish(own, rows, turn)
    yield "  %again = icmp ult i64 %gnext, %groups\n  br i1 %again, label %group, label %exit\nexit:\n  ret void\n}"


def _step(own: Instructions, at: str, name: str, sums: list[tuple[str, str, str]], ahead: int) -> Iterator[str]:
    """One step for some rows: (sum before, name of the sum after, address of the row)."""
    wide, size = f"<{own.bytes} x i8>", own.bytes
    yield f"  %{name}at = add i64 {at}, {ahead}\n  %{name}sp = getelementptr i32, ptr %starts, i64 %{name}at"
    yield f"  %{name}s = load i32, ptr %{name}sp\n  %{name}z = zext i32 %{name}s to i64"
    yield f"  %{name}d = getelementptr [{2 * size} x i8], ptr %slots, i64 %{name}at"
    yield f"  %{name}e = getelementptr i8, ptr %{name}d, i64 {size}"
    yield f"  %{name}p = load {wide}, ptr %{name}d, align {size}\n  %{name}w = load {wide}, ptr %{name}e, align {size}"
    for before, after, row in sums:
        yield f"  %{after}a = getelementptr i8, ptr {row}, i64 %{name}z"
        yield from own.picked(f"{after}i", f"%{after}a", f"%{name}p")
        yield from own.summed(after, before, f"%{after}i", f"%{name}w")


def _finish(own: Instructions, rows: int, turn: int) -> Iterator[str]:
    """Sums of a group to floats: less what zero stands for, times both steps, plus the bias, and the floor."""
    kind, lanes = f"<{own.lanes} x float>", own.lanes
    yield f"  %unit = getelementptr [{3 * own.bytes} x i8], ptr %units, i64 %g"
    yield f"  %step = load {kind}, ptr %unit, align 4"
    yield f"  %zp = getelementptr i8, ptr %unit, i64 {own.bytes}\n  %zs = load {own.whole}, ptr %zp, align 4"
    yield f"  %bp = getelementptr i8, ptr %unit, i64 {2 * own.bytes}\n  %bias = load {kind}, ptr %bp, align 4"
    yield f"  %to = mul i64 %g, {lanes}\n  %yg = getelementptr float, ptr %y, i64 %to"
    for r in range(rows):
        total = f"%f{r}.0"
        for u in range(1, turn):
            yield f"  %g{r}.{u} = add {own.whole} {total}, %f{r}.{u}"
            total = f"%g{r}.{u}"
        yield f"  %so{r} = mul i64 %scalestep, {r}\n  %sp{r} = getelementptr i8, ptr %scales, i64 %so{r}"
        yield f"  %row{r} = load float, ptr %sp{r}\n  %zq{r} = getelementptr i32, ptr %sp{r}, i64 1"
        yield f"  %zero{r} = load i32, ptr %zq{r}"
        yield from splatted(f"rs{r}.", "float", f"%row{r}", lanes)
        yield from splatted(f"zr{r}.", "i32", f"%zero{r}", lanes)
        yield f"  %cut{r} = mul {own.whole} %zr{r}., %zs\n  %w{r} = sub {own.whole} {total}, %cut{r}"
        yield f"  %fl{r} = sitofp {own.whole} %w{r} to {kind}\n  %st{r} = fmul {kind} %rs{r}., %step"
        yield f"  %pr{r} = fmul {kind} %fl{r}, %st{r}\n  %su{r} = fadd {kind} %pr{r}, %bias"
        yield f"  %lo{r} = fcmp olt {kind} %su{r}, %floors"
        yield f"  %out{r} = select <{lanes} x i1> %lo{r}, {kind} %floors, {kind} %su{r}"
        yield f"  %yo{r} = mul i64 %pitch, {r}\n  %yp{r} = getelementptr float, ptr %yg, i64 %yo{r}"
        yield f"  store {kind} %out{r}, ptr %yp{r}, align 4"


def _rows(own: Instructions) -> Iterator[str]:
    """`@rows`: blocks of rows, the largest first."""
    yield f"define internal void @rows({LAYER}, i64 %groups, float %floor, {ROWS}, i64 %rows) {{\nentry:"
    yield "  br label %head0"
    before, sizes = "%entry", list(BLOCKS)
    for n, block in enumerate(sizes):
        after = f"head{n + 1}" if n + 1 < len(sizes) else "end"
        start = "0" if n == 0 else f"%at{n - 1}"
        yield f"head{n}:\n  %at{n} = phi i64 [{start}, {before}], [%next{n}, %body{n}]"
        yield f"  %next{n} = add i64 %at{n}, {block}"
        yield f"  %on{n} = icmp ule i64 %next{n}, %rows\n  br i1 %on{n}, label %body{n}, label %{after}\nbody{n}:"
        yield f"  %o{n} = getelementptr i32, ptr %offsets, i64 %at{n}\n  %sa{n} = mul i64 %at{n}, %scalestep"
        yield f"  %s{n} = getelementptr i8, ptr %scales, i64 %sa{n}\n  %ya{n} = mul i64 %at{n}, %pitch"
        yield f"  %y{n} = getelementptr float, ptr %y, i64 %ya{n}"
        rows = ROWS.replace("%offsets", f"%o{n}").replace("%scales,", f"%s{n},").replace("%y,", f"%y{n},")
        yield f"  call void @block{block}({LAYER}, i64 %groups, float %floor, {rows})\n  br label %head{n}"
        before = f"%head{n}"
    yield "end:\n  ret void\n}"


def _layer(own: Instructions) -> Iterator[str]:
    """`@layer`: some groups at a time for all rows, so that their weights stay near; then what comes after a sum."""
    yield f"define void @layer({LAYER}, i64 %groups, i64 %together, i64 %after, {ROWS}, i64 %rows) {{\nentry:"
    yield f"  %relu = icmp eq i64 %after, {AFTER['relu']}\n  %bends = icmp uge i64 %after, {AFTER['gelu']}"
    yield f"  %floor = select i1 %relu, float 0.0, float {one(-math.inf)}\n  br label %head"
    yield "head:\n  %g = phi i64 [0, %entry], [%next, %body], [%next, %bend]\n  %on = icmp ult i64 %g, %groups"
    yield "  br i1 %on, label %body, label %end\nbody:\n  %next = add i64 %g, %together"
    yield "  %short = icmp ugt i64 %next, %groups\n  %last = select i1 %short, i64 %groups, i64 %next"
    yield "  %count = sub i64 %last, %g\n  %b = getelementptr i32, ptr %begins, i64 %g"
    yield f"  %u = getelementptr [{3 * own.bytes} x i8], ptr %units, i64 %g\n  %to = mul i64 %g, {own.lanes}"
    yield "  %yg = getelementptr float, ptr %y, i64 %to"
    layer, rows = LAYER.replace("%begins", "%b").replace("%units", "%u"), ROWS.replace("%y,", "%yg,")
    yield f"  call void @rows({layer}, i64 %count, float %floor, {rows}, i64 %rows)"
    yield "  br i1 %bends, label %bend, label %head"
    yield "bend:\n  %m = phi i64 [0, %body], [%mnext, %bend]\n  %mo = mul i64 %m, %pitch"
    yield "  %ym = getelementptr float, ptr %yg, i64 %mo\n  call void @follow(ptr %ym, i64 %count, i64 %after)"
    yield "  %mnext = add i64 %m, 1\n  %more = icmp ult i64 %mnext, %rows\n  br i1 %more, label %bend, label %head"
    yield "end:\n  ret void\n}"


def _bend(lanes: int) -> Iterator[str]:
    """`@follow`: what comes after a sum and takes a function, for some groups of a row."""
    yield "define internal void @follow(ptr %y, i64 %groups, i64 %after) {"
    yield f"  %exact = icmp eq i64 %after, {AFTER['gelu']}\n  br i1 %exact, label %erf, label %tanh"
    yield "erf:\n  call void @gelu(ptr %y, i64 %groups)\n  ret void"
    yield f"tanh:\n  %n = mul i64 %groups, {lanes}\n  call void @bent(ptr %y, ptr %y, i64 %n)\n  ret void\n}}"


def _linear() -> Iterator[str]:
    """`@linear`: quantize, then sum; rows of outputs follow each other."""
    yield "define void @linear(ptr %call, ptr %x, ptr %y, i64 %rows) {"
    for place, (name, kind) in enumerate(CALL.items()):
        yield f"  %{name}p = getelementptr i64, ptr %call, i64 {place}\n  %{name} = load {kind}, ptr %{name}p"
    yield "  call void @quantize(ptr %x, i64 %n, i64 %rows, ptr %q, i64 %pitch, ptr %scales, ptr %fixed)"
    yield f"  call void @layer({LAYER}, i64 %groups, i64 %together, i64 %after,"
    yield "    ptr %q, ptr %offsets, ptr %scales, i64 8, ptr %y, i64 %width, i64 %rows)\n  ret void\n}"
