"""A whole study on MNIST, as `ticketsmith run` does it, against what a conventional loop would need for its trainings.

    python benchmarks/study.py --data-root data
    python benchmarks/study.py --open-lth CHECKOUT -o json

The study: LeNet-300-100, 14 rounds of pruning by 20 %, 3 arms, 5 replicates, 5 epochs each: 215 trainings. Its time is
that of the whole command, with imports, pruning, gates, benchmark and report. The opponent trains one epoch, five times
before the study and five times after; its time for the study is the median epoch times 1,075, in one process. Two of
them on two cores take half of that. It does not prune, judge or report.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import peers
from training import CASES, conventional

from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.spec import Pruning

LEVELS, ARMS, REPLICATES, EPOCHS = 14, 3, 5, 5
SPARSITY = 1 - 0.8**LEVELS
EPOCH = 55_000 // 60  # updates
TRAININGS = REPLICATES * (1 + LEVELS * ARMS)
ROUNDS = 5


def main() -> None:
    """Print a row for each opponent: times for the study, and their ratio with its range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="data", help="folder with torchvision's MNIST")
    parser.add_argument("--open-lth", help="a checkout of facebookresearch/open_lth")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    assert rounds(Pruning(sparsity=SPARSITY)) == LEVELS
    opponents = {"one conventional loop": loop(options.data_root)}
    if options.open_lth:
        opponents["one process of open_lth"] = open_lth(options.open_lth, options.data_root)
    epochs: dict[str, list[float]] = {name: [] for name in opponents}

    def listen() -> None:
        for _ in range(ROUNDS):
            for name, epoch in opponents.items():
                epochs[name].append(epoch())

    listen()
    seconds = study(options.data_root)
    listen()
    rows = [row(name, times, seconds) for name, times in epochs.items()]
    print(json.dumps(rows, indent=2) if options.output == "json" else "\n".join(map(line, rows)))


def study(root: str) -> float:
    """Seconds of the command."""
    fields = {"replicates": REPLICATES, "training.steps": EPOCHS * EPOCH, "pruning.sparsity": SPARSITY}
    with tempfile.TemporaryDirectory() as store:
        argv = [sys.executable, "-m", "ticketsmith", "run", "imp", "--task", "mnist-lenet300", "--data-root", root]
        argv += ["--store", store, *(f"--set={key}={value}" for key, value in fields.items())]
        began = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
    if done.returncode not in (0, 1, 7):
        raise SystemExit(done.stderr)
    return seconds


def loop(root: str) -> Callable[[], float]:
    """Seconds of one epoch of the conventional loop, from a fifth of it."""
    case = CASES["lenet300"]
    return timed(lambda: conventional(case, 1.0, root), EPOCH / case.updates)


def open_lth(path: str, root: str) -> Callable[[], float]:
    """The same of open_lth, whose batches are of 128 and whose optimizer is SGD."""
    case = CASES["lenet300-sgd"]
    peer = peers.OpenLth(path, root, 1.0)
    return timed(lambda: peer(case.updates), EPOCH * 60 / 128 / case.updates)


def timed(call: Callable[[], object], scale: float) -> Callable[[], float]:
    def epoch() -> float:
        began = time.perf_counter()
        call()
        return scale * (time.perf_counter() - began)

    epoch()  # imports and caches
    return epoch


def row(against: str, epochs: list[float], seconds: float) -> dict[str, object]:
    whole = TRAININGS * EPOCHS * np.array(epochs) / seconds
    return {
        "case": "study", "against": against, "trainings": TRAININGS, "seconds": seconds,
        "ratio": float(np.median(whole)), "low": float(whole.min()), "high": float(whole.max()),
    }  # fmt: skip


def line(row: dict[str, object]) -> str:
    interval = "{ratio:.1f}x [{low:.1f}, {high:.1f}]".format(**row)
    return f"{row['trainings']} trainings in {row['seconds']:.0f} s: {interval} against {row['against']}"


if __name__ == "__main__":
    main()
