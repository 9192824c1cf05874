"""Fréchet distances between the images that each arm of a run draws, and images that no arm was trained on.

    python benchmarks/frechet.py emoji-ddpm --store runs
    python benchmarks/frechet.py vae-digits --store runs --images 500

The features are those of a network of our own, and not Inception's: three convolutions that are trained on the run's
training images to tell by which quarter turn one was turned (Gidaris, Singh & Komodakis, arXiv 1803.07728). Distances
(Heusel et al., arXiv 1706.08500, equation 6) compare the arms of one table with each other, and with nothing else.
"Training images" is the row that a perfect sampler would have.

B: images.  C, H, W: colours, height, width.  F: features.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ticketsmith.ledger import Ledger
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.steps import Train
from ticketsmith.runs import find, spec_of
from ticketsmith.stores import open_store
from ticketsmith_runner.commands import context_of
from ticketsmith_runner.context import Context
from ticketsmith_runner.replicate import network, weights
from ticketsmith_runner.served.images import drawn

FEATURES, UPDATES, BATCH = 64, 2000, 128


def frechet(some_BF: Tensor, others_BF: Tensor) -> float:
    """Distance of the normal distributions with the means and covariances of both."""
    one, other = (each.double().numpy() for each in (some_BF, others_BF))
    cov_one, cov_other = (np.cov(each, rowvar=False) for each in (one, other))
    between = np.sqrt(np.linalg.eigvals(cov_one @ cov_other).real.clip(0)).sum()  # the trace of the root of the product
    apart = one.mean(0) - other.mean(0)
    return max(0.0, float(apart @ apart + np.trace(cov_one) + np.trace(cov_other) - 2 * between))


def observer(images_BCHW: Tensor) -> nn.Module:
    """Images to features, trained to tell quarter turns apart."""
    torch.manual_seed(0)
    colours = images_BCHW.shape[1]
    layers = [nn.Conv2d(before, after, 3, stride, 1) for before, after, stride in
              ((colours, 32, 1), (32, 64, 2), (64, FEATURES, 2))]  # fmt: skip
    seen = nn.Sequential(
        *(each for layer in layers for each in (layer, nn.ReLU())), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    told = nn.Linear(FEATURES, 4)
    optimizer = torch.optim.Adam([*seen.parameters(), *told.parameters()], 1e-3)
    for _ in range(UPDATES):
        batch_BCHW = images_BCHW[torch.randint(len(images_BCHW), (BATCH,))]
        turns_B = torch.randint(4, (BATCH,))
        turned = torch.stack([image.rot90(int(turn), (1, 2)) for image, turn in zip(batch_BCHW, turns_B, strict=True)])
        optimizer.zero_grad()
        cross_entropy(told(seen(turned)), turns_B).backward()
        optimizer.step()
    return seen.eval().requires_grad_(False)


def many(context: Context, network: nn.Module, count: int) -> Tensor:
    """So many images by the task's own sampler, each batch from a stream of its own."""
    images: list[Tensor] = []
    while len(images) < count:
        images += drawn(context.task, network, len(images))
    return torch.stack(images[:count])


def arms(context: Context, replicate: int) -> Iterator[tuple[str, nn.Module]]:
    """The networks of a replicate: dense, and at the last level the ticket and each control."""
    trainings = [step for step in imp(context.spec, cohorts=1) if isinstance(step, Train) and not step.rung]
    last = max(step.level for step in trainings)
    for step in trainings:
        if step.level in (0, last) and step.stop == context.spec.training.steps:
            yield step.arm, network(weights(step, context, replicate), context).requires_grad_(False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="the beginning of a run's id")
    parser.add_argument("--store", default="runs")
    parser.add_argument("--data-root", default="data")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--replicate", type=int, default=0)
    options = parser.parse_args()
    options.command = "all"
    store = open_store(options.store)
    ledger = Ledger(store, find(store, options.run))
    with context_of(ledger, spec_of(store, ledger.run_id), options) as context, torch.no_grad():
        networks = dict(arms(context, options.replicate))
        shape = many(context, networks["dense"], 1).shape[1:]
        split = context.split(options.replicate)
        train, test = (_images(context, numbers, shape) for numbers in (split.train, split.test))
        with torch.enable_grad():
            seen = observer(train)
        print(
            f"{ledger.run_id}, replicate {options.replicate}: {options.images} images against {len(test)} test images"
        )
        print(f"{'training images':20} {frechet(seen(train), seen(test)):9.4f}")
        for arm, made in networks.items():
            print(f"{arm:20} {frechet(seen(many(context, made, options.images)), seen(test)):9.4f}", flush=True)


def _images(context: Context, numbers: Tensor, shape: torch.Size) -> Tensor:
    """Examples as the sampler draws them: their first tensor, in its shape."""
    return torch.as_tensor(context.examples.batch(numbers)[0]).reshape(-1, *shape).float()


if __name__ == "__main__":
    main()
