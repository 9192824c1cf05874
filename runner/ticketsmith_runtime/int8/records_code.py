"""Text that the functions of records share: a loop, and where the values of a sample are.

A record says what is done next: the address of a function, and its arguments by place.
"""

from collections.abc import Iterable, Iterator, Sequence

CALL = ("samples", "work", "records", "count", "together", "size", "arrays")
"""Words of 64 bits of a call. `size`: bytes of a sample's piece; as many as `together` are at work at a time.
From `arrays` on: for each input its address and if its channels come last, then the address of each output."""
RECORD = 32
"""Words of a record: the address of a function, and its arguments."""
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "enter": ("array", "y", "channels", "places", "pitch"),
    "bytes": ("x", "span", "scales", "fixed", "known", "floats", "q", "before", "behind", "lines", "between", "line",
              "units", "width", "apart", "step"),
    "places": ("begins", "starts", "slots", "units", "groups", "near", "floor", "q", "offsets", "scales", "span", "y",
               "pitch", "delta", "rows", "uses"),
    "row": ("begins", "starts", "slots", "units", "groups", "near", "after", "q", "offsets", "scales", "y"),
    "join": ("x", "other", "y", "floats", "floor"),
    "bend": ("x", "y", "floats"),
    "scale": ("x", "other", "y", "registers", "places"),
    "largest": ("x", "y", "pitch", "lines", "columns", "line_begins", "line_taps", "begins", "taps", "counts"),
    "leave": ("x", "array", "channels", "places", "pitch"),
}  # fmt: skip
ARGUMENTS["hardswish"] = ARGUMENTS["hardsigmoid"] = ARGUMENTS["bend"]
ARGUMENTS["highest"] = ARGUMENTS["mean"] = ARGUMENTS["largest"]
"""Functions, and their arguments: addresses of what does not change, bytes from the beginning of a sample's piece, or
numbers. What each does stands at its code."""


def counted(
    i: str, count: str, before: str, body: Iterable[str], carried: Sequence[tuple[str, str, str, str]] = ()
) -> Iterator[str]:
    """`body` for %i = 0 ... `count` - 1, after the block `before`; what follows is in the block `{i}.done`.

    `carried`: (name, type, first, next) of values that go from one turn to the next. The body ends in `{i}.end`'s
    predecessor, whatever that is; an inner loop's `before` is `{i}.body`, or the `done` of the one before it.
    """
    yield f"  br label %{i}.head\n{i}.head:\n  %{i} = phi i64 [0, %{before}], [%{i}.next, %{i}.end]"
    for name, kind, first, following in carried:
        yield f"  {name} = phi {kind} [{first}, %{before}], [{following}, %{i}.end]"
    yield f"  %{i}.on = icmp ult i64 %{i}, {count}\n  br i1 %{i}.on, label %{i}.body, label %{i}.done\n{i}.body:"
    yield from body
    yield f"  br label %{i}.end\n{i}.end:\n  %{i}.next = add i64 %{i}, 1\n  br label %{i}.head\n{i}.done:"


def function(name: str, body: Iterable[str]) -> Iterator[str]:
    """A function of a record, with its arguments by their names: %array, say."""
    yield f"define void @{name}(ptr %r, i64 %m, i64 %at, ptr %call, ptr %work, i64 %size) {{\nentry:"
    for n, argument in enumerate(ARGUMENTS[name]):
        yield f"  %{argument}.p = getelementptr i64, ptr %r, i64 {n + 1}\n  %{argument} = load i64, ptr %{argument}.p"
    yield from body
    yield "  ret void\n}"


def sample(*values: str) -> Iterator[str]:
    """Addresses of values of sample %s: %x.a is where %x is."""
    yield "  %s.o = mul i64 %s, %size\n  %piece = getelementptr i8, ptr %work, i64 %s.o"
    for value in values:
        yield f"  %{value}.a = getelementptr i8, ptr %piece, i64 %{value}"


def array(place: str) -> Iterator[str]:
    """%array.a: address that word %array of the call holds; `place` numbers on for each sample."""
    yield "  %array.w = getelementptr i64, ptr %call, i64 %array\n  %array.b = load ptr, ptr %array.w"
    yield f"  %array.n = add i64 %at, %s\n  %array.o = mul i64 %array.n, {place}"
    yield "  %array.a = getelementptr float, ptr %array.b, i64 %array.o"


def pointers(*names: str) -> Iterator[str]:
    for name in names:
        yield f"  %{name}.a = inttoptr i64 %{name} to ptr"
