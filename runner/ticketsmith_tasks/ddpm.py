"""Diffusion (Ho, Jain & Abbeel, Denoising Diffusion Probabilistic Models, arXiv 2006.11239) with a residual perceptron.

B: images.  P: pixels in [-1, 1].  C: channels.  S: steps of the diffusion, counted from 0.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ticketsmith.task import Metric

METRIC = Metric(name="denoising loss", margin=0.002)
"""Mean squared error of the noise, of variance 1, over steps and pixels."""
S = 100
BETAS_S = torch.linspace(0.1 / S, 20 / S, S)  # the paper's 1e-4 to 0.02, which are for 1,000 steps
ALPHAS_S = 1 - BETAS_S
KEPT_S = ALPHAS_S.cumprod(0)
EARLIER_S = torch.cat([torch.ones(1), KEPT_S[:-1]])
VARIANCES_S = BETAS_S * (1 - EARLIER_S) / (1 - KEPT_S)
"""Variances of the step back."""
TENTHS = [range(first, first + S // 10) for first in range(0, S, S // 10)]
"""Steps of which one is drawn for each image, where all of them are too many."""
SHOWN = 12
Predictor = Callable[[Tensor, Tensor], Tensor]
"""Noise (B, P) of noisy images (B, P) at steps (B,)."""


class Denoiser(nn.Module):
    """Noisy images (B, P) and steps (B,), int64, to the noise in them (B, P)."""

    def __init__(self, pixels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.shape = (1, math.isqrt(pixels), math.isqrt(pixels))
        self.gains, self.shifts = (nn.ModuleList(nn.Embedding(S, width) for _ in range(blocks + 1)) for _ in "12")
        self.first = nn.Linear(pixels, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.last = nn.Linear(width, pixels)
        for embedding in (*self.gains, *self.shifts):
            nn.init.zeros_(embedding.weight)

    def forward(self, noisy_BP: Tensor, step_B: Tensor) -> Tensor:
        x_BC = self.first(noisy_BP)
        for gain, shift, block in zip(self.gains, self.shifts, self.blocks, strict=False):
            x_BC = x_BC + block(silu(x_BC * (1 + gain(step_B)) + shift(step_B)))
        noise_BP: Tensor = self.last(x_BC * (1 + self.gains[-1](step_B)) + self.shifts[-1](step_B))
        return noise_BP


def narrow(weights: int, pixels: int, blocks: int) -> int:
    """Channels of a denoiser with about so many weights.

    >>> narrow(163_840, 64, 2)
    256
    """
    return max(1, round((math.isqrt(pixels**2 + blocks * weights) - pixels) / blocks))


def pixels(shares_BP: Tensor) -> Tensor:
    """Shares of black from -1 to 1."""
    return 2 * shares_BP - 1


def inputs(batch: Any) -> tuple[Tensor, Tensor]:
    """An image half-way to noise, at its step."""
    return pixels(batch[0]), torch.full((len(batch[0]),), S // 2)


def loss(model: nn.Module, batch: Any) -> Tensor:
    """The error at one step of each image, drawn anew, (B,)."""
    images_BP = pixels(batch[0])
    return _error(model, images_BP, _step(images_BP, range(S)))


def score(model: nn.Module, batch: Any) -> Tensor:
    """The error over ten steps, one of each tenth, with one noise each: the same for every arm, (B,)."""
    return _errors(model, pixels(batch[0]))


def baseline(training: Any) -> Callable[[Any], Tensor]:
    """The best linear denoiser"""
    images_NP = pixels(training[0])
    mean_P = images_NP.mean(0)
    variances_P, axes_PP = torch.linalg.eigh((images_NP - mean_P).T.cov())

    def error(batch: Any) -> Tensor:
        images_BP = pixels(batch[0])

        def linear(noisy_BP: Tensor, step_B: Tensor) -> Tensor:
            kept_B1 = KEPT_S[step_B, None]
            along_BP = (noisy_BP - kept_B1.sqrt() * mean_P) @ axes_PP
            shares_BP = (1 - kept_B1).sqrt() / (kept_B1 * variances_P.clamp(0) + 1 - kept_B1)
            noise_BP: Tensor = (shares_BP * along_BP) @ axes_PP.T
            return noise_BP

        return _errors(linear, images_BP)

    return error


def bound(model: nn.Module, batch: Any, levels: int) -> Tensor:
    """Nats of a pixel by the variational bound, (B,), for so many levels of grey: the paper's equations 5, 12 and 13.

    Of the steps in between, ten are looked at, which stand for all of them.
    """
    images_BP = pixels(batch[0])
    weight_S = BETAS_S**2 / (2 * VARIANCES_S.clamp(min=1e-20) * ALPHAS_S * (1 - KEPT_S))
    middle_B = torch.zeros(len(images_BP))
    for tenth in TENTHS:
        among = tenth if tenth.start else tenth[1:]  # step 0 is counted by itself
        step_B = _step(images_BP, among)
        middle_B = middle_B + len(among) * weight_S[step_B] * _error(model, images_BP, step_B)
    last_BP = 0.5 * (KEPT_S[-1] * images_BP**2 + (1 - KEPT_S[-1]) - 1 - (1 - KEPT_S[-1]).log())
    return middle_B + last_BP.mean(1) + _first(model, images_BP, levels)


def sample(model: Any, generator: torch.Generator) -> list[Tensor]:
    """Images of the network's shape out of noise, all steps back: the paper's algorithm 2."""
    width = math.prod(model.shape)
    x_BP = torch.randn(SHOWN, width, generator=generator)
    for step in reversed(range(S)):
        noise_BP = model(x_BP, torch.full((SHOWN,), step))
        x_BP = _back(x_BP, noise_BP, torch.full((SHOWN,), step))
        if step:
            x_BP = x_BP + VARIANCES_S[step].sqrt() * torch.randn(SHOWN, width, generator=generator)
    return list(((x_BP + 1) / 2).clamp(0, 1).reshape(SHOWN, *model.shape))


def _step(images_BP: Tensor, among: range) -> Tensor:
    """One of some steps for each image, (B,)."""
    return torch.randint(among.start, among.stop, (len(images_BP),), device=images_BP.device)


def _errors(model: Predictor, images_BP: Tensor) -> Tensor:
    """The mean over a step out of each tenth, (B,)."""
    return torch.stack([_error(model, images_BP, _step(images_BP, tenth)) for tenth in TENTHS]).mean(0)


def _error(model: Predictor, images_BP: Tensor, step_B: Tensor) -> Tensor:
    noise_BP = torch.randn_like(images_BP)
    kept_B1 = KEPT_S.to(images_BP.device)[step_B, None]
    noisy_BP = kept_B1.sqrt() * images_BP + (1 - kept_B1).sqrt() * noise_BP
    return (model(noisy_BP, step_B) - noise_BP).square().mean(1)


def _back(noisy_BP: Tensor, noise_BP: Tensor, step_B: Tensor) -> Tensor:
    """The mean of the step before."""
    beta_B1, kept_B1, alpha_B1 = (schedule[step_B, None] for schedule in (BETAS_S, KEPT_S, ALPHAS_S))
    return (noisy_BP - beta_B1 / (1 - kept_B1).sqrt() * noise_BP) / alpha_B1.sqrt()


def _first(model: nn.Module, images_BP: Tensor, levels: int) -> Tensor:
    """Nats of a pixel by the last step back, which ends in one of the levels of grey, (B,)."""
    step_B = torch.zeros(len(images_BP), dtype=torch.int64)
    noisy_BP = KEPT_S[0].sqrt() * images_BP + (1 - KEPT_S[0]).sqrt() * torch.randn_like(images_BP)
    away_BP, half = images_BP - _back(noisy_BP, model(noisy_BP, step_B), step_B), 1 / (levels - 1)
    upper_BP, lower_BP = ((away_BP + sign * half) / BETAS_S[0].sqrt() for sign in (1, -1))
    ends = torch.special.ndtr(upper_BP), torch.special.ndtr(lower_BP)
    upper_BP = torch.where(images_BP > 1 - half, 1.0, ends[0])
    lower_BP = torch.where(images_BP < half - 1, 0.0, ends[1])
    return -(upper_BP - lower_BP).clamp(min=1e-12).log().mean(1)
