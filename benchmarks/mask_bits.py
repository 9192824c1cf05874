"""Products of one row by weights that say with a bit each where they belong, in 8 and in 4 bits, against the int8 loop.

    python benchmarks/mask_bits.py

An experiment for decoding, where bytes decide: the loop of `ticketsmith_runtime.int8` takes two bytes for a weight
that is left, a pick and a number, and some picks stay empty. Here a unit has 64 bits for 64 inputs, and the numbers of
those that are left: an instruction of AVX-512 VBMI2 (`vpexpandb`) puts them where the bits are. In 4 bits every 64
inputs of a unit have a step of their own. Layers are those of three blocks of a GPT of 124 million weights, 80 % pruned
at random: together more than a second-level cache. The least of many interleaved times, one thread; quantizing the row
is in the time of the int8 loop alone.
"""

import argparse
import ctypes
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ticketsmith_runtime.int8.instructions import best
from ticketsmith_runtime.int8.loop import Loop
from ticketsmith_runtime.int8.packed import Weights
from ticketsmith_runtime.int8.rows import Rows
from ticketsmith_runtime.llvm import Code, Machine

SHAPES = [(2304, 768), (768, 768), (3072, 768), (768, 3072)] * 3
"""Units and inputs."""
DENSITY, ROUNDS, WINDOW = 0.2, 100, 64
SIGNED = ", ".join(f"i8 {n - 16 * (n > 7)}" for _ in range(4) for n in range(16))
"""Four bits as signed bytes, in each quarter of a register."""
WHOLE, REAL, WIDE = "<16 x i32>", "<16 x float>", "<64 x i8>"
Layer = tuple[NDArray[np.int8], NDArray[np.uint64], NDArray[Any], NDArray[np.float32]]


def code(four: bool) -> Iterator[str]:
    """`@run`(x, bits, numbers, steps, units, windows, y): sums of each unit, whole numbers or, in 4 bits, floats."""
    kind = REAL if four else WHOLE
    yield f"declare {WIDE} @llvm.x86.avx512.mask.expand.v64i8({WIDE}, {WIDE}, <64 x i1>)"
    yield "declare i64 @llvm.ctpop.i64(i64)"
    yield f"declare {WHOLE} @llvm.x86.avx512.vpdpbusd.512({WHOLE}, {WHOLE}, {WHOLE})"
    yield f"declare {WIDE} @llvm.x86.avx512.pshuf.b.512({WIDE}, {WIDE})"
    yield f"declare i32 @llvm.vector.reduce.add.v16i32({WHOLE})"
    yield f"declare float @llvm.vector.reduce.fadd.v16f32(float, {REAL})"
    yield "define void @run(ptr %x, ptr %bits, ptr %numbers, ptr %steps, i64 %units, i64 %windows, ptr %y) {"
    yield "entry:\n  br label %unit\nunit:\n  %u = phi i64 [0, %entry], [%unext, %done]"
    yield "  %first = phi ptr [%numbers, %entry], [%next, %done]\n  %unext = add i64 %u, 1"
    yield "  %row = mul i64 %u, %windows\n  br label %window\nwindow:\n  %w = phi i64 [0, %unit], [%wnext, %window]"
    yield "  %at = phi ptr [%first, %unit], [%next, %window]"
    yield f"  %sum = phi {kind} [zeroinitializer, %unit], [%more, %window]"
    yield "  %wnext = add i64 %w, 1\n  %place = add i64 %row, %w\n  %bp = getelementptr i64, ptr %bits, i64 %place"
    yield "  %b = load i64, ptr %bp\n  %flags = bitcast i64 %b to <64 x i1>"
    yield f"  %count = call i64 @llvm.ctpop.i64(i64 %b)\n  %xo = mul i64 %w, {WINDOW}"
    yield f"  %xp = getelementptr i8, ptr %x, i64 %xo\n  %v = load {WHOLE}, ptr %xp, align 1"
    yield from _four() if four else _eight()
    yield "  %on = icmp ult i64 %wnext, %windows\n  br i1 %on, label %window, label %done\ndone:"
    yield "  %yp = getelementptr i32, ptr %y, i64 %u"
    if four:
        yield f"  %total = call reassoc float @llvm.vector.reduce.fadd.v16f32(float 0.0, {REAL} %more)"
    else:
        yield f"  %total = call i32 @llvm.vector.reduce.add.v16i32({WHOLE} %more)"
    yield f"  store {'float' if four else 'i32'} %total, ptr %yp\n  %left = icmp ult i64 %unext, %units"
    yield "  br i1 %left, label %unit, label %exit\nexit:\n  ret void\n}"


def _eight() -> Iterator[str]:
    yield f"  %n = load {WIDE}, ptr %at, align 1\n  %next = getelementptr i8, ptr %at, i64 %count"
    yield from _expanded("%n", "%e")
    yield f"  %k = bitcast {WIDE} %e to {WHOLE}"
    yield f"  %more = call {WHOLE} @llvm.x86.avx512.vpdpbusd.512({WHOLE} %sum, {WHOLE} %v, {WHOLE} %k)"


