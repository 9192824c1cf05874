"""DDPM on the 3,926 emoji of a font, in colour, 32 x 32: a convolutional network for a GPU

A convolutional U-Net (Ho, Jain & Abbeel, arXiv 2006.11239, appendix B, without attention). The five tones of one hand
are one group, which is tested whole; each five replicates test every group once.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, silu
from torch.utils.data import TensorDataset

from ticketsmith.task import Splits

from .ddpm import METRIC, S, baseline, bound, inputs, loss, sample, score
from .emoji import SIDE, colours, files

__all__ = ["DEFAULTS", "METRIC", "baseline", "data", "inputs", "loss", "model", "record", "sample", "score", "smaller"]

LEVELS = 256  # of a colour
SHAPE = (3, SIDE, SIDE)
GROUPS = 4  # of channels, for each norm
DEFAULTS = {
    "replicates": 5,
    "training": {
        "steps": 40000,
        "batch_size": 64,
        "optimizer": "adam",
        "learning_rate": 2e-4,
        "schedule": "cosine",
        "warmup": 500,
        "clip": 1.0,
        "evaluate_every": 2000,
        "device": "cuda",
    },
    "pruning": {"fraction": 0.332, "output_rate": 1.0, "rewind_to": 1000},
    "gate": {"margin": "1 %"},
}


def data(root: Path) -> Splits:
    """Shares of each colour, (3072,), in [0, 1], from the font in `root`, or from Debian's package."""
    paths = files(root)
    images, groups = colours(paths[0])
    shares = images.flatten(1).float() / 255
    return Splits(examples=TensorDataset(shares), files=paths, folds=5, validation=400, groups=groups)


class Block(nn.Module):
    """Two convolutions beside a short cut, the second scaled and shifted by what step it is."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, channels) for channels in (before, after))
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.step = nn.Embedding(S, 2 * after)
        self.short = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.step.weight)

    def forward(self, x_BCHW: Tensor, step_B: Tensor) -> Tensor:
        gain, shift = self.step(step_B)[:, :, None, None].chunk(2, 1)
        y_BCHW = self.norms[1](self.first(silu(self.norms[0](x_BCHW)))) * (1 + gain) + shift
        out_BCHW: Tensor = self.short(x_BCHW) + self.second(silu(y_BCHW))
        return out_BCHW


class model(nn.Module):
    """Noisy images (B, 3072) and steps (B,), int64, to the noise in them (B, 3072)."""

    shape = SHAPE

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [width, 2 * width, 2 * width]
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList(Block(*pair) for pair in zip([width, *widths], widths, strict=False))
        self.middle = Block(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            Block(below + beside, beside)
            for below, beside in zip([widths[-1], *widths[:0:-1]], widths[::-1], strict=True)
        )
        self.norm, self.last = nn.GroupNorm(GROUPS, width), nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, noisy_BP: Tensor, step_B: Tensor) -> Tensor:
        x_BCHW, beside = self.first(noisy_BP.reshape(-1, *SHAPE)), []
        for block in self.down:
            beside.append(x_BCHW := block(x_BCHW, step_B))
            x_BCHW = nn.functional.avg_pool2d(x_BCHW, 2)
        x_BCHW = self.middle(x_BCHW, step_B)
        for block in self.up:
            x_BCHW = block(torch.cat([interpolate(x_BCHW, scale_factor=2), beside.pop()], 1), step_B)
        noise_BCHW: Tensor = self.last(silu(self.norm(x_BCHW)))
        return noise_BCHW.flatten(1)


def smaller(weights: int) -> dict[str, int]:
    """Fewer channels, as many as the norms can share out."""
    factor = sum(p.numel() for name, p in model(64).named_parameters() if p.dim() == 4) / 64**2
    return {"width": GROUPS * max(1, round((weights / factor) ** 0.5 / GROUPS))}


def record(network: nn.Module, batch: Any) -> dict[str, Tensor]:
    """`nats_per_colour`: by the variational bound."""
    return {"nats_per_colour": bound(network, batch, LEVELS)}
