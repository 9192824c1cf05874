"""Samples to tiles and back, and the loop over passes: LLVM IR for any vector width, driven by one call per batch.

A tile is (features, lanes): a row per feature, a lane per sample.
"""

from collections.abc import Callable, Container, Generator, Iterator, Sequence

Block = Callable[[str, int, int, str], Iterator[str]]


def gather(lanes: int, features: int, run: int) -> Iterator[str]:
    """`@gather`(x, tile, last): the first `run` features of samples (lanes, features) become rows of a tile.

    Lanes beyond the sample `last` repeat it: no memory is read that is not the caller's, and no lane holds garbage.
    """
    yield "define internal void @gather(ptr %x, ptr %tile, i64 %last) {"
    yield "entry:"
    yield from _rows(lanes, features, "%x", "%last")
    yield from _blocks(lanes, run, _gather_block)
    yield "}"


def scatter(lanes: int, features: int) -> Iterator[str]:
    """`@scatter`(tile, y, last): a tile becomes rows of samples (lanes, features).

    Lanes beyond `last` hold what `last` holds, and are written over it: the same bytes.
    """
    yield "define internal void @scatter(ptr %tile, ptr %y, i64 %last) {"
    yield "entry:"
    yield from _rows(lanes, features, "%y", "%last")
    yield from _blocks(lanes, features, _scatter_block)
    yield "}"


def passes(
    name: str,
    lanes: int,
    tiles: int,
    features: int,
    widths: Sequence[int],
    layers: Sequence[str],
    streams: Sequence[int],
    enter: str = "gather",
    gelus: Container[int] = (),
) -> Iterator[str]:
    """`name`(x, y, n, work, stream): all layers over n samples, at most `tiles` tiles at a time.

    `widths`: rows of a tile before each layer and after the last.  `layers`: names of functions (inputs, outputs,
    stream, tiles).  `streams`: where each one's weights begin in `stream`, in bytes.  `work`: `work_floats` of scratch.
    `enter`: a function (x, tile, last, scratch, stream), or gather: it makes a tile of samples of so many `features`,
    with scratch behind that of the layers.  `gelus`: numbers of the layers that `@gelu`(values, rows) follows.
    """
    size, floats = lanes * tiles, work_floats(lanes, tiles, widths) // 2
    more = "" if enter == "gather" else ", ptr %scratch, ptr %stream"
    yield f"define void @{name}(ptr %x, ptr %y, i64 %n, ptr %work, ptr %stream) {{"
    yield f"entry:\n  %other = getelementptr float, ptr %work, i64 {floats}"
    yield f"  %scratch = getelementptr float, ptr %work, i64 {2 * floats}\n  br label %pass"
    yield "pass:\n  %begun = phi i64 [0, %entry], [%next, %passed]"
    yield f"  %left = sub i64 %n, %begun\n  %few = icmp ult i64 %left, {size}"
    yield f"  %here = select i1 %few, i64 %left, i64 {size}"
    yield f"  %padded = add i64 %here, {lanes - 1}\n  %count = udiv i64 %padded, {lanes}"
    yield from _each_tile("in", lanes, "%work", (widths[0], features), "%x", (enter, more), "pass", "middle")
    yield "middle:"
    for k, (layer, at) in enumerate(zip(layers, streams, strict=True)):
        source, target = ("%work", "%other") if k % 2 == 0 else ("%other", "%work")
        yield f"  %w{k} = getelementptr i8, ptr %stream, i64 {at}"
        yield f"  call x86_64_sysvcc void @{layer}(ptr {source}, ptr {target}, ptr %w{k}, i64 %count, i64 0)"
        if k in gelus:
            yield f"  %g{k} = mul i64 %count, {widths[k + 1]}\n  call void @gelu(ptr {target}, i64 %g{k})"
    done = "%other" if len(layers) % 2 else "%work"
    yield from _each_tile("out", lanes, done, (widths[-1], widths[-1]), "%y", ("scatter", ""), "middle", "passed")
    yield f"passed:\n  %next = add i64 %begun, {size}\n  %more = icmp ult i64 %next, %n"
    yield "  br i1 %more, label %pass, label %exit\nexit:\n  ret void\n}"


def work_floats(lanes: int, tiles: int, widths: Sequence[int]) -> int:
    """Scratch of one call, float32: the layers write to one half what they read from the other."""
    return 2 * lanes * tiles * max(widths)


