"""Time that Argo adds to a step: the wall time of each pod of a finished run, and where it went.

    python benchmarks/argo_overhead.py RUN

`start` imports, reads data and opens the store; `store` reads and writes artifacts; `work` is what a laptop does too;
`argo` is the rest of the pod's wall time: scheduling, its two containers beside ours, outputs, the upload of the log.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

SHARES = ("start", "store", "work")


def main(argv: Sequence[str] | None = None) -> None:
    """Print one line for each kind of pod: the median of its pods and, in brackets, the smallest and the largest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="id of a finished run, or its beginning")
    run = parser.parse_args(argv).run
    spent = {_tail(pod): event for pod, event in _events(run) if event.get("event") == "spent"}
    rows: dict[str, list[dict[str, float]]] = {}
    for part in json.loads(_ticketsmith("status", run, "-o", "json"))["parts"]:
        for pod, wall in zip(part["pods"], part["seconds"], strict=True):
            if (event := spent.get(_tail(pod))) and wall:
                shares = {name: event[name] for name in SHARES}
                shares |= {"product": event["start"] + event["store"], "argo": wall - sum(shares.values()), "pod": wall}
                rows.setdefault(part["part"], []).append(shares)
    names = [*SHARES, "argo", "pod", "product"]
    print(f"{'seconds':11}" + "".join(f"{name:>20}" for name in names))
    for part, pods in rows.items():
        print(f"{part:11}" + "".join(f"{_spread([each[name] for each in pods]):>20}" for name in names))


def _events(run: str) -> list[tuple[str, dict[str, Any]]]:
    lines = [json.loads(line) for line in _ticketsmith("logs", run, "-o", "json").splitlines()]
    return [(each["pod"], json.loads(each["line"])) for each in lines if each["line"].startswith("{")]


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
