"""LLVM IR of what a token does on its way through a network: one function for each kind of call, with its words.

A call is WIDTH words of 64 bits: the address of its function, then what that takes. A context is two: the token, and
its position.
"""

from collections.abc import Iterator, Mapping

from . import dense_code, gelu
from .llvm import splat
from .ordered import LANES
from .ordered_code import BENDS, FLOATS, NORMED, load, loop, masked, store

WIDTH = 24
PLAYED = "play_"
"""Before the name of a kind, the name of its function."""
COMBINED = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
"""Operators of two values, and LLVM's names for them."""
BENT = ("relu", "gelu", *BENDS)
"""Operators of one value, number by number."""
KINDS: Mapping[str, Mapping[str, str]] = {
    "token": {"table": "ptr", "n": "i64", "y": "ptr"},
    "token8": {"table": "ptr", "scales": "ptr", "n": "i64", "y": "ptr"},
    **{name: {"a": "ptr", "b": "ptr", "step": "i64", "rows": "i64", "n": "i64", "y": "ptr"} for name in COMBINED},
    "norm": {word.split(" %")[1]: word.split(" %")[0] for word in NORMED.split(", ")},
    "copy": {"x": "ptr", "y": "ptr", "n": "i64"},
    **{name: {"x": "ptr", "y": "ptr", "n": "i64"} for name in BENT},
    "moved": {"arena": "ptr", "index": "ptr", "n": "i64", "y": "ptr"},
    "look": {
        "q": "ptr", "k": "ptr", "v": "ptr", "y": "ptr", "keys": "ptr", "values": "ptr", "heads": "i64", "room": "i64",
        "f": "i64", "d": "i64", "scale": "float", "work": "ptr",
    },
    "linear8": {"run": "ptr", "x": "ptr", "y": "ptr"},
    "dense": {"x": "ptr", "y": "ptr", "weight": "ptr", "bias": "ptr", "inputs": "i64", "units": "i64"},
    "program": {"run": "ptr"},
}  # fmt: skip
"""The words of each kind, with their types. Those of `linear8` are followed by its `sums_code.CALL`, those of `program`
by its `program.Call`."""


def code() -> Iterator[str]:
    """`@play`(calls, count, context), and a function of each kind. Beside the functions of `ordered_code`."""
    yield from masked()
    for name in ("memcpy", "memmove"):
        yield f"declare void @llvm.{name}.p0.p0.i64(ptr, ptr, i64, i1)"
    yield "define void @play(ptr %calls, i64 %count, ptr %context) {\nentry:\n  br label %call"
    yield "call:\n  %n = phi i64 [0, %entry], [%next, %call]"
    yield f"  %at = getelementptr [{WIDTH} x i64], ptr %calls, i64 %n\n  %run = load ptr, ptr %at"
    yield "  %words = getelementptr i64, ptr %at, i64 1\n  call void %run(ptr %words, ptr %context)"
    yield "  %next = add i64 %n, 1\n  %more = icmp ult i64 %next, %count\n  br i1 %more, label %call, label %done"
    yield "done:\n  ret void\n}"
    yield from _kind("token", _token())
    yield from _kind("token8", _token8())
    for name in COMBINED:
        yield from _kind(name, _combined(name))
    yield from _kind("norm", [f"  call void @normed({NORMED})"])
    yield from _kind("copy", _copy())
    for operator, name in BENDS.items():
        yield from _kind(operator, [f"  call void @{name}(ptr %x, ptr %y, i64 %n)"])
    yield from gelu.code(LANES)
    yield from _kind("gelu", [*_copy(), *_registers(), "  call void @gelu(ptr %y, i64 %registers)"])
    yield from _kind("relu", _relu())
    yield from _kind("moved", _moved())
    yield from _kind("look", _look())
    rest = f"  %call = getelementptr i64, ptr %words, i64 {len(KINDS['linear8'])}"
    yield from _kind("linear8", [rest, "  call void %run(ptr %call, ptr %x, ptr %y, i64 1)"])
    yield from dense_code.code()
    yield from _kind("dense", [f"  call void @linear({dense_code.GIVEN}, i64 %units)"])
    rest = f"  %call = getelementptr i64, ptr %words, i64 {len(KINDS['program'])}"
    yield from _kind("program", [rest, "  call void %run(ptr %call)"])


