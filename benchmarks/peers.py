"""Opponents of the runner's training: a loop as tutorials have it, and open_lth as it is shipped.

    python benchmarks/peers.py

Nothing to run here: `benchmarks/training.py` imports it.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from ticketsmith.lottery.spec import Training

WORKERS = 2


def pair(begin: Callable[[], None]) -> list[Executor]:
    """Processes, forked now, that begin each with a call of `begin`."""
    pools = [ProcessPoolExecutor(1, get_context("fork"), initializer=begin) for _ in range(WORKERS)]
    together(pools, os.getpid)
    return list(pools)


def together(pools: Sequence[Executor], call: Callable[[], object]) -> None:
    """Let each make the call, and wait for all."""
    for done in [pool.submit(call) for pool in pools]:
        done.result()


def untuned() -> None:
    """Begin an opponent: with a core of its own, as ours have, and torch and its memory as they come otherwise."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def conventional(
    network: nn.Module, mask: Mapping[str, Tensor], images: Dataset[object], training: Training, updates: int
) -> None:
    """DataLoader without workers, torch.optim, the mask multiplied into the weights after each update."""
    network.to(training.device)
    loader = DataLoader(images, batch_size=training.batch_size, shuffle=True)
    rate = training.learning_rate
    if training.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    else:
        optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=training.momentum)
    masked = [(p, mask[name].to(p)) for name, p in network.named_parameters() if name in mask]
    network.train()
    for _, (inputs, labels) in zip(range(updates), loader, strict=False):
        optimizer.zero_grad()
        cross_entropy(network(inputs.to(training.device)), labels.to(training.device)).backward()
        optimizer.step()
        with torch.no_grad():
            for parameter, ones in masked:
                parameter.mul_(ones)


class OpenLth:
    """open_lth's own `train` on its own LeNet and MNIST loader, without its test passes and checkpoints.

    `path` is a checkout of facebookresearch/open_lth (archived in 2024). Two things of today's stack break it, and are
    mended from outside: numpy has no `product`, and DistributedDataParallel another order of classes.
    """

    def __init__(self, path: str, root: str, density: float) -> None:
        import numpy as np

        sys.path.insert(0, path)
        sys.modules.pop("training", None)  # that of this folder, if it was imported: open_lth's has the same name
        np.product = np.prod
        torch.nn.parallel.DistributedDataParallel = type("DistributedDataParallel", (nn.Module,), {})
        from datasets import registry as data_sets
        from foundations.step import Step
        from models import registry as models
        from models.mnist_lenet import Model
        from platforms import local, platform
        from pruning.mask import Mask
        from pruning.pruned_model import PrunedModel
        from training import train

        folder = tempfile.mkdtemp()
        Path(folder, "mnist").symlink_to(Path(root).absolute())
        ours = type("Ours", (local.Platform,), {"dataset_root": property(lambda self: folder)})
        platform._PLATFORM = ours(num_workers=0)
        hyper = Model.default_hparams()
        self.hyper, self.step, self.train = hyper.training_hparams, Step, train
        network = models.get(hyper.model_hparams)
        mask = Mask.ones_like(network)
        draws = torch.Generator().manual_seed(0)
        for name in set(mask) - {"fc.weight"}:
            mask[name] = (torch.rand(mask[name].shape, generator=draws) < density).float()
        self.model = PrunedModel(network, mask)
        self.loader = data_sets.get(hyper.dataset_hparams, train=True)

    def __call__(self, updates: int) -> None:
        """So many updates of 128 images, from the start of an epoch."""
        with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
            said, sys.stdout = sys.stdout, nowhere
            try:
                first, last = (self.step.from_epoch(0, at, 469) for at in (0, updates))
                self.train.train(self.hyper, self.model, self.loader, folder, [], first, last)
            finally:
                sys.stdout = said


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
