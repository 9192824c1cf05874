"""Speed of the runner's training beside a conventional loop: seconds for a replicate and epoch.

    python benchmarks/training.py --data-root data            # a table
    python benchmarks/training.py --open-lth CHECKOUT -o json  # against open_lth too; rows

The conventional loop is what a tutorial has: torchvision's data set with its usual transforms, a DataLoader without
workers, torch.optim, in one process. The planner's choice runs as in a run: one process a core, one thread each, and a
replicate takes half of what two take together. A further row is against two conventional loops side by side. Opponents,
and `plain eager`, which is that trainer without channels_last, have processes of their own, with torch's settings and
memory as they come; `eager without channels_last` keeps memory as ours does. Calls of a round follow each other, and
the order of a round is drawn; a ratio is the geometric mean over rounds, with a 95 % t interval,
which is blind to what is fixed in these processes.

lenet300 is the task mnist-lenet300 (batches of 60, Adam), lenet300-sgd has open_lth's batches of 128 and SGD; conv2 and
resnet20 train on noise of CIFAR-10's size; digits is digits-mlp, whose conventional loop reads tensors. A density of 1
has no mask. Of chains csr-mlp is also held against dense-mlp, which the planner's rule follows.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import nets
import numpy as np
import peers
import torch
from peers import WORKERS, pair, together, untuned
from torch import Tensor, nn

import ticketsmith_tasks
from ticketsmith.lottery.spec import Training
from ticketsmith_runner.network import prunable
from ticketsmith_runner.planner import Subject, choose
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.timing import measure, ratio
from ticketsmith_runner.trainers import Batches, trainer
from ticketsmith_runner.workers import single_thread
from ticketsmith_tasks.mlp import chain


@dataclass(frozen=True)
class Case:
    """A network, its protocol, and how many updates stand for an epoch."""

    name: str
    densities: tuple[float, ...]
    training: Training
    updates: int
    examples: int
    """In an epoch."""

    @property
    def scale(self) -> float:
        """Epochs in the updates that are timed."""
        return self.examples / self.training.batch_size / self.updates


ADAM = Training(steps=10**6, batch_size=60, optimizer="adam", learning_rate=1.2e-3)
DIGITS = Training(steps=10**6, batch_size=64, optimizer="adam", learning_rate=3e-3)
SGD = Training(steps=10**6, batch_size=128, learning_rate=0.1)
MOMENTUM = Training(steps=10**6, batch_size=128, learning_rate=0.1, momentum=0.9)
CASES = {
    case.name: case
    for case in (
        Case("digits", (1.0, 0.2), DIGITS, 22, 1_437),
        Case("lenet300", (1.0, 0.7, 0.5, 0.2, 0.05, 0.02), ADAM, 200, 55_000),
        Case("lenet300-sgd", (1.0, 0.2, 0.05, 0.02), SGD, 100, 60_000),
        Case("conv2", (1.0, 0.2), MOMENTUM, 2, 10_000),
        Case("resnet20", (1.0, 0.2), MOMENTUM, 3, 10_000),
    )
}
CHAINS = {"digits": "digits_mlp", "lenet300": "mnist_lenet300", "lenet300-sgd": "mnist_lenet300"}
"""Tasks, by the names of their cases."""
TASKS = str(Path(ticketsmith_tasks.__file__).parents[1])
CLASSIFIER = Task(TASKS, "ticketsmith_tasks.mnist_lenet300")
"""Every case has its loss."""
Row = dict[str, object]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table, or rows of `case`, `density`, `workers`, `ratio`, `low`, `high`, `seconds` and `trainer`.

    Rows without `against` are the planner's choice against one conventional loop.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="data", help="folder with torchvision's MNIST")
    parser.add_argument("--open-lth", help="a checkout of facebookresearch/open_lth")
    parser.add_argument("--case", choices=list(CASES), action="append", help="[default: all]")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    rows, pools = [], (pair(untuned), pair(single_thread))
    for name in options.case or CASES:
        for density in CASES[name].densities:
            rows += compare(CASES[name], density, options, *pools)
    print(json.dumps(rows, indent=2) if options.output == "json" else table(rows))


def compare(
    case: Case, density: float, options: argparse.Namespace, theirs: Sequence[Executor], ours: Sequence[Executor]
) -> list[Row]:
    """All calls of one case and density, interleaved; and the ratios that follow."""
    ours = network(case.name)
    subject = Subject(CLASSIFIER, weights=sum(prunable(ours).values()), resident=True, draws=False)
    name = choose(case.training, ours, subject, density).trainer
    training, loop = (partial(made, case, density, options.data_root) for made in (train, conventional))
    calls: dict[str, Callable[[], object]] = {
        "loop": partial(together, theirs[:1], loop),
        "loops": partial(together, theirs, loop),
        "ours": partial(together, ours, partial(training, name)),
        "one": partial(together, ours[:1], partial(training, name)),
    }
    others = ("eager", "csr-mlp", "dense-mlp") if name != "eager" else ("bfloat16",)
    calls |= {other: partial(together, ours[:1], partial(training, other)) for other in others}
    if name == "eager":
        calls["plain"] = partial(together, theirs[:1], partial(training, "plain"))
        calls["planes"] = partial(together, ours[:1], partial(training, "plain"))
    if options.open_lth and case.name == "lenet300-sgd":
        peer = partial(shipped, options.open_lth, options.data_root, density, case.updates)
        calls["open_lth"] = partial(together, theirs[:1], peer)
    times = measure(calls, options.rounds, 0.0)
    each = {key: [[call / (WORKERS if key in ("loops", "ours") else 1) for call in calls] for calls in value]
            for key, value in times.items()}  # fmt: skip
    head = {"case": case.name, "density": density, "trainer": name}

    def row(candidate: str, workers: int, baseline: str, against: str | None = None, **more: object) -> Row:
        found, low, high = ratio([each[baseline]], [each[candidate]])
        seconds = case.scale * float(np.median([np.median(calls) for calls in each[candidate]]))
        named = {"against": against} if against else {}
        return head | more | {"workers": workers, "ratio": found, "low": low, "high": high, "seconds": seconds} | named

    found = [row("ours", WORKERS, "loop"), row("ours", WORKERS, "loops", "two conventional loops side by side")]
    found += [row("one", 1, "loop", "one conventional loop")]
    if "eager" in each:
        found += [row("eager", 1, "loop", "one conventional loop", trainer="eager")]
        found += [row("csr-mlp", 1, "dense-mlp", "dense-mlp", trainer="csr-mlp")]
    if "plain" in each:
        found += [row("one", 1, "plain", "plain eager")]
        found += [row("one", 1, "planes", "eager without channels_last")]
        found += [row("bfloat16", 1, "plain", "plain eager", trainer="eager, bfloat16")]
    if "open_lth" in each:
        found += [row("ours", WORKERS, "open_lth", "one process of open_lth"), row("one", 1, "open_lth", "open_lth")]
    return found


def train(case: Case, density: float, root: str, name: str) -> None:
    """The runner's updates. `plain` and `bfloat16` are eager: without channels_last, and in that precision."""
    ours, mask = start(case.name, density)
    inputs, labels = examples(case.name, root)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(labels)))
    size = case.training.batch_size
    batches = Batches((inputs, labels), lambda update: order[update * size : (update + 1) * size])
    state = {f"weights/{key}": value for key, value in ours.state_dict().items()}
    training = case.training.model_copy(update={"precision": "bfloat16"} if name == "bfloat16" else {})
    made = trainer("eager" if name in ("plain", "bfloat16") else name).start(ours, state, mask, training)
    if name == "plain":
        ours.to(memory_format=torch.contiguous_format)
        batches = Batches((inputs.flatten(2), labels), batches.chosen)  # what is no image keeps its layout
        ours.insert(0, nn.Unflatten(2, (32, 32)))  # type: ignore[operator]
    made.advance(range(case.updates), batches)


