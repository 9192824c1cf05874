"""Speed of the working tree's training beside that of another commit: ratios of the time of an update.

    python benchmarks/against.py COMMIT --data-root data       # a table
    python benchmarks/against.py COMMIT --case digits-eager -o json

Each side is a checkout whose packages come first on PYTHONPATH, under the interpreter of this environment. A case is a
spec: one worker trains dense and then tickets, into a store of its own. The times are those that the run records:
`updates` in updates alone, `whole` with starts, looks and tests. The two sides of a case follow each other; the order
of cases, and of sides, is drawn anew in each round, after one round of a few updates that is not recorded. A ratio is
old / new, above 1 where the working tree is faster: the geometric mean over rounds, each of which has processes of its
own, with a 95 % t interval.

The exit code is 1 if the interval of a ratio lies wholly below 0.95, and 2 if what was asked for is not there.
"""

import argparse
import json
import os
import platform
import signal
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
from sides import ROOT, Side, Training, checkout, resolved, train, verify

from ticketsmith.allowance import cores
from ticketsmith.errors import TicketSmithError, UsageError
from ticketsmith.machine import cpu, versions
from ticketsmith_runner.timing import ratio

LEAST = 0.95
MEASURES = ("updates", "whole")
MNIST = "MNIST/raw/train-images-idx3-ubyte"  # below the data root
WARM = 10  # updates of the round that is not recorded


@dataclass(frozen=True)
class Case:
    """A spec of few rounds, in words that every commit knows."""

    name: str
    task: str
    trainer: str
    densities: tuple[float, ...]
    """Of dense and of each round; up to the last one they fall by one factor."""
    steps: int
    replicates: int
    more: Mapping[str, object] = field(default_factory=dict)
    hidden: tuple[int, ...] = (300, 100)

    def flags(self, side: Side) -> list[str]:
        """Options of `ticketsmith run imp`."""
        fields: dict[str, object] = {
            "replicates": self.replicates,
            "controls": [],
            side.widths: self.hidden,
            "training.steps": self.steps,
            "training.trainer": self.trainer,
            "pruning.fraction": 1 - self.densities[1],
            "pruning.output_rate": 1.0,
            **self.more,
        }
        sets = [f"--set={key}={json.dumps(value)}" for key, value in fields.items()]
        return ["--task", self.task, "--sparsity", str(1 - self.densities[-1]), *sets]


