"""Time that a command needs before it does anything: CPU and wall time of commands that have next to nothing to do.

    python benchmarks/start.py [--rounds 20] [-o json]

The commands take turns, so that a busy moment hits all of them; an empty interpreter is the floor. Each is a process of
its own, whose CPU time is what the system counted for it: wall time alone tells of the neighbours.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median
from tempfile import TemporaryDirectory

COMMANDS = {
    "python": ["-c", ""],
    "--help": ["-m", "ticketsmith", "--help"],
    "--version": ["-m", "ticketsmith", "--version"],
    "gate --help": ["-m", "ticketsmith", "gate", "--help"],
    "list": ["-m", "ticketsmith", "list"],
}
"""Arguments of the interpreter; `list` is of an empty store."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each command: medians in milliseconds and, in brackets, the smallest and the largest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="times that each command is started")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error(f"--rounds: expected at least 1, got {options.rounds}")
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for name, arguments in COMMANDS.items():
                found[name].append(taken([sys.executable, "-P", *arguments], folder))
    if options.output == "json":
        rows = {
            name: dict(zip(("cpu", "wall"), zip(*times, strict=True), strict=True)) for name, times in found.items()
        }
        print(json.dumps({"milliseconds": rows}))
        return
    print(f"{'milliseconds':13}{'CPU':>20}{'wall':>20}")
    for name, times in found.items():
        print(f"{name:13}" + "".join(f"{_spread(values):>20}" for values in zip(*times, strict=True)))


def taken(argv: list[str], folder: str) -> tuple[float, float]:
    """CPU and wall time of a process, in milliseconds."""
    began = time.perf_counter()
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(argv, cwd=folder, stdout=nowhere, stderr=nowhere)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with {process.returncode}")
    return 1000 * (used.ru_utime + used.ru_stime), 1000 * wall


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.0f} [{min(values):.0f}, {max(values):.0f}]"


if __name__ == "__main__":
    main()
