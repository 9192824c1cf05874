"""A whole study on MNIST, as `ticketsmith run` does it, against what a conventional loop would need for its trainings.

    python benchmarks/study.py --data-root data
    python benchmarks/study.py --open-lth CHECKOUT -o json

The study: LeNet-300-100 by the protocol of open_lth (SGD 0.1, batches of 128), dense and 13 rounds of pruning by 20 %,
3 arms, 5 replicates, 5 epochs each with a look at the validation split after each of them: 200 trainings. Its time is
that of the whole command, with imports, pruning, gates, benchmark and report. The opponent trains one epoch, alone and
with a second one beside it, four times before the study and four times after; its time for the study is the median
epoch times 1,000. It does not look, prune, judge or report.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np
import peers
from peers import WORKERS, pair, together, untuned
from training import CASES, conventional

from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.spec import Pruning

ROUNDS, ARMS, REPLICATES, EPOCHS = 13, 3, 5, 5
SPARSITY = 1 - 0.8**ROUNDS
CASE = CASES["lenet300-sgd"]
EPOCH = 55_000 // CASE.training.batch_size  # updates
TRAININGS = REPLICATES * (1 + ROUNDS * ARMS)
REPEATS = 4
OPPONENTS: dict[str, Callable[[], object]] = {}
"""CASE.updates each. Filled before the workers are forked, which find it as it was."""
Row = dict[str, object]


def main() -> None:
    """Print rows: seconds of the study, and its ratio to each opponent with its range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="data", help="folder with torchvision's MNIST")
    parser.add_argument("--open-lth", help="a checkout of facebookresearch/open_lth")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    assert rounds(Pruning(sparsity=SPARSITY)) == ROUNDS
    OPPONENTS["conventional loop"] = partial(conventional, CASE, 1.0, options.data_root)
    if options.open_lth:
        peer = peers.OpenLth(options.open_lth, options.data_root, 1.0)
        OPPONENTS["open_lth"] = lambda: peer(CASE.updates)
    epochs: dict[tuple[str, int], list[float]] = {(name, count): [] for name in OPPONENTS for count in (1, WORKERS)}
    pools = pair(untuned)
    listen(epochs, pools)
    seconds, *spent = study(options.data_root)
    listen(epochs, pools)
    rows = [row(*key, times, seconds) for key, times in epochs.items()]
    updates, trainings = (each / seconds / WORKERS for each in spent)
    rows.append(
        {"case": "study", "trainings": TRAININGS, "seconds": seconds, "updates": updates, "around": trainings - updates}
    )
    print(json.dumps(rows, indent=2) if options.output == "json" else "\n".join(map(line, rows)))


def study(root: str) -> tuple[float, float, float]:
    """Seconds of the command, and those that its workers spent in updates and in whole trainings."""
    fields = {
        "replicates": REPLICATES,
        "training.steps": EPOCHS * EPOCH,
        "training.batch_size": CASE.training.batch_size,
        "training.optimizer": CASE.training.optimizer,
        "training.learning_rate": CASE.training.learning_rate,
        "training.evaluate_every": EPOCH,
        "pruning.sparsity": SPARSITY,
    }
    with tempfile.TemporaryDirectory() as store:
        argv = [sys.executable, "-m", "ticketsmith", "run", "imp", "--task", "mnist-lenet300", "--data-root", root]
        argv += ["--store", store, *(f"--set={key}={value}" for key, value in fields.items())]
        began = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if done.returncode not in (0, 1, 7):
            raise SystemExit(done.stderr)
        times = [json.loads(path.read_text()) for path in Path(store).rglob("train/timing.json")]
    return seconds, sum(sum(each["updates"]) for each in times), sum(sum(each["seconds"]) for each in times)


def listen(epochs: dict[tuple[str, int], list[float]], pools: Sequence[Executor]) -> None:
    """Add seconds of a replicate's epoch, for each opponent alone and for as many as there are workers."""
    for name in OPPONENTS:
        together(pools, partial(once, name))  # caches of each worker
    for _ in range(REPEATS):
        for (name, count), times in epochs.items():
            began = time.perf_counter()
            together(pools[:count], partial(once, name))
            times.append(EPOCH / CASE.updates * (time.perf_counter() - began) / count)


def once(name: str) -> None:
    OPPONENTS[name]()


def row(name: str, count: int, epochs: list[float], seconds: float) -> Row:
    whole = TRAININGS * EPOCHS * np.array(epochs) / seconds
    return {
        "case": "study", "against": f"{count} x {name}", "trainings": TRAININGS, "seconds": seconds,
        "ratio": float(np.median(whole)), "low": float(whole.min()), "high": float(whole.max()),
    }  # fmt: skip


def line(row: Row) -> str:
    if "updates" in row:
        return "{updates:.1%} of it in updates, {around:.1%} in looks, tests and records".format(**row)
    interval = "{ratio:.1f}x [{low:.1f}, {high:.1f}]".format(**row)
    return f"{row['trainings']} trainings in {row['seconds']:.0f} s: {interval} against {row['against']}"


if __name__ == "__main__":
    main()
