"""Rows of what processes measured of runtimes that generate tokens, goals, and lines for people.

    python benchmarks/spoken.py

Nothing to run here: `benchmarks/generation.py` measures and prints.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from ticketsmith_runner.timing import ratio

TICKET, INT8 = "ticket", "llama.cpp Q8_0"
QUANTIZED = (INT8, "llama.cpp Q4_0")
DENSE, EVEN = 2.5, 1.0
"""Goals: times as many tokens a second as the best dense runtime in fp32, and as llama.cpp in 8 bits."""
Row = dict[str, Any]
Process = dict[str, Row]
"""For each runtime `first` and `each`, seconds by round; its `bytes`; `apart`: the first token that is not the
ticket's, and how much less likely it is, in deviations of the logits."""


def rows(size: str, threads: int, processes: Sequence[Process]) -> list[Row]:
    """A row for each runtime that every process has: medians over processes, and ratios to the ticket."""
    place = {"size": size, "threads": threads}
    names = [name for name in processes[0] if all(name in process for process in processes)]
    return [{**place, "name": name, **_row(name, processes)} for name in names]


def absent(size: str, threads: int, missing: Mapping[str, str]) -> list[Row]:
    """A row for each runtime that is not there, with the reason."""
    return [{"size": size, "threads": threads, "name": name, "reason": reason} for name, reason in missing.items()]


def _row(name: str, processes: Sequence[Process]) -> Row:
    taken = [process[name] for process in processes]
    each = [median(found["each"]) for found in taken]
    against, low, high = _ratio("each", name, processes)
    return {
        "precision": name.rpartition(" ")[2] if name in QUANTIZED else "fp32",
        "first": median(median(found["first"]) for found in taken),
        "each": median(each), "least": min(each), "most": max(each),
        "tokens_per_second": 1 / median(each),
        "bytes": max(found["bytes"] for found in taken),
        "apart": next((found["apart"] for found in taken if found["apart"]), None),
        "ratio": against, "low": low, "high": high, "first_ratio": _ratio("first", name, processes)[0],
    }  # fmt: skip


def _ratio(what: str, name: str, processes: Sequence[Process]) -> tuple[float, float, float]:
    """Speed of the ticket over that of a runtime, with a 95 % interval over processes."""
    both = ([[[seconds] for seconds in process[one][what]] for process in processes] for one in (name, TICKET))
    return ratio(*both)


def goals(rows: Sequence[Row]) -> list[Row]:
    """For each goal the ratio that was found, and whether that reaches it; no `ratio`: nothing to hold it against."""
    measured = [row for row in rows if "each" in row and row["name"] != TICKET]
    dense = min((row for row in measured if row["precision"] == "fp32"), key=lambda row: row["each"], default=None)
    int8 = next((row for row in measured if row["name"] == INT8), None)
    return [_goal(DENSE, "the best dense fp32", dense), _goal(EVEN, INT8, int8)]


def _goal(goal: float, to: str, row: Row | None) -> Row:
    if row is None:
        return {"goal": goal, "to": to}
    found = {key: row[key] for key in ("name", "ratio", "low", "high")}
    return {"goal": goal, "to": to, **found, "reached": row["ratio"] >= goal}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of a size and number of threads: each runtime, then each goal."""
    yield from map(_line, rows)
    for found in goals(rows):
        word = f"      goal: {found['goal']}x of {found['to']}:"
        if "ratio" not in found:
            yield f"{word} not measured"
            continue
        name = "" if found["name"] == found["to"] else f" ({found['name']})"
        yield f"{word} {found['ratio']:.2f}x {_interval(found)}{name}, {'reached' if found['reached'] else 'missed'}"


def _line(row: Row) -> str:
    head = f"{row['size']:>5} {row['threads']} thread{'s' if row['threads'] > 1 else ' '} {row['name']:14}"
    if "reason" in row:
        return f"{head} not measured: {row['reason']}"
    against = (
        "" if row["name"] == TICKET else f"  {row['ratio']:.2f}x {_interval(row)}, first {row['first_ratio']:.2f}x"
    )
    other = "  other tokens from {} on, by {:.1g}".format(*row["apart"]) if row["apart"] else ""
    return (
        f"{head} first {1000 * row['first']:8.1f} ms  each {1000 * row['each']:7.3f} ms "
        f"[{1000 * row['least']:.3f}, {1000 * row['most']:.3f}]  {row['tokens_per_second']:7.1f} tokens/s  "
        f"{row['bytes'] / 1e6:7.1f} MB{against}{other}"
    )


def _interval(row: Row) -> str:
    return f"[{row['low']:.2f}, {row['high']:.2f}]"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
