"""Gains on a GPU: trainings that are recorded, many in one stack; and structured tickets in half precision.

    python benchmarks/gpu.py train --data-root data
    python benchmarks/gpu.py infer
    python benchmarks/gpu.py infer -o json

`train`: seconds for a replicate and epoch, against the conventional loop of `benchmarks/training.py` on the same GPU.
A form is a trainer and how many replicates it trains at a time; `launched`: its updates are not recorded; `bfloat16`:
in that precision; `compiled`: by torch.compile.
`infer`: networks at their initialization, of which units, or two of four weights, were pruned by magnitude. Each row
has the ratio to the best dense one in fp32, and to the dense one in fp16; both are resident and replay a CUDA graph.
`nothing` is a graph of as many empty kernels as the network has layers, which no kernel for each layer could beat.
TF32 is off.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import nets
import torch
from inference import chain
from torch import Tensor, nn
from training import CASES, Case, conventional, examples, start

from ticketsmith.allowance import cores
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith_runner.backends import every
from ticketsmith_runner.steps.benchmark import benchmark
from ticketsmith_runner.subject import Subject
from ticketsmith_runner.timing import measure, ratio
from ticketsmith_runner.trainers import Batches, begin
from ticketsmith_runner.trainers._recorded import maker
from ticketsmith_runner.workers import single_thread

FORMS = (
    ("eager", 1, ""), ("eager", 1, "launched"), ("eager", 1, "bfloat16"), ("eager", 1, "compiled"),
    ("stack", 1, ""), ("stack", 5, ""), ("stack", 15, ""),
    ("stack", 5, "launched"), ("stack", 5, "bfloat16"), ("stack", 5, "compiled"),
)  # fmt: skip
"""Trainer, replicates, and what is different."""
LARGE = ("lenet300", "lenet300-sgd", "conv2", "resnet20")
UPDATES = 50
OPTIONS = BenchmarkOptions(batch_sizes=(1, 64, 256, 4096), rounds=12, seconds=0.02)
Made = tuple[Callable[[], nn.Module], tuple[int, ...]]
NETS: dict[str, Made] = {
    "mlp1024": (partial(chain, 784, 1024, 1024, 10), (784,)),
    "ffn768": (partial(chain, 768, 3072, 768), (768,)),
    "mlp4096": (partial(chain, 1024, 4096, 4096, 1024), (1024,)),
    "lenet5": (nets.lenet5, (1, 28, 28)),
    "conv2": (nets.conv2, (3, 32, 32)),
}
SUBJECTS = [
    *((net, "unit", sparsity) for net in NETS for sparsity in (0.8, 0.95)),
    *((net, "two-of-four", sparsity) for net in ("mlp1024", "mlp4096") for sparsity in (0.5, 0.8)),
]
Row = dict[str, object]


def main() -> None:
    """Print a row per network, and stack or sparsity and batch size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "infer"))
    parser.add_argument("--data-root", default="data", help="folder with torchvision's MNIST, for `train`")
    parser.add_argument("--case", choices=LARGE, action="append", help="of `train` [default: all]")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("this machine has no GPU: nothing was measured")
    single_thread()
    print(torch.cuda.get_device_name(), torch.__version__, file=sys.stderr)
    cases = [CASES[name] for name in options.case or LARGE]
    rows = trainings(cases, options.data_root) if options.what == "train" else inferences()
    shown = list[Row]()
    for row in rows:
        shown.append(row)
        if options.output == "text":
            print(
                "  ".join(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()),
                flush=True,
            )
    if options.output == "json":
        print(json.dumps(shown, indent=2))


