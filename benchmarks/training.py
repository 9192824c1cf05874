"""Training a network the usual way and here, interleaved: seconds for one epoch of one replicate.

    python benchmarks/training.py --data-root data [-o json]

The conventional loop is what a tutorial has, in one process: torchvision's MNIST with its usual transforms, a
DataLoader without workers, `torch.optim`, and the mask multiplied in after each update. Ours is the runner's own
`train()`, the same network, optimizer, batch size and mask, in one process or in two at a time (then a replicate takes
half of the wall time). Looks at the validation split are left out of both. A ratio is the median over rounds of the
ratio of the two times in a round, with a 95 % bootstrap interval; the order within a round rotates.
"""

import argparse
import json
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ticketsmith.specs import read_spec, task
from ticketsmith_runner.data import read
from ticketsmith_runner.loop import train
from ticketsmith_runner.network import build, draw, prunable
from ticketsmith_runner.timing import measure, ratio
from ticketsmith_runner.workers import single_thread, workers

EPOCH, BATCH, UPDATES = 55_000, 60, 200  # examples of an epoch; a sample of its updates is timed
DENSITIES = (1.0, 0.2, 0.05)
TASK = "mnist-lenet300"
SPEC = read_spec(None, {"task": TASK})

Epoch = Callable[[], object]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a table, or rows of `case`, `density`, `workers`, `against`, `ratio`, `low`, `high` and `seconds`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", default="data", help="folder with torchvision's MNIST")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    rows = [row for density in DENSITIES for row in compare(density, options.data_root, options.rounds)]
    if options.output == "json":
        print(json.dumps(rows, indent=2))
        return
    print(f"{'case':10}{'density':>9}{'workers':>9}{'s/epoch':>9}   ratio to the conventional loop")
    for row in rows:
        interval = f"{row['ratio']:5.1f}x [{row['low']:.1f}, {row['high']:.1f}]" if row["against"] else "reference"
        print(f"{row['case']:10}{row['density']:9.2f}{row['workers']:9d}{row['seconds']:9.2f}   {interval}")


def compare(density: float, root: str, rounds: int) -> list[dict[str, object]]:
    """The conventional loop against ours, with one process and with two."""
    with workers(2) as pool:
        assert pool is not None

        def two() -> None:
            for done in [pool.submit(ours, density, root) for _ in range(2)]:
                done.result()

        two()  # both have read their data
        calls: dict[str, Epoch] = {
            "conventional": lambda: conventional(density, root),
            "1": lambda: ours(density, root),
            "2": two,
        }
        times = measure(calls, rounds, 0.0)
    scale = EPOCH / BATCH / UPDATES
    reference = {
        "case": "lenet300",
        "density": density,
        "workers": 1,
        "against": None,
        "ratio": 1.0,
        "low": 1.0,
        "high": 1.0,
    }
    rows: list[dict[str, object]] = [reference | {"seconds": scale * _median(times["conventional"])}]
    for name in ("1", "2"):
        per_replicate = [[call / int(name) for call in each] for each in times[name]]
        found, low, high = ratio(times["conventional"], per_replicate)
        row = {"workers": int(name), "against": "conventional loop", "ratio": found, "low": low, "high": high}
        rows.append(reference | row | {"seconds": scale * _median(per_replicate)})
    return rows


def ours(density: float, root: str) -> None:
    """The runner's loop: examples resident in memory, batches by index."""
    single_thread()
    data = read("mnist", task(TASK).digest, root)
    network, mask = _start(density)
    order = torch.from_numpy(np.random.default_rng(0).permutation(EPOCH))

    def batch(update: int) -> tuple[Tensor, Tensor]:
        chosen = order[update * BATCH : (update + 1) * BATCH]
        return data.inputs[chosen], data.labels[chosen]

    training = SPEC.training.model_copy(update={"evaluate_every": UPDATES})
    state = {f"weights/{name}": value for name, value in network.state_dict().items()}
    train(network, state, mask, training, span=range(UPDATES), keep=None, batches=batch, look=lambda _: (0.0, 0.0))


def conventional(density: float, root: str) -> None:
    """What a tutorial has."""
    from torchvision import transforms
    from torchvision.datasets import MNIST

    single_thread()
    usual = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    images = MNIST(root, train=True, transform=usual)
    loader = torch.utils.data.DataLoader(images, batch_size=BATCH, shuffle=True)
    network, mask = _start(density)
    optimizer = torch.optim.Adam(network.parameters(), lr=SPEC.training.learning_rate)
    masked = [(p, mask[name].float()) for name, p in network.named_parameters() if name in mask]
    for _, (inputs, labels) in zip(range(UPDATES), loader, strict=False):
        optimizer.zero_grad()
        cross_entropy(network(inputs), labels).backward()
        optimizer.step()
        with torch.no_grad():
            for parameter, ones in masked:
                parameter.mul_(ones)


def _start(density: float) -> tuple[nn.Module, dict[str, Tensor]]:
    """The network of the task with a random mask of this density in every layer; dense has none."""
    network = build(SPEC.model, task(TASK))
    generator = torch.Generator().manual_seed(0)
    draw(network, generator)
    if density == 1.0:
        return network, {}
    parameters = dict(network.named_parameters())
    mask = {name: torch.rand(parameters[name].shape, generator=generator) < density for name in prunable(network)}
    return network, mask


def _median(rounds: list[list[float]]) -> float:
    return float(np.median([np.median(each) for each in rounds]))


if __name__ == "__main__":
    main()
