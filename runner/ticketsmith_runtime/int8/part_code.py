"""LLVM IR that goes through a part of a network: records in memory say what is done, one after the other.

A sample has a piece of `work`; values in it are floats, place by place, `pitch` floats from one to the next, those that
are no channels zero. Planes are the same as bytes, with a border, and nothing between places.

L: lanes.
"""

import math
from collections.abc import Iterable, Iterator

from ..llvm import splat
from . import bytes_code, fields_code, pools_code, sums_code
from .bytes_code import PIECE
from .instructions import Instructions
from .records_code import CALL, RECORD, array, counted, function, sample
from .steps_code import one, splatted


def code(own: Instructions) -> Iterator[str]:
    """`@run`(call), and what it calls."""
    yield from sums_code.program(own)
    yield from fields_code.code(own)
    yield from bytes_code.put(own.lanes)
    for name, body in _bodies(own).items():
        yield from function(name, body)
    yield from _run()


def _bodies(own: Instructions) -> dict[str, Iterable[str]]:
    """Functions of records, by name."""
    pools = {name: pools_code.pool(own.lanes, name) for name in pools_code.WIDTHS}
    moved: dict[str, Iterable[str]] = {"enter": _enter(own.lanes), "join": _join(own.lanes), "bend": _bend(own.lanes)}
    moved |= {"scale": _scale(own.lanes)} | {name: _hard(own.lanes, name) for name in ("hardswish", "hardsigmoid")}
    layers: dict[str, Iterable[str]] = {"places": fields_code.layer(own), "row": fields_code.row()}
    return moved | layers | pools | {"bytes": bytes_code.plane(own.lanes), "leave": _leave()}


def _run() -> Iterator[str]:
    """All records for some samples, then for the next."""
    yield "declare i64 @llvm.umin.i64(i64, i64)"
    yield "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    yield "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
    yield "define void @run(ptr %call) {\nentry:"
    for n, name in enumerate(CALL):
        kind = "ptr" if name in ("work", "records") else "i64"
        yield f"  %{name}p = getelementptr i64, ptr %call, i64 {n}\n  %{name} = load {kind}, ptr %{name}p"
    yield "  %more = add i64 %samples, %together\n  %less = sub i64 %more, 1\n  %parts = udiv i64 %less, %together"
    yield from counted("p", "%parts", "entry", _records())
    yield "  ret void\n}"


def _records() -> Iterator[str]:
    yield "  %at = mul i64 %p, %together\n  %left = sub i64 %samples, %at"
    yield "  %m = call i64 @llvm.umin.i64(i64 %left, i64 %together)"
    call = [
        f"  %ro = mul i64 %r, {RECORD}\n  %record = getelementptr i64, ptr %records, i64 %ro",
        "  %function = load ptr, ptr %record",
        "  call void %function(ptr %record, i64 %m, i64 %at, ptr %call, ptr %work, i64 %size)",
    ]
    yield from counted("r", "%count", "p.body", call)


COLOURS = 3
"""Channels of most images, which are put side by side a register at a time."""


