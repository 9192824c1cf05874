"""LLVM IR for windows of a plane: the largest of each, or the mean.

L: lanes.
"""

import math
from collections.abc import Iterator

from ..llvm import splat
from .records_code import counted, pointers, sample
from .steps_code import splatted

WIDTHS = {"largest": (1,), "highest": (4, 2, 1), "mean": (1,)}
"""Registers of a place that are side by side in the loop over taps."""


def pool(lanes: int, name: str) -> Iterator[str]:
    """The largest of each window, or its sum over a count of its own; taps outside of the plane are in no list.

    `highest` is `largest` for what is not negative, as after ReLU: its bits are in the order of its numbers, NaN last.
    """
    yield from pointers("line_begins", "line_taps", "begins", "taps", "counts")
    yield f"  %registers = udiv i64 %pitch, {lanes}"
    column = [*_taps("c", "%begins.a", "%j"), "  %ij0 = mul i64 %i, %columns\n  %ij = add i64 %ij0, %j"]
    column += ["  %yo = mul i64 %ij, %pitch\n  %yj = getelementptr float, ptr %y.a, i64 %yo"]
    if name == "mean":
        column += ["  %np = getelementptr float, ptr %counts.a, i64 %ij\n  %counted = load float, ptr %np"]
        column += splatted("counteds", "float", "%counted", lanes)
    done, before = "0", "j.body"
    for width in WIDTHS[name]:
        v = f"v{width}"
        column += [f"  %{v}.left = sub i64 %registers, {done}\n  %{v}.count = udiv i64 %{v}.left, {width}"]
        column += counted(v, f"%{v}.count", before, _windows(lanes, name, width, done))
        column += [f"  %{v}.some = mul i64 %{v}.count, {width}\n  %{v}.all = add i64 {done}, %{v}.some"]
        done, before = f"%{v}.all", f"{v}.done"
    row = [*_taps("r", "%line_begins.a", "%i"), *counted("j", "%columns", "i.body", column)]
    yield from counted("s", "%m", "entry", [*sample("x", "y"), *counted("i", "%lines", "s.body", row)])


def _windows(lanes: int, name: str, width: int, done: str) -> Iterator[str]:
    """All taps for some registers of a place."""
    kind, v, registers = f"<{lanes} x {'i32' if name == 'highest' else 'float'}>", f"v{width}", range(width)
    a, b = f"a{width}", f"b{width}"
    tap = [f"  %{b}.i = add i64 %c0, %{b}\n  %{b}.p = getelementptr i32, ptr %taps.a, i64 %{b}.i"]
    tap += [f"  %{b}.w = load i32, ptr %{b}.p\n  %{b}.z = zext i32 %{b}.w to i64"]
    tap += [f"  %{b}.x = getelementptr i8, ptr %{a}.x, i64 %{b}.z"]
    for n in registers:
        tap += [f"  %{b}.x{n} = getelementptr {kind}, ptr %{b}.x, i64 {n}"]
        tap += [f"  %{b}.v{n} = load {kind}, ptr %{b}.x{n}, align 4"]
        tap += _joined(name, lanes, f"%{b}.n{n}", f"%{b}.h{n}", f"%{b}.v{n}")
    line = [f"  %{a}.i = add i64 %r0, %{a}\n  %{a}.p = getelementptr i32, ptr %line_taps.a, i64 %{a}.i"]
    line += [f"  %{a}.w = load i32, ptr %{a}.p\n  %{a}.z = zext i32 %{a}.w to i64"]
    line += [f"  %{a}.x = getelementptr i8, ptr %{v}.x, i64 %{a}.z"]
    held = [(f"%{b}.h{n}", kind, f"%{a}.h{n}", f"%{b}.n{n}") for n in registers]
    line += counted(b, "%cn", f"{a}.body", tap, held)
    first = splat(-math.inf, lanes) if name == "largest" else "zeroinitializer"
    yield f"  %{v}.r0 = mul i64 %{v}, {width}\n  %{v}.r = add i64 %{v}.r0, {done}"
    yield f"  %{v}.x = getelementptr {kind}, ptr %x.a, i64 %{v}.r\n  %{v}.y = getelementptr {kind}, ptr %yj, i64 %{v}.r"
    yield from counted(a, "%rn", f"{v}.body", line, [(f"%{a}.h{n}", kind, first, f"%{b}.h{n}") for n in registers])
    for n in registers:
        value = f"%{a}.h{n}"
        if name == "mean":
            yield f"  %{v}.m{n} = fdiv {kind} {value}, %counteds"
            value = f"%{v}.m{n}"
        yield f"  %{v}.y{n} = getelementptr {kind}, ptr %{v}.y, i64 {n}\n  store {kind} {value}, ptr %{v}.y{n}, align 4"


def _joined(name: str, lanes: int, to: str, before: str, value: str) -> list[str]:
    """A register with one tap more."""
    if name == "mean":
        return [f"  {to} = fadd <{lanes} x float> {before}, {value}"]
    kind, called = (
        (f"<{lanes} x i32>", f"umax.v{lanes}i32")
        if name == "highest"
        else (f"<{lanes} x float>", f"maximum.v{lanes}f32")
    )
    declared = f"declare {kind} @llvm.{called}({kind}, {kind})"
    return [declared, f"  {to} = call {kind} @llvm.{called}({kind} {before}, {kind} {value})"]


def _taps(name: str, begins: str, at: str) -> list[str]:
    """%`name`0 and %`name`n: the first of the taps, and their number."""
    code = [f"  %{name}p = getelementptr i32, ptr {begins}, i64 {at}\n  %{name}w = load i32, ptr %{name}p"]
    code += [f"  %{name}0 = zext i32 %{name}w to i64\n  %{name}q = getelementptr i32, ptr %{name}p, i64 1"]
    code += [f"  %{name}x = load i32, ptr %{name}q\n  %{name}1 = zext i32 %{name}x to i64"]
    return [*code, f"  %{name}n = sub i64 %{name}1, %{name}0"]