def _kind(name: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield f"define void @{PLAYED}{name}(ptr %words, ptr %context) {{\nentry:"
    for place, (word, kind) in enumerate(KINDS[name].items()):
        yield f"  %{word}at = getelementptr i64, ptr %words, i64 {place}\n  %{word} = load {kind}, ptr %{word}at"
    yield from lines
    yield "  ret void\n}"


def _position() -> str:
    return "  %positionat = getelementptr i64, ptr %context, i64 1\n  %position = load i64, ptr %positionat"


def _token() -> Iterator[str]:
    yield "  %token = load i64, ptr %context\n  %o = mul i64 %token, %n"
    yield "  %row = getelementptr float, ptr %table, i64 %o"
    yield "  %size = mul i64 %n, 4\n  call void @llvm.memcpy.p0.p0.i64(ptr %y, ptr %row, i64 %size, i1 false)"


def _token8() -> Iterator[str]:
    yield "  %token = load i64, ptr %context\n  %o = mul i64 %token, %n\n  %row = getelementptr i8, ptr %table, i64 %o"
    yield "  %scaleat = getelementptr float, ptr %scales, i64 %token\n  %scale = load float, ptr %scaleat"
    yield "  br label %each\neach:\n  %i = phi i64 [0, %entry], [%next, %each]"
    yield "  %p = getelementptr i8, ptr %row, i64 %i\n  %v = load i8, ptr %p\n  %f = sitofp i8 %v to float"
    yield "  %s = fmul float %f, %scale\n  %t = getelementptr float, ptr %y, i64 %i\n  store float %s, ptr %t"
    yield "  %next = add i64 %i, 1\n  %more = icmp ult i64 %next, %n\n  br i1 %more, label %each, label %done\ndone:"


def _copy() -> Iterator[str]:
    yield "  %size = mul i64 %n, 4\n  call void @llvm.memmove.p0.p0.i64(ptr %y, ptr %x, i64 %size, i1 false)"


def _registers() -> Iterator[str]:
    """%registers: those that n floats lie in; the arena has room for whole ones."""
    yield f"  %up = add i64 %n, {LANES - 1}\n  %registers = udiv i64 %up, {LANES}"


def _relu() -> Iterator[str]:
    lines = [*load("v", "%x", "%ii", "%iin"), f"  %f = fcmp olt {FLOATS} %v, {splat(0, LANES)}"]
    lines += [f"  %r = select <{LANES} x i1> %f, {FLOATS} {splat(0, LANES)}, {FLOATS} %v"]
    yield from loop("i", "%n", [*lines, *store("%r", "%y", "%ii", "%iin")])


def _combined(name: str) -> Iterator[str]:
    """Rows of `a`, each beside the same row of `b`, which is `step` floats on for the next position."""
    yield _position()
    yield "  %o = mul i64 %position, %step\n  %bp = getelementptr float, ptr %b, i64 %o\n  br label %row"
    yield "row:\n  %m = phi i64 [0, %entry], [%mnext, %iend]\n  %mnext = add i64 %m, 1\n  %mo = mul i64 %m, %n"
    yield "  %am = getelementptr float, ptr %a, i64 %mo\n  %ym = getelementptr float, ptr %y, i64 %mo"
    lines = [*load("av", "%am", "%ii", "%iin"), *load("bv", "%bp", "%ii", "%iin")]
    lines += [f"  %r = {COMBINED[name]} {FLOATS} %av, %bv", *store("%r", "%ym", "%ii", "%iin")]
    yield from loop("i", "%n", lines, before="row")
    yield "  %again = icmp ult i64 %mnext, %rows\n  br i1 %again, label %row, label %done\ndone:"


def _moved() -> Iterator[str]:
    """Floats of the arena, each from the place that the index names."""
    yield "  br label %each\neach:\n  %i = phi i64 [0, %entry], [%next, %each]\n  %next = add i64 %i, 1"
    yield "  %at = getelementptr i32, ptr %index, i64 %i\n  %place = load i32, ptr %at"
    yield "  %from = getelementptr float, ptr %arena, i32 %place\n  %v = load float, ptr %from"
    yield "  %to = getelementptr float, ptr %y, i64 %i\n  store float %v, ptr %to"
    yield "  %more = icmp ult i64 %next, %n\n  br i1 %more, label %each, label %done\ndone:"


def _look() -> Iterator[str]:
    """The key and the value of the position go to their rooms, and the query looks at all that are there."""
    yield _position()
    yield "  br label %head\nhead:\n  %h = phi i64 [0, %entry], [%hnext, %head]\n  %hnext = add i64 %h, 1"
    yield "  %first = mul i64 %h, %room\n  %row = add i64 %first, %position"
    for new, room, size in (("k", "keys", "f"), ("v", "values", "d")):
        yield f"  %{new}o = mul i64 %h, %{size}\n  %{new}p = getelementptr float, ptr %{new}, i64 %{new}o"
        yield f"  %{new}r = mul i64 %row, %{size}\n  %{new}t = getelementptr float, ptr %{room}, i64 %{new}r"
        yield f"  %{new}s = mul i64 %{size}, 4"
        yield f"  call void @llvm.memcpy.p0.p0.i64(ptr %{new}t, ptr %{new}p, i64 %{new}s, i1 false)"
    yield "  %more = icmp ult i64 %hnext, %heads\n  br i1 %more, label %head, label %looks\nlooks:"
    yield "  %seen = add i64 %position, 1"
    yield "  call void @attended(ptr %q, ptr %keys, ptr %values, ptr %y, i64 %heads, i64 1, i64 %seen, i64 %room,"
    yield "    i64 %f, i64 %d, float %scale, ptr %work)"