TICKETS = (1.0, 0.2**0.5, 0.2, 0.1)
SGD = {"training.optimizer": "sgd", "training.learning_rate": 0.1, "training.batch_size": 128}
CASES = {
    case.name: case
    for case in (
        Case("digits", "digits-mlp", "csr-mlp", TICKETS, 180, 5),
        Case("digits-eager", "digits-mlp", "eager", (1.0, 0.2), 60, 5),
        Case("lenet300", "mnist-lenet300", "auto", TICKETS, 300, 1),
        Case("lenet300-sgd", "mnist-lenet300", "auto", (1.0, 0.2), 200, 1, SGD),
        Case("lenet300-eager", "mnist-lenet300", "eager", (1.0, 0.2), 200, 1),
    )
}
Row = dict[str, Any]
T = TypeVar("T")
Rounds = list[list[Training]]
"""Of one case and side: dense and its tickets, for each round."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the machine and a table, or `commit`, `machine`, `rounds`, `rows` and `skipped`. Times are milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", help="the old side")
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder with torchvision's MNIST")
    parser.add_argument("--case", choices=list(CASES), action="append", help="[default: all]")
    parser.add_argument("--rounds", type=_positive, default=7)
    parser.add_argument("--steps", type=_positive, help="updates of each training [default: those of the case]")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or the checkout would be left behind
    try:
        result = against(options)
    except TicketSmithError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    print(json.dumps(result, indent=2) if options.output == "json" else table(result))
    return int(any(row["high"] < LEAST for row in result["rows"]))


def against(options: argparse.Namespace) -> dict[str, Any]:
    """Compare what was asked for; a case whose data are not there is skipped."""
    commit, data = resolved(options.commit), options.data_root.resolve()
    chosen = [replace(CASES[name], steps=options.steps or CASES[name].steps) for name in options.case or CASES]
    absent = [case for case in chosen if case.task.startswith("mnist") and not (data / MNIST).exists()]
    if absent == chosen:
        raise UsageError(f"nothing to time: no {MNIST} below {data}", "--data-root FOLDER with torchvision's MNIST")
    with checkout(commit) as old:
        sides = (Side("old", old), Side("new", ROOT))
        for side in sides:
            verify(side)
        rows = compare([case for case in chosen if case not in absent], sides, options.rounds, data)
    skipped = [{"case": case.name, "reason": f"no {MNIST} below {data}"} for case in absent]
    return {"commit": commit, "machine": machine(), "rounds": options.rounds, "rows": rows, "skipped": skipped}


def compare(cases: Sequence[Case], sides: Sequence[Side], rounds: int, data: Path) -> list[Row]:
    """Train every case on both sides in each round."""
    trained: dict[tuple[str, str], Rounds] = defaultdict(list)
    draws = np.random.default_rng(0)
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}" if number else "a first round, to compile", file=sys.stderr)
        for case in _drawn(cases, draws):
            for side in _drawn(sides, draws):
                steps = case.steps if number else min(case.steps, WARM)
                arms = train(side, replace(case, steps=steps).flags(side), data, len(case.densities))
                if number:
                    trained[case.name, side.name].append(arms)
    return [
        row(case, level, measure, trained[case.name, "old"], trained[case.name, "new"])
        for case in cases
        for level in range(len(case.densities))
        for measure in MEASURES
    ]


def row(case: Case, level: int, measure: str, old: Rounds, new: Rounds) -> Row:
    """One measure of one training: milliseconds of an update on both sides, and their ratio."""
    before, after = (
        [[1e3 * seconds / case.steps for seconds in getattr(arms[level], measure)] for arms in side]
        for side in (old, new)
    )
    middle, low, high = ratio(*([[seconds] for seconds in side] for side in (before, after)))
    trainers = sorted({arms[level].trainer for arms in (*old, *new)})
    return {
        "case": case.name, "density": round(case.densities[level], 4), "trainer": ", ".join(trainers),
        "measure": measure, "old": _median(before), "new": _median(after), "ratio": middle, "low": low, "high": high,
    }  # fmt: skip


def machine() -> Row:
    """The processor, the cores that this process may use, how busy they are, and what computes."""
    load, python = os.getloadavg()[0], platform.python_version()
    packages = {"python": python, **versions(), "numba": version("numba")}
    return {"cpu": cpu(), "cores": cores(), "load": round(load, 1), "versions": packages}


def table(result: Row) -> str:
    """The machine, a line for each row, and one for each case that was skipped."""
    about = result["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        f"{about['cpu']}, {about['cores']} cores, load {about['load']}; {packages}",
        f"old: {result['commit'][:12]}, new: the working tree; milliseconds of an update, {result['rounds']} rounds",
        f"{'case':16}{'density':>8}  {'trainer':11}{'measure':9}{'old':>9}{'new':>9}  ratio",
    ]
    for row in result["rows"]:
        interval = f"{row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
        slower = "  slower" if row["high"] < LEAST else ""
        lines.append(
            f"{row['case']:16}{row['density']:8.2f}  {row['trainer']:11}{row['measure']:9}"
            f"{row['old']:9.3f}{row['new']:9.3f}  {interval}{slower}"
        )
    return "\n".join(lines + [f"{skipped['case']:16}skipped: {skipped['reason']}" for skipped in result["skipped"]])


def _drawn(items: Sequence[T], draws: np.random.Generator) -> list[T]:
    return [items[place] for place in draws.permutation(len(items))]


def _median(rounds: Sequence[Sequence[float]]) -> float:
    return median(median(replicates) for replicates in rounds)


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
