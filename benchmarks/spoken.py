"""Rows of what processes measured of runtimes that generate tokens, goals, and lines for people.

    python benchmarks/spoken.py

Nothing to run here: `benchmarks/generation.py` measures and prints.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from ticketsmith_runner.timing import ratio

TICKET, TICKET8, INT8, INT4 = "ticket", "ticket int8", "llama.cpp Q8_0", "llama.cpp Q4_0"
QUANTIZED = (TICKET8, INT8, INT4)
DENSE = "the best dense fp32"
GOALS = [
    (TICKET, 2.5, DENSE),
    (TICKET, 1.0, INT8),
    (TICKET8, 5.0, "PyTorch"),
    (TICKET8, 1.7, INT8),
    (TICKET8, 1.0, INT4),
]
"""Times as many tokens a second as somebody else."""
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
    ratios = {ours: _ratio("each", name, processes, ours) for ours in (TICKET, TICKET8) if ours in processes[0]}
    return {
        "precision": name.rpartition(" ")[2] if name in QUANTIZED else "fp32",
        "first": median(median(found["first"]) for found in taken),
        "each": median(each), "least": min(each), "most": max(each),
        "tokens_per_second": 1 / median(each),
        "bytes": max(found["bytes"] for found in taken),
        "apart": next((found["apart"] for found in taken if found["apart"]), None),
        "ratios": ratios, "first_ratio": _ratio("first", name, processes, TICKET)[0],
    }  # fmt: skip


def _ratio(what: str, name: str, processes: Sequence[Process], ours: str) -> tuple[float, float, float]:
    """Speed of a ticket over that of a runtime, with a 95 % interval over processes."""
    both = ([[[seconds] for seconds in process[one][what]] for process in processes] for one in (name, ours))
    return ratio(*both)


def goals(rows: Sequence[Row]) -> list[Row]:
    """For each goal the ratio that was found, and whether that reaches it; no `ratio`: nothing to hold it against."""
    measured = {row["name"]: row for row in rows if "each" in row}
    dense = [row for row in measured.values() if row["precision"] == "fp32" and row["name"] != TICKET]
    best = min(dense, key=lambda row: row["each"], default=None)
    return [
        _goal(ours, goal, to, best if to == DENSE else measured.get(to)) for ours, goal, to in GOALS if ours in measured
    ]


def _goal(ours: str, goal: float, to: str, row: Row | None) -> Row:
    if row is None:
        return {"ours": ours, "goal": goal, "to": to}
    ratio, low, high = row["ratios"][ours]
    found = {"name": row["name"], "ratio": ratio, "low": low, "high": high, "reached": ratio >= goal}
    return {"ours": ours, "goal": goal, "to": to, **found}


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of a size and number of threads: each runtime, then each goal."""
    yield from map(_line, rows)
    for found in goals(rows):
        word = f"      goal of the {found['ours']}: {found['goal']}x of {found['to']}:"
        if "ratio" not in found:
            yield f"{word} not measured"
            continue
        name = "" if found["name"] == found["to"] else f" ({found['name']})"
        interval = f"[{found['low']:.2f}, {found['high']:.2f}]"
        yield f"{word} {found['ratio']:.2f}x {interval}{name}, {'reached' if found['reached'] else 'missed'}"


def _line(row: Row) -> str:
    head = f"{row['size']:>5} {row['threads']} thread{'s' if row['threads'] > 1 else ' '} {row['name']:14}"
    if "reason" in row:
        return f"{head} not measured: {row['reason']}"
    against = "".join(f"  {ratio:.2f}x [{low:.2f}, {high:.2f}]" for ratio, low, high in row["ratios"].values())
    against = "" if row["name"] in (TICKET, TICKET8) else f"{against}, first {row['first_ratio']:.2f}x"
    other = "  other tokens from {} on, by {:.1g}".format(*row["apart"]) if row["apart"] else ""
    return (
        f"{head} first {1000 * row['first']:8.1f} ms  each {1000 * row['each']:7.3f} ms "
        f"[{1000 * row['least']:.3f}, {1000 * row['most']:.3f}]  {row['tokens_per_second']:7.1f} tokens/s  "
        f"{row['bytes'] / 1e6:7.1f} MB{against}{other}"
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