def _each_tile(
    key: str,
    lanes: int,
    tile: str,
    widths: tuple[int, int],
    samples: str,
    call: tuple[str, str],
    before: str,
    after: str,
) -> Iterator[str]:
    """`widths`: rows of a tile, features of a sample."""
    rows, features = widths
    yield f"  br label %{key}"
    yield f"{key}:\n  %{key}t = phi i64 [0, %{before}], [%{key}next, %{key}]"
    yield f"  %{key}at = mul i64 %{key}t, {rows * lanes}\n  %{key}tile = getelementptr float, ptr {tile}, i64 %{key}at"
    yield f"  %{key}first = mul i64 %{key}t, {lanes}\n  %{key}row = add i64 %begun, %{key}first"
    yield f"  %{key}float = mul i64 %{key}row, {features}"
    yield f"  %{key}p = getelementptr float, ptr {samples}, i64 %{key}float"
    yield f"  %{key}rest = sub i64 %here, %{key}first\n  %{key}last = sub i64 %{key}rest, 1"
    first, second = (f"%{key}p", f"%{key}tile") if key == "in" else (f"%{key}tile", f"%{key}p")
    yield f"  call void @{call[0]}(ptr {first}, ptr {second}, i64 %{key}last{call[1]})"
    yield f"  %{key}next = add i64 %{key}t, 1\n  %{key}more = icmp ult i64 %{key}next, %count"
    yield f"  br i1 %{key}more, label %{key}, label %{after}"


def _rows(lanes: int, features: int, base: str, last: str) -> Iterator[str]:
    """`%r0`.. point at the samples of the lanes."""
    for i in range(lanes):
        yield f"  %i{i} = call i64 @llvm.umin.i64(i64 {i}, i64 {last})\n  %f{i} = mul i64 %i{i}, {features}"
        yield f"  %r{i} = getelementptr float, ptr {base}, i64 %f{i}"


def _blocks(lanes: int, features: int, block: Block) -> Iterator[str]:
    """A loop over squares of lanes x lanes, and what is left."""
    whole = features // lanes * lanes
    if whole:
        yield "  br label %square\nsquare:\n  %f = phi i64 [0, %entry], [%g, %square]"
        yield from block("s", lanes, lanes, "%f")
        yield f"  %g = add i64 %f, {lanes}\n  %on = icmp ult i64 %g, {whole}\n  br i1 %on, label %square, label %rest"
        yield "rest:"
    if features > whole:
        yield from block("e", lanes, features - whole, str(whole))
    yield "  ret void"


def _gather_block(key: str, lanes: int, wide: int, at: str) -> Iterator[str]:
    vector, narrow, all_lanes = f"<{lanes} x float>", f"<{wide} x float>", _mask(range(lanes), wide)
    for i in range(lanes):
        yield f"  %{key}p{i} = getelementptr float, ptr %r{i}, i64 {at}"
        yield f"  %{key}n{i} = load {narrow}, ptr %{key}p{i}, align 4"
        yield f"  %{key}0_{i} = shufflevector {narrow} %{key}n{i}, {narrow} poison, <{lanes} x i32> {all_lanes}"
    done = yield from _transpose(key, lanes)
    yield f"  %{key}m = mul i64 {at}, {lanes}"
    for f in range(wide):
        yield f"  %{key}a{f} = add i64 %{key}m, {f * lanes}"
        yield f"  %{key}q{f} = getelementptr float, ptr %tile, i64 %{key}a{f}"
        yield f"  store {vector} {done[f]}, ptr %{key}q{f}, align {4 * lanes}"


def _scatter_block(key: str, lanes: int, wide: int, at: str) -> Iterator[str]:
    vector, narrow, few = f"<{lanes} x float>", f"<{wide} x float>", _mask(range(wide), lanes)
    yield f"  %{key}m = mul i64 {at}, {lanes}"
    for f in range(lanes):
        inside = min(f, wide - 1)
        yield f"  %{key}a{f} = add i64 %{key}m, {inside * lanes}"
        yield f"  %{key}q{f} = getelementptr float, ptr %tile, i64 %{key}a{f}"
        yield f"  %{key}0_{f} = load {vector}, ptr %{key}q{f}, align {4 * lanes}"
    done = yield from _transpose(key, lanes)
    for i in range(lanes):
        yield f"  %{key}n{i} = shufflevector {vector} {done[i]}, {vector} poison, <{wide} x i32> {few}"
        yield f"  %{key}p{i} = getelementptr float, ptr %r{i}, i64 {at}"
        yield f"  store {narrow} %{key}n{i}, ptr %{key}p{i}, align 4"


def _transpose(key: str, lanes: int) -> Generator[str, None, list[str]]:
    """Transpose a square in registers `%{key}0_0`..: log2(lanes) stages, in which pairs of rows change halves."""
    vector, rows, span, stage = f"<{lanes} x float>", list(range(lanes)), 1, 0
    while span < lanes:
        stage += 1
        for i in rows:
            low, high = i & ~span, i | span
            picks = [(lane & ~span if i < high else lane | span) for lane in range(lanes)]
            mask = [pick + (lanes if lane & span else 0) for lane, pick in enumerate(picks)]
            yield (
                f"  %{key}{stage}_{i} = shufflevector {vector} %{key}{stage - 1}_{low}, {vector} "
                f"%{key}{stage - 1}_{high}, <{lanes} x i32> {_mask(mask, 2 * lanes)}"
            )
        span *= 2
    return [f"%{key}{stage}_{i}" for i in rows]


def _mask(lanes: Sequence[int], limit: int) -> str:
    """A shuffle mask; what is out of reach is poison."""
    return "<" + ", ".join(f"i32 {lane}" if lane < limit else "i32 poison" for lane in lanes) + ">"