def _four() -> Iterator[str]:
    """Two numbers of a byte become two bytes, which a table turns into signed ones."""
    yield "  %up = add i64 %count, 1\n  %half = lshr i64 %up, 1\n  %next = getelementptr i8, ptr %at, i64 %half"
    yield "  %n = load <32 x i8>, ptr %at, align 1\n  %z = zext <32 x i8> %n to <32 x i16>"
    yield "  %s = shl <32 x i16> %z, splat (i16 4)\n  %o = or <32 x i16> %z, %s"
    yield f"  %a = and <32 x i16> %o, splat (i16 3855)\n  %pairs = bitcast <32 x i16> %a to {WIDE}"
    yield from _expanded("%pairs", "%e")
    yield f"  %t = call {WIDE} @llvm.x86.avx512.pshuf.b.512({WIDE} <{SIGNED}>, {WIDE} %e)"
    yield f"  %k = bitcast {WIDE} %t to {WHOLE}"
    yield f"  %d = call {WHOLE} @llvm.x86.avx512.vpdpbusd.512({WHOLE} zeroinitializer, {WHOLE} %v, {WHOLE} %k)"
    yield f"  %f = sitofp {WHOLE} %d to {REAL}\n  %sp = getelementptr float, ptr %steps, i64 %place"
    yield f"  %step = load float, ptr %sp\n  %s0 = insertelement {REAL} poison, float %step, i64 0"
    yield f"  %all = shufflevector {REAL} %s0, {REAL} poison, {WHOLE} zeroinitializer"
    yield f"  %m = fmul {REAL} %f, %all\n  %more = fadd {REAL} %sum, %m"


def _expanded(numbers: str, name: str) -> Iterator[str]:
    yield f"  {name} = call {WIDE} @llvm.x86.avx512.mask.expand.v64i8({WIDE} {numbers}, {WIDE} zeroinitializer,"
    yield "    <64 x i1> %flags)"


def packed(weight: NDArray[np.int8], four: bool) -> Layer:
    """The weights, their bits, the numbers one behind the other, and a step for each window."""
    kept, behind = weight != 0, np.zeros(WINDOW, np.uint8)
    bits = np.packbits(kept, axis=1, bitorder="little").view(np.uint64).copy()
    steps = np.ones(bits.size, np.float32)
    if not four:
        return weight, bits, np.concatenate([weight[kept].view(np.uint8), behind]), steps
    windows = kept.reshape(-1, WINDOW)
    parts = [_paired(row[held]) for row, held in zip(weight.reshape(-1, WINDOW), windows, strict=True)]
    return weight, bits, np.concatenate([*parts, behind]), steps


def _paired(numbers: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two to a byte, the last one alone if it has to be."""
    even = np.append(numbers, [0] * (len(numbers) % 2)).astype(np.int8).view(np.uint8) & 15
    return np.asarray(even[::2] | even[1::2] << 4, np.uint8)


def drawn(rng: np.random.Generator, shape: tuple[int, int], most: int) -> NDArray[np.int8]:
    """Whole numbers other than zero where the mask is."""
    numbers = rng.integers(1, most + 1, shape) * rng.choice([-1, 1], shape)
    return np.where(rng.random(shape) < DENSITY, numbers, 0).astype(np.int8)


def by_bits(layers: list[Layer], x: dict[int, NDArray[np.uint8]], four: bool) -> Callable[[], None]:
    """All layers by the loop over bits, which is first held against numpy."""
    machine = Machine.host()
    made = Code(code(four), machine)
    kinds = [ctypes.c_void_p] * 4 + [ctypes.c_int64] * 2 + [ctypes.c_void_p]
    run = ctypes.CFUNCTYPE(None, *kinds)(made.address("run"))
    y = np.zeros(max(shape[0] for shape in SHAPES), np.float32 if four else np.int32)
    calls = []
    for weight, *arrays in layers:
        row = x[weight.shape[1]]
        addresses = (each.ctypes.data for each in (row, *arrays))
        calls.append((*addresses, weight.shape[0], weight.shape[1] // WINDOW, y.ctypes.data))
        run(*calls[-1])
        assert np.array_equal(y[: len(weight)], weight.astype(np.int64) @ row[: weight.shape[1]].astype(np.int64))

    def every(_keep: tuple[Any, ...] = (made, y)) -> None:
        for call in calls:
            run(*call)

    return every


def by_picks(weights: list[NDArray[np.int8]], rng: np.random.Generator) -> tuple[Callable[[], None], int]:
    """All layers by the int8 loop; and bytes."""
    machine = Machine.host()
    own = best(machine)
    assert own
    loop, rows = Loop(own, machine), list[Rows]()
    for weight in weights:
        ones = np.ones(len(weight), np.float32)
        rows.append(Rows(Weights(steps_OI=weight, scale_O=ones, bias_O=0 * ones), loop))
    xs = [rng.standard_normal((1, weight.shape[1])).astype(np.float32) for weight in weights]

    def every() -> None:
        for layer, x in zip(rows, xs, strict=True):
            layer(x)

    return every, sum(layer.bytes[1] for layer in rows)


def main() -> None:
    """Print bytes and nanoseconds of a weight that is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    if not Machine.host().has("avx512vbmi2", "avx512vnni"):
        parser.error("this processor has no AVX-512 VBMI2")
    rng = np.random.default_rng(0)
    x = {shape[1]: np.append(rng.integers(0, 128, shape[1]), [0] * WINDOW).astype(np.uint8) for shape in SHAPES}
    eight, four = ([packed(drawn(rng, each, most), most < 8) for each in SHAPES] for most in (127, 7))
    picks, size = by_picks([layer[0] for layer in eight], rng)
    runs = {"int8 loop": picks, "bits, 8": by_bits(eight, x, False), "bits, 4": by_bits(four, x, True)}
    sizes = {"int8 loop": size, "bits, 8": sum(bits.nbytes + numbers.nbytes for _, bits, numbers, _ in eight)}
    sizes["bits, 4"] = sum(bits.nbytes + numbers.nbytes + steps.nbytes // 2 for _, bits, numbers, steps in four)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    kept = sum(int((layer[0] != 0).sum()) for layer in eight)
    for name, found in seconds.items():
        print(
            f"{name:10} {sizes[name] / kept:.2f} bytes  {1e9 * min(found) / kept:.3f} ns for each weight that is left"
        )


if __name__ == "__main__":
    main()
