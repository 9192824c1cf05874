"""Time that Argo adds to a step: the wall time of each pod of a finished run, and where it went.

    python benchmarks/argo_overhead.py RUN --keep after.json
    python benchmarks/argo_overhead.py after.json --before before.json

`start` imports, reads data and opens the store; `store` reads and writes artifacts; `work` is what a laptop does too;
`argo` is the rest of the pod's wall time: scheduling, its two containers beside ours, outputs, the upload of the log.
The last lines are pod-seconds: of all pods together, each from its making to its end, lost ones too.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

SHARES = ("start", "store", "work")
NAMES = (*SHARES, "argo", "pod", "product")
Pods = dict[str, list[dict[str, float]]]
"""Shares of each pod, by its part."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each kind of pod, the median of its pods and in brackets their range; then the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="id of a finished run, or its beginning; or what --keep wrote of one")
    parser.add_argument("--keep", type=Path, help="file for what the cluster said, to be read again")
    parser.add_argument("--before", type=Path, help="such a file, of the commit before")
    asked = parser.parse_args(argv)
    recording = _read(Path(asked.run)) if Path(asked.run).is_file() else record(asked.run)
    if asked.keep:
        asked.keep.write_text(json.dumps(recording, indent=1))
    rows = pods(recording)
    print(f"{'seconds':11}" + "".join(f"{name:>20}" for name in NAMES))
    for part, some in rows.items():
        measured = [each for each in some if "argo" in each]
        if measured:
            print(f"{part:11}" + "".join(f"{_spread([each[name] for each in measured]):>20}" for name in NAMES))
    runs = {"before": pods(_read(asked.before))} if asked.before else {}
    for word, each in (runs | {"now": rows}).items():
        print(told(word, each))


def record(run: str) -> dict[str, Any]:
    """The parts of a run as `status` has them, and the seconds that its pods said they spent."""
    parts = json.loads(_ticketsmith("status", run, "-o", "json"))["parts"]
    kept = [{name: part[name] for name in ("part", "pods", "seconds")} for part in parts]
    lines = [json.loads(line) for line in _ticketsmith("logs", run, "-o", "json").splitlines()]
    said = [(each["pod"], json.loads(each["line"])) for each in lines if each["line"].startswith("{")]
    return {"parts": kept, "spent": {pod: event for pod, event in said if event.get("event") == "spent"}}


def pods(recording: dict[str, Any]) -> Pods:
    """Shares of each pod that has ended; of one that said nothing, as it was lost, the whole alone."""
    spent, rows = {_tail(pod): event for pod, event in recording["spent"].items()}, Pods()
    for part in recording["parts"]:
        for pod, wall in zip(part["pods"], part["seconds"], strict=True):
            if not wall:
                continue
            shares = {"pod": wall}
            if event := spent.get(_tail(pod)):
                shares |= {name: event[name] for name in SHARES}
                shares |= {"product": event["start"] + event["store"], "argo": wall - sum(event[n] for n in SHARES)}
            rows.setdefault(part["part"], []).append(shares)
    return rows


def told(word: str, rows: Pods) -> str:
    """The sums in a sentence."""
    every = [each for some in rows.values() for each in some]
    sums = ", ".join(f"{name} {sum(each.get(name, 0) for each in every):.1f}" for name in (*SHARES, "argo"))
    silent = sum("argo" not in each for each in every)
    lost = f"; {silent} of the pods did not say" if silent else ""
    return f"{word}: {sum(each['pod'] for each in every):.0f} pod-seconds in {len(every)} pods ({sums}{lost})"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _ticketsmith(*arguments: str) -> str:
    argv = [sys.executable, "-m", "ticketsmith", *arguments]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout


def _spread(values: list[float]) -> str:
    return f"{median(values):.1f} [{min(values):.1f}, {max(values):.1f}]"


def _tail(name: str) -> str:
    """The part that the name of a pod and the id of its node have in common."""
    return name.rpartition("-")[2]


if __name__ == "__main__":
    main()