def _enter(lanes: int) -> Iterator[str]:
    """A sample from the caller's memory, whose channels come first, or last."""
    yield "  %mode.w = getelementptr i64, ptr %call, i64 %array\n  %mode.p = getelementptr i64, ptr %mode.w, i64 1"
    yield "  %last = load i64, ptr %mode.p\n  %behind = icmp ne i64 %last, 0\n  %numbers = mul i64 %channels, %places"
    yield "  %one = icmp eq i64 %channels, 1\n  %point = icmp eq i64 %places, 1\n  %flat0 = or i1 %one, %point"
    yield "  %flat1 = or i1 %behind, %flat0\n  %tight = icmp eq i64 %pitch, %channels"
    yield "  %flat = and i1 %flat1, %tight"
    yield "  %cstep = select i1 %behind, i64 1, i64 %places\n  %pstep = select i1 %behind, i64 %channels, i64 1"
    yield "  %bytes = mul i64 %numbers, 4\n  %room = mul i64 %pitch, %places\n  %all = mul i64 %room, 4"
    channel = [
        "  %fc = mul i64 %c, %cstep\n  %from = getelementptr float, ptr %fp, i64 %fc",
        "  %number = load float, ptr %from",
        "  %to = getelementptr float, ptr %yp, i64 %c\n  store float %number, ptr %to",
    ]
    place = [
        "  %pn = add i64 %p, %beside\n  %po = mul i64 %pn, %pstep\n  %fp = getelementptr float, ptr %array.a, i64 %po",
        "  %yo = mul i64 %pn, %pitch\n  %yp = getelementptr float, ptr %y.a, i64 %yo",
        *counted("c", "%channels", "p.body", channel),
    ]
    body = [
        *sample("y"),
        *array("%numbers"),
        "  %end = getelementptr i8, ptr %y.a, i64 %all",
        f"  call void @llvm.memset.p0.i64(ptr %end, i8 0, i64 {PIECE}, i1 false)",
        "  br i1 %flat, label %whole, label %apart\nwhole:",
        "  call void @llvm.memcpy.p0.p0.i64(ptr %y.a, ptr %array.a, i64 %bytes, i1 false)\n  br label %s.end\napart:",
        "  br i1 %tight, label %go, label %clear\nclear:",
        "  call void @llvm.memset.p0.i64(ptr %y.a, i8 0, i64 %all, i1 false)\n  br label %go\ngo:",
        *counted("v", "%registers", "go", _interleaved(lanes)),
        *counted("p", "%rest", "v.done", place),
    ]
    yield f"  %image0 = icmp eq i64 %channels, {COLOURS}\n  %image = and i1 %image0, %tight"
    yield f"  %many = udiv i64 %places, {lanes}\n  %registers = select i1 %image, i64 %many, i64 0"
    yield f"  %beside = mul i64 %registers, {lanes}\n  %rest = sub i64 %places, %beside"
    yield from counted("s", "%m", "entry", body)


def _interleaved(lanes: int) -> Iterator[str]:
    """A register of each colour, place by place."""
    kind, double, all_of_them = f"<{lanes} x float>", f"<{2 * lanes} x float>", COLOURS * lanes
    yield f"  %vo = mul i64 %v, {lanes}"
    for n in range(COLOURS):
        yield f"  %vo{n} = mul i64 %places, {n}\n  %vn{n} = add i64 %vo{n}, %vo"
        yield f"  %vp{n} = getelementptr float, ptr %array.a, i64 %vn{n}\n  %v{n} = load {kind}, ptr %vp{n}, align 4"
    follow = ", ".join(f"i32 {n}" for n in range(2 * lanes))
    picks = ", ".join(f"i32 {n // COLOURS + n % COLOURS * lanes}" for n in range(all_of_them))
    yield f"  %va = shufflevector {kind} %v0, {kind} %v1, <{2 * lanes} x i32> <{follow}>"
    yield f"  %vb = shufflevector {kind} %v2, {kind} poison, <{2 * lanes} x i32> <{follow}>"
    yield f"  %vc = shufflevector {double} %va, {double} %vb, <{all_of_them} x i32> <{picks}>"
    yield f"  %vt = mul i64 %vo, {COLOURS}\n  %vy = getelementptr float, ptr %y.a, i64 %vt"
    yield f"  store <{all_of_them} x float> %vc, ptr %vy, align 4"


def _leave() -> Iterator[str]:
    """A value into the caller's memory, without what is no channel."""
    yield "  %numbers = mul i64 %channels, %places\n  %bytes = mul i64 %channels, 4"
    place = [
        "  %fo = mul i64 %p, %pitch\n  %from = getelementptr float, ptr %x.a, i64 %fo",
        "  %too = mul i64 %p, %channels\n  %to = getelementptr float, ptr %array.a, i64 %too",
        "  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %bytes, i1 false)",
    ]
    body = [*sample("x"), *array("%numbers"), *counted("p", "%places", "s.body", place)]
    yield from counted("s", "%m", "entry", body)


