"""A ticket's speed against the fastest dense runtime, one thread, whole network, everything a call costs included.

    python benchmarks/inference.py --data-root data
    python benchmarks/inference.py --nets mlp1024 --all -o json

`digits` (64-300-100-10) and `lenet300` are tickets that `ticketsmith run` finds first, at the rounds whose sparsity is
nearest to the column; so are those of `lenet300-vector`, `-unit`, `-window` and `digits-window`, in which vectors of 16
weights, units, or weights within each 16 inputs of a unit competed. The other nets are pruned by magnitude, layer by
layer, untrained. Outputs of every back-end are checked against the masked network before it is timed; dense runtimes
serve the dense network.

A row is the chosen back-end against the best of PyTorch, ONNX Runtime and OpenVINO, all fp32; ratio of median latencies
over interleaved rounds in four fresh processes, with a 95 % interval over processes. `int8` is the ratio to the best
dense one in int8 (ONNX Runtime's two quantizers, and NNCF), `any` that to the best of any precision, `half` that to the
best in 16 bits, `own` that to our own dense loops. A second row is the ticket in int8, which is another network; dense
in int8 is calibrated on training examples, or on what it is timed on where these are noise. The goals of int8 are
printed at the end, of the better of 80 % of single weights and 75 % in windows. `--all` adds every other back-end,
torch.compile included. `--avx2` makes our code for AVX2 alone, as on a machine without AVX-512 and VNNI; the opponents
keep theirs, as ONNX Runtime has no switch for it.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import nets
import numpy as np
import torch
from torch import nn

import ticketsmith_tasks
from ticketsmith import cards
from ticketsmith.ledger import Ledger
from ticketsmith.lottery.choices import TICKET_IN_INT8
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith.lottery.steps import Benchmark, Prune, Train
from ticketsmith.runs import run_ids, spec_of, steps
from ticketsmith.stores import open_store
from ticketsmith_runner.backends import every
from ticketsmith_runner.context import Context
from ticketsmith_runner.replicate import networks
from ticketsmith_runner.steps.benchmark import benchmark
from ticketsmith_runner.subject import Subject
from ticketsmith_runtime.kernels._isa import AVX512
from ticketsmith_runtime.llvm import Machine

SPARSITIES = (0.5, 0.7, 0.8, 0.9, 0.95)
WINDOWS = (0.75, 0.875)
"""Sparsities that `-window` has: 4 and 2 of 16."""
TASKS = {"digits": "digits-mlp", "lenet300": "mnist-lenet300"}
FOUND = {
    "lenet300-vector": "vector",
    "lenet300-unit": "unit",
    "lenet300-window": "window",
    "digits-window": "window",
}
Made = tuple[Callable[[], nn.Module], tuple[int, ...]]
TRAINING = {"digits": [], "lenet300": ["--set=training.steps=3000", "--replicates=1", "--set=controls=[]"]}
FULL = ("digits", "lenet300", "mlp1024", "ffn768")
SMALL = ("lenet5", "resnet20")
INT8, EITHER = ("int8",), ("int8", "float32")
GOALS = [
    (FULL, (1,), INT8, "int8", 2.3),
    (FULL, (1,), INT8, "fp32", 8.0),
    (FULL, (16, 64, 256), INT8, "int8", 2.0),
    (FULL, (16, 64, 256), EITHER, "fp32", 3.0),
    (SMALL, (1, 16, 64, 256), INT8, "int8", 1.6),
    (SMALL, (1, 16, 64, 256), INT8, "fp32", 2.5),
]
"""Nets, batches, precisions of the ticket, the dense ones it is held to, and the least ratio to the best of them."""
AIMED = {"-window": 0.75, "": 0.8}
"""Sparsity at which the goals are looked at, by the end of a net's name."""


def chain(*sizes: int) -> nn.Sequential:
    """Linear and ReLU."""
    linears = [nn.Linear(inputs, units) for inputs, units in itertools.pairwise(sizes)]
    modules = [nn.Flatten(), *(module for linear in linears for module in (linear, nn.ReLU()))]
    return nn.Sequential(*modules[:-1])