def trainings(cases: Sequence[Case], root: str) -> Iterator[Row]:
    """The time of a dense network, which a GPU trains no slower than a sparse one."""
    for case in cases:
        case = replace(case, training=case.training.model_copy(update={"device": "cuda"}), updates=UPDATES)
        calls: dict[str, Callable[[], object]] = {"loop": partial(conventional, case, 1.0, root)}
        sizes = {"loop": 1}
        for trainer, size, form in FORMS:
            name = f"{trainer} x{size} {form}".strip()
            try:
                calls[name], sizes[name] = begun(case, root, trainer, size, form), size
            except Exception as error:  # of torch, whatever it cannot
                yield {"case": case.name, "form": name, "refused": str(error).partition("\n")[0]}
        times = measure(calls, 5, 0.0)
        for name, rounds in times.items():
            each = [[call / sizes[name] for call in calls] for calls in rounds]
            found, low, high = ratio([times["loop"]], [each])
            seconds = case.scale * statistics.median(statistics.median(calls) for calls in each)
            yield {"case": case.name, "form": name, "seconds": seconds, "ratio": found, "low": low, "high": high}


def begun(case: Case, root: str, trainer: str, size: int, form: str) -> Callable[[], object]:
    """Updates of a group that has made some, so that what is made once is no part of the time."""
    precision = "bfloat16" if form == "bfloat16" else "float32"
    training = case.training.model_copy(update={"precision": precision})
    network, mask = start(case.name, 1.0)
    inputs, labels = (part.to("cuda") for part in examples(case.name, root))
    order = torch.randperm(len(labels), device="cuda")
    of, per_epoch = case.training.batch_size, len(labels) // case.training.batch_size

    def chosen(update: int) -> Tensor:
        first = of * (update % per_epoch)
        return order[first : first + of]

    state = {f"weights/{key}": value.clone() for key, value in network.state_dict().items()}
    if form == "compiled" and trainer == "eager":
        network.compile()
    group: Any = begin(trainer, network, [state] * size, [mask] * size, training)
    if form == "launched":
        own = group if trainer == "stack" else group.trainer
        own.make = maker("cpu")
    if form == "compiled" and trainer == "stack":
        group.slopes = torch.compile(group.slopes)
    batches = [Batches((inputs, labels), chosen)] * size
    group.advance(range(8), batches)
    return lambda: group.advance(range(case.updates), batches)


def inferences() -> Iterator[Row]:
    """Rows of the speed matrix, for each network and sparsity."""
    backends = {name: each for name, each in every().items() if name.startswith("cuda")}
    torch.set_num_threads(cores())  # for what is compared with
    for net, form, sparsity in SUBJECTS:
        subject = pruned(net, form, sparsity)
        speed = benchmark(subject, OPTIONS, backends, make=NETS[net][0])
        for refusal in speed.refused:
            print(f"{net} {form} {sparsity:.0%}: {refusal.backend}: {refusal.reason}", file=sys.stderr)
        for row in speed.rows:
            same = [each for each in speed.rows if each.batch_size == row.batch_size]
            half = [each.p50 for each in same if each.backend == "cuda-half"]
            yield {
                "net": net, "form": form, "sparsity": round(subject.sparsity, 3), "batch": row.batch_size,
                "backend": row.backend, "ratio": row.ratio, "low": row.low, "high": row.high,
                "half": half[0] / row.p50 if half else None, "microseconds": 1e6 * row.p50,
            }  # fmt: skip
        yield {"net": net, "form": form, "backend": "nothing", "microseconds": 1e6 * nothing(subject.dense)}


def pruned(net: str, form: str, sparsity: float) -> Subject:
    """The largest units, or two of four weights, of each layer; by the mean of what they hold."""
    make, shape = NETS[net]
    torch.manual_seed(0)
    dense, masked = (make().requires_grad_(False).eval() for _ in range(2))
    masked.load_state_dict(dense.state_dict())
    masks = nets.cut(masked, sparsity, form)
    return Subject(replicate=0, dense=dense, masked=masked, masks=masks, inputs=torch.randn(256, *shape))


def nothing(network: nn.Module) -> float:
    """Seconds of a call whose graph has one empty kernel for each layer with weights."""
    layers = sum(isinstance(module, nn.Linear | nn.Conv2d) for module in network.modules())
    given, inputs = torch.zeros(1, device="cuda"), torch.zeros(1, device="cuda")
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(layers):
            inputs.add_(1)

    def call() -> None:
        inputs.copy_(given)
        graph.replay()
        inputs.clone()
        torch.cuda.synchronize()

    return statistics.median(statistics.median(each) for each in measure({"": call}, 9, 0.02)[""])


if __name__ == "__main__":
    main()