def _join(lanes: int) -> Iterator[str]:
    """A sum of two values, or one value, and no less than the floor."""
    kind, flags = f"<{lanes} x float>", f"<{lanes} x i1>"
    yield f"  %relu = icmp ne i64 %floor, 0\n  %least = select i1 %relu, float 0.0, float {one(-math.inf)}"
    yield from splatted("leasts", "float", "%least", lanes)
    yield f"  %adds = icmp sge i64 %other, 0\n  %count = udiv i64 %floats, {lanes}"
    register = [f"  %xp = getelementptr {kind}, ptr %x.a, i64 %i\n  %v = load {kind}, ptr %xp, align 4"]
    register += ["  br i1 %adds, label %add, label %bend\nadd:"]
    register += [f"  %op = getelementptr {kind}, ptr %other.a, i64 %i\n  %o = load {kind}, ptr %op, align 4"]
    register += [f"  %sum = fadd {kind} %v, %o\n  br label %bend\nbend:"]
    register += [f"  %w = phi {kind} [%v, %i.body], [%sum, %add]\n  %c = fcmp olt {kind} %w, %leasts"]
    register += [f"  %z = select {flags} %c, {kind} %leasts, {kind} %w"]
    register += [f"  %yp = getelementptr {kind}, ptr %y.a, i64 %i\n  store {kind} %z, ptr %yp, align 4"]
    yield from counted("s", "%m", "entry", [*sample("x", "other", "y"), *counted("i", "%count", "s.body", register)])


def _bend(lanes: int) -> Iterator[str]:
    """GELU of a value."""
    yield f"  %bytes = mul i64 %floats, 4\n  %count = udiv i64 %floats, {lanes}"
    body = [*sample("x", "y"), "  call void @llvm.memcpy.p0.p0.i64(ptr %y.a, ptr %x.a, i64 %bytes, i1 false)"]
    yield from counted("s", "%m", "entry", [*body, "  call void @gelu(ptr %y.a, i64 %count)"])


def _hard(lanes: int, name: str) -> Iterator[str]:
    """Hardswish or hardsigmoid of a value: a ramp from -3 to 3."""
    kind, flags = f"<{lanes} x float>", f"<{lanes} x i1>"
    yield f"  %count = udiv i64 %floats, {lanes}"
    register = [f"  %xp = getelementptr {kind}, ptr %x.a, i64 %i\n  %v = load {kind}, ptr %xp, align 4"]
    register += [f"  %t = fadd {kind} %v, {splat(3.0, lanes)}\n  %u = fcmp olt {kind} %t, zeroinitializer"]
    register += [f"  %a = select {flags} %u, {kind} zeroinitializer, {kind} %t"]
    register += [f"  %o = fcmp ogt {kind} %a, {splat(6.0, lanes)}"]
    register += [f"  %b = select {flags} %o, {kind} {splat(6.0, lanes)}, {kind} %a"]
    ramp = "%b"
    if name == "hardswish":
        register += [f"  %w = fmul {kind} %v, %b"]
        ramp = "%w"
    register += [f"  %z = fdiv {kind} {ramp}, {splat(6.0, lanes)}"]
    register += [f"  %yp = getelementptr {kind}, ptr %y.a, i64 %i\n  store {kind} %z, ptr %yp, align 4"]
    yield from counted("s", "%m", "entry", [*sample("x", "y"), *counted("i", "%count", "s.body", register)])


def _scale(lanes: int) -> Iterator[str]:
    """Each place times the one place of another value."""
    kind = f"<{lanes} x float>"
    register = [f"  %op = getelementptr {kind}, ptr %other.a, i64 %i\n  %o = load {kind}, ptr %op, align 4"]
    register += ["  %at.p = mul i64 %p, %registers\n  %n = add i64 %at.p, %i"]
    register += [f"  %xp = getelementptr {kind}, ptr %x.a, i64 %n\n  %v = load {kind}, ptr %xp, align 4"]
    register += [f"  %z = fmul {kind} %v, %o"]
    register += [f"  %yp = getelementptr {kind}, ptr %y.a, i64 %n\n  store {kind} %z, ptr %yp, align 4"]
    place = counted("p", "%places", "s.body", counted("i", "%registers", "p.body", register))
    yield from counted("s", "%m", "entry", [*sample("x", "other", "y"), *place])