MADE: dict[str, Made] = {
    "mlp1024": (partial(chain, 784, 1024, 1024, 10), (784,)),
    "ffn768": (partial(chain, 768, 3072, 768), (768,)),
    "lenet5": (nets.lenet5, (1, 28, 28)),
    "resnet20": (partial(nets.resnet20, projected=True), (3, 32, 32)),
    "mlp1024-vector": (partial(chain, 784, 1024, 1024, 10), (784,)),
    "mlp1024-window": (partial(chain, 784, 1024, 1024, 10), (784,)),
    "ffn768-window": (partial(chain, 768, 3072, 768), (768,)),
    "lenet5-window": (nets.lenet5, (1, 28, 28)),
    "resnet20-window": (partial(nets.resnet20, projected=True), (3, 32, 32)),
}


def main() -> None:
    """Print a row per net, sparsity and batch size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", default=",".join((*TASKS, *FOUND, *MADE)), help="comma-separated")
    parser.add_argument("--data-root", default="data", help="folder with torchvision's MNIST")
    parser.add_argument("--all", action="store_true", help="every back-end, not only the chosen one")
    parser.add_argument("--sparsities", type=float, nargs="+", help="instead of those of the table")
    parser.add_argument("--threads", type=int, default=1, help="of every back-end")
    parser.add_argument("--avx2", action="store_true", help="our code without AVX-512")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.avx2:
        narrow()
    measure = BenchmarkOptions(batch_sizes=(1, 16, 64, 256), rounds=16, seconds=0.02, threads=options.threads)
    rows = []
    for net in options.nets.split(","):
        sparsities = sparsities_of(net, options.sparsities or SPARSITIES)
        found = pruned(net, sparsities) if net in MADE else searched(net, sparsities, options.data_root)
        for subject, make in found:
            sent = partial(narrowed, make) if options.avx2 else make
            for row in measured(net, subject, sent, measure, options.all):
                rows.append(row)
                if options.output == "text":
                    print(line(row), flush=True)
    if options.output == "json":
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(reached(rows)))


def sparsities_of(net: str, sparsities: Sequence[float]) -> Sequence[float]:
    """Sparsities of a net's rows; of windows those that are nearest, each once."""
    if not net.endswith("-window"):
        return sparsities
    return sorted({min(WINDOWS, key=lambda window: abs(window - sparsity)) for sparsity in sparsities})


