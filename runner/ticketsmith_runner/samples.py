"""Answers of dense and ticket to the same: test examples with both answers, or texts and images that both draw."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ticketsmith.errors import UsageError
from ticketsmith.lottery.results import Picture, Sample, Samples

from .context import Context
from .evaluate import Records, of_test
from .seeds import seed_of, seeded

DISAGREEMENTS, SHOWN = 8, 12  # at most so many disagreements, and so many in all
CHANNELS = (1, 3)


def drawn(context: Context, number: int, dense: nn.Module, ticket: nn.Module) -> Samples | None:
    """Samples that the task's `sample` draws from both networks in equal streams; None where the task has none."""
    if (sample := context.task.sample) is None:
        return None
    seed = seed_of(context.spec.seed, number, "sample")
    sides: list[list[str | Tensor]] = []
    with torch.no_grad(), context.task.told("sample"):
        for network in (dense, ticket):
            with seeded(seed):  # for what it draws from torch's own stream
                sides.append(list(sample(network.eval(), torch.Generator().manual_seed(seed))))
    pairs = [
        Sample(example=None, given=None, truth=None, dense=_made(ours), candidate=_made(theirs))
        for ours, theirs in zip(*sides, strict=False)
    ][:SHOWN]
    return Samples(replicate=number, agreement=None, samples=pairs)


def answered(context: Context, number: int, dense: Records, ticket: Records) -> Samples | None:
    """Test examples with what both networks predict, those on which they differ first; None without predictions."""
    if not {"prediction", "label"} <= dense.keys():
        return None
    example, dense_answer, ticket_answer, truth = (
        of_test(records, column).long()
        for records, column in ((dense, "example"), (dense, "prediction"), (ticket, "prediction"), (dense, "label"))
    )
    order = torch.argsort(example)
    differs = (dense_answer != ticket_answer)[order]
    shown = [*order[differs][:DISAGREEMENTS].tolist(), *order[~differs].tolist()][:SHOWN]
    pictures = _pictures(context, example[shown].numpy())
    return Samples(
        replicate=number,
        agreement=float((dense_answer == ticket_answer).double().mean()),
        samples=[
            Sample(
                example=int(example[i]),
                given=picture,
                truth=str(int(truth[i])),
                dense=str(int(dense_answer[i])),
                candidate=str(int(ticket_answer[i])),
            )
            for i, picture in zip(shown, pictures, strict=True)
        ],
    )


def _pictures(context: Context, numbers: Any) -> Sequence[Picture | None]:
    """The first part of each example, where it is an image (C, H, W)."""
    first = tree_flatten(context.examples.batch(numbers))[0][0]
    if not isinstance(first, Tensor) or first.dim() != 4 or first.shape[1] not in CHANNELS:
        return [None] * len(numbers)
    low, high = first.amin(), first.amax()  # of all shown: they keep their differences
    return [_picture((image - low) / (high - low).clamp(min=1e-12)) for image in first.float()]


def _made(sample: str | Tensor) -> str | Picture:
    """Raises UsageError for what is neither a text nor an image."""
    if isinstance(sample, str):
        return sample
    if isinstance(sample, Tensor) and sample.dim() == 3 and sample.shape[0] in CHANNELS and sample.numel():
        return _picture(sample.detach().float().cpu())
    got = f"a tensor {tuple(sample.shape)}" if isinstance(sample, Tensor) else f"a {type(sample).__name__}"
    raise UsageError(f"sample() gives {got}", "texts, or images (C, H, W) in [0, 1] of 1 or 3 channels")


def _picture(image: Tensor) -> Picture:
    """An image (C, H, W) in [0, 1]; NaN is black, on every machine."""
    channels, height, width = image.shape
    levels = np.round(image.nan_to_num(0.0).clamp(0, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return Picture(height=height, width=width, channels=1 if channels == 1 else 3, pixels=levels.tobytes().hex())