def conventional(case: Case, density: float, root: str) -> None:
    """The loop of a tutorial, on torchvision's own data sets."""
    ours, mask = start(case.name, density)
    peers.conventional(ours, mask, images(case.name, root), case.training, case.updates)


def shipped(path: str, root: str, density: float, updates: int) -> None:
    """open_lth's updates."""
    _checkout(path, root, density)(updates)


@lru_cache
def _checkout(path: str, root: str, density: float) -> peers.OpenLth:
    return peers.OpenLth(path, root, density)


def network(name: str) -> nn.Module:
    if name in CHAINS:
        return chain(64 if name == "digits" else 784, 300, 100, 10)
    return {"conv2": nets.conv2, "resnet20": nets.resnet20}[name]()


def start(name: str, density: float) -> tuple[nn.Module, dict[str, Tensor]]:
    """A network with a random mask of this density in every layer; dense has none."""
    torch.manual_seed(0)
    ours, generator = network(name), torch.Generator().manual_seed(0)
    if density == 1.0:
        return ours, {}
    parameters = dict(ours.named_parameters())
    return ours, {layer: torch.rand(parameters[layer].shape, generator=generator) < density for layer in prunable(ours)}


@lru_cache
def examples(name: str, root: str) -> tuple[Tensor, Tensor]:
    """Resident inputs and labels: MNIST, or noise of CIFAR-10's size."""
    if name in CHAINS:
        inputs, labels = Task(TASKS, f"ticketsmith_tasks.{CHAINS[name]}").examples(Path(root)).tensors
        return inputs[:60_000], labels[:60_000]
    pixels, labels = noise()
    planes = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()  # or a permuted tensor is channels_last already
    return (planes / 255 - 0.5) / 0.25, torch.from_numpy(labels)


@lru_cache
def images(name: str, root: str) -> torch.utils.data.Dataset[object]:
    """torchvision's data set with its usual transforms."""
    from torchvision import datasets, transforms

    if name == "digits":
        return torch.utils.data.TensorDataset(*examples(name, root))
    grey = name.startswith("lenet300")
    normal = transforms.Normalize((0.1307,), (0.3081,)) if grey else transforms.Normalize((0.5,) * 3, (0.25,) * 3)
    usual = transforms.Compose([transforms.ToTensor(), normal])
    if grey:
        return datasets.MNIST(root, train=True, transform=usual)
    there = datasets.CIFAR10.__new__(datasets.CIFAR10)  # CIFAR-10's own class around noise: nothing is downloaded
    there.data, there.targets = noise()
    there.transform, there.target_transform = usual, None
    return there


@lru_cache
def noise() -> tuple["np.ndarray", "np.ndarray"]:
    draws = np.random.default_rng(0)
    return draws.integers(0, 256, (10_000, 32, 32, 3), dtype=np.uint8), draws.integers(0, 10, 10_000)


def table(rows: list[Row]) -> str:
    """A line for each row."""
    lines = [f"{'case':14}{'density':>8}{'workers':>8}{'s/epoch':>9}  {'ratio':24}{'trainer':17}against"]
    for row in rows:
        interval = f"{row['ratio']:.1f}x [{row['low']:.1f}, {row['high']:.1f}]"
        against = row.get("against", "one conventional loop")
        lines.append(
            f"{row['case']:14}{row['density']:8.2f}{row['workers']:8d}{row['seconds']:9.2f}  "
            f"{interval:24}{row['trainer']:17}{against}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