def reached(rows: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each goal: of all its cells the least, each the better of its masks."""
    for nets_of, batches, precisions, dense, goal in GOALS:
        cells = [(net, batch) for net in nets_of for batch in batches]
        best = {cell: max(found) for cell in cells if (found := list(aimed(rows, *cell, precisions, dense)))}
        if best:
            (least, mask), (net, batch) = min((value, cell) for cell, value in best.items())
            many = sum(ratio >= goal for ratio, _ in best.values())
            yield (
                f"ticket in {' or '.join(precisions)}, {', '.join(nets_of)}, batch {', '.join(map(str, batches))}: "
                f"at least {goal}x of dense {dense} {'reached' if least >= goal else 'missed'}, {many} of {len(best)} "
                f"cells; the least {least:.2f}x ({net}{mask}, batch {batch})"
            )


def aimed(
    rows: list[dict[str, Any]], net: str, batch: int, precisions: Sequence[str], dense: str
) -> Iterator[tuple[float, str]]:
    """A net's ratios where the goals are looked at, and the ends of its name that they belong to."""
    for end, sparsity in AIMED.items():
        for row in rows:
            of_cell = (row["net"], row["batch"]) == (net + end, batch) and row["precision"] in precisions
            ratio = row["int8" if dense == "int8" else "ratio"]
            if of_cell and abs(row["sparsity"] - sparsity) < 0.03 and ratio:
                yield ratio, end


def narrow() -> None:
    """Let our code see a processor without AVX-512 and VNNI."""
    less = Machine.host().without(*AVX512.features, "avx512vnni", "avx512vbmi", "avxvnni")
    Machine.host = classmethod(lambda cls: less)  # type: ignore[method-assign, assignment]


def narrowed(make: Callable[[], nn.Module]) -> nn.Module:
    """A network, in a process that is narrow from now on."""
    narrow()
    return make()


def searched(net: str, sparsities: Sequence[float], root: str) -> Iterator[tuple[Subject, Callable[[], nn.Module]]]:
    """The tickets of a search, at the rounds nearest to these sparsities, and what makes a network like theirs."""
    base = net.partition("-")[0]
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "ticketsmith", "run", "imp", "--task", TASKS[base], "--data-root", root]
        argv += ["--store", folder, f"--sparsity={max(sparsities)}", *TRAINING[base]]
        argv += [f"--set=pruning.granularity={FOUND.get(net, 'weight')}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1, 7):
            raise SystemExit(done.stderr)
        ledger = Ledger(store := open_store(folder), run_ids(store)[0])
        spec = spec_of(store, ledger.run_id)
        code = str(Path(ticketsmith_tasks.__file__).parents[1])
        context = Context(spec=spec, card=cards.read(ledger), ledger=ledger, code=code, data_root=root)
        levels = [networks(step, context) for step in of_levels(context)]
        first, last = np.arange(256), np.arange(context.examples.count - 1024, context.examples.count)
        calibration, inputs = (context.task.inputs(context.examples.batch(numbers)) for numbers in (first, last))
        for sparsity in sparsities:
            chosen = min(levels, key=lambda level: abs(level.sparsity - sparsity))
            yield Subject(**vars(chosen), inputs=inputs, calibration=calibration), context.network


def of_levels(context: Context) -> list[Benchmark]:
    """A benchmark for each round, which a run has only for its last one."""
    every_step = [step for step in steps(context.ledger, context.spec) if step.cohort == 0]
    dense = next(step for step in every_step if isinstance(step, Train) and step.arm == "dense")
    masks = [step for step in every_step if isinstance(step, Prune) and step.arm == "ticket"]
    tickets = [step for step in every_step if isinstance(step, Train) and step.arm == "ticket"]
    place = {"cohort": 0, "arm": "ticket", "variant": ""}
    return [
        Benchmark(level=mask.level, dense=dense, ticket=ticket, mask=mask, **place)
        for mask, ticket in zip(masks, tickets, strict=True)
    ]


def pruned(net: str, sparsities: Sequence[float]) -> Iterator[tuple[Subject, Callable[[], nn.Module]]]:
    """A network at its initialization, and the same with the largest of what competes in each layer alone."""
    make, shape = MADE[net]
    torch.manual_seed(0)
    for sparsity in sparsities:
        dense, masked = (make().requires_grad_(False).eval() for _ in range(2))
        masked.load_state_dict(dense.state_dict())
        masks = nets.cut(masked, sparsity, net.partition("-")[2] or "weight")
        yield Subject(replicate=0, dense=dense, masked=masked, masks=masks, inputs=torch.randn(1024, *shape)), make


def measured(
    net: str, subject: Subject, make: Callable[[], nn.Module], options: BenchmarkOptions, everything: bool
) -> Iterator[dict[str, object]]:
    backends = {name: backend for name, backend in every().items() if everything or not backend.KIND.asked}
    speed = benchmark(subject, options, backends, make=make)
    for chosen in speed.choices:
        rows = [row for row in speed.rows if row.batch_size == chosen.batch_size]
        half = [row.p50 for row in rows if "16" in (kind := backends[row.backend].KIND).precision and kind.dense]
        own = [row.p50 for row in rows if row.backend == "own-dense"]
        shown = [row for row in rows if everything or row.backend == TICKET_IN_INT8]
        for row in [chosen, *(row for row in shown if row != chosen)]:
            yield {
                "net": net, "batch": row.batch_size, "sparsity": round(subject.sparsity, 3),
                "precision": speed.precisions.get(row.backend, "float32"),
                "backend": speed.kernels(row), "against": speed.opponent(row.batch_size),
                "ratio": row.ratio, "low": row.low, "high": row.high,
                "int8": row.int8.ratio if row.int8 else None, "int8_against": row.int8.to if row.int8 else None,
                "any": row.any.ratio if row.any else None, "any_against": row.any.to if row.any else None,
                "half": min(half) / row.p50 if half else None, "own": min(own) / row.p50 if own else None,
                "chosen": row == chosen, "microseconds": 1e6 * row.p50,
            }  # fmt: skip


def line(row: dict[str, object]) -> str:
    interval = "{ratio:.2f}x [{low:.2f}, {high:.2f}]".format(**row)
    others = ", ".join(f"{row[key]:.2f}x of {key}" for key in ("int8", "any", "half", "own") if row[key])
    return "{net:15} {sparsity:6.1%} batch {batch:3} {backend:20} {microseconds:9.1f} us  ".format(**row) + (
        f"{interval:20} of {row['against']:11} {others}"
    )


if __name__ == "__main__":
    main()
