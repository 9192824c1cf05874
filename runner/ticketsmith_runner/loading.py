"""Batches from a DataLoader of the user's, for data that does not fit into memory or is augmented on the way.

    epochs = lambda epoch: DataLoader(images, batch_size=128, shuffle=True, generator=Generator().manual_seed(epoch))
    trainer.advance(range(1000), Loaded(epochs, per_epoch=390))

The next batches are fetched, and for a GPU pinned, while one is computed on.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor

Pair = tuple[Tensor, Tensor]
AHEAD = 2  # batches


class Loaded:
    """Examples of a training, in order: update n of a training is batch n % per_epoch of epoch n // per_epoch.

    `epochs(epoch)` gives the batches of one epoch. Where it is the same for the same number, a training that is begun
    in the middle sees what it would have seen.
    """

    def __init__(
        self,
        epochs: Callable[[int], Iterable[Pair]],
        per_epoch: int,
        device: str = "cpu",
        noise: Callable[[int], int] = lambda update: update,
    ) -> None:
        self.noise, self._epochs, self._per_epoch, self._device = noise, epochs, per_epoch, device
        self._next, self._coming = -1, list[Future[Pair]]()
        self._reader = ThreadPoolExecutor(1)  # one: a DataLoader is no thing for two threads
        self._source: Iterator[Pair] = iter(())

    def __call__(self, update: int) -> Pair:
        """Raises ValueError if an epoch has fewer batches than `per_epoch`, and whatever the user's data set raises."""
        if update != self._next:
            self._seek(update)
        self._next = update + 1
        self._coming.append(self._reader.submit(self._read, self._source))
        pair = self._coming.pop(0).result()
        if self._device == "cpu":
            return pair
        return self._brought(pair[0]), self._brought(pair[1])

    def _seek(self, update: int) -> None:
        for each in self._coming:
            each.cancel()
        self._source = self._from(update)
        self._coming = [self._reader.submit(self._read, self._source) for _ in range(AHEAD)]

    def _from(self, update: int) -> Iterator[Pair]:
        epoch, skipped = divmod(update, self._per_epoch)
        while True:
            found = 0
            for inputs, labels in islice(self._epochs(epoch), skipped, self._per_epoch):
                found += 1
                yield inputs, labels
            if found + skipped < self._per_epoch:
                raise ValueError(f"epoch {epoch} has {found + skipped} batches, expected {self._per_epoch}")
            epoch, skipped = epoch + 1, 0

    def _read(self, source: Iterator[Pair]) -> Pair:
        """Of the source that was the one when it was asked for: a read may have begun when another one takes over."""
        inputs, labels = next(source)
        return (inputs, labels) if self._device == "cpu" else (inputs.pin_memory(), labels.pin_memory())

    def _brought(self, tensor: Tensor) -> Tensor:
        """Pinned memory is copied while the device computes."""
        return tensor.to(torch.device(self._device), non_blocking=True)
