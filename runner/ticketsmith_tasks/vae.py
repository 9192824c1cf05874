"""Variational autoencoder with a Gaussian code (Kingma & Welling, arXiv 1312.6114), and pixels that count black dots.

B: images.  P: pixels, each a share of black in [0, 1].  Z: numbers of a code.  `dots`: how many a pixel is made of.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ticketsmith.task import Metric

METRIC = Metric(name="loss", unit="nats", margin=0.5)
"""Minus the lower bound on the log-likelihood of an image."""
CODES = 5  # of the importance-weighted bound
SHOWN = 12


class Autoencoder(nn.Module):
    """Pixels (B, P) to logits (B, P), with mean and logarithm of the variance of the code, (B, Z)."""

    def __init__(self, pixels: int, hidden: int, code: int) -> None:
        super().__init__()
        self.code = code
        self.down = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * code))
        self.up = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def forward(self, pixels_BP: Tensor, noise_BZ: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Without noise, from the mean of the code."""
        mean_BZ, spread_BZ = self.down(pixels_BP).chunk(2, 1)
        drawn_BZ = mean_BZ if noise_BZ is None else mean_BZ + noise_BZ * (spread_BZ / 2).exp()
        return self.up(drawn_BZ), mean_BZ, spread_BZ


def narrow(weights: int, pixels: int, code: int) -> int:
    """Hidden units of both halves of an autoencoder with about so many weights.

    >>> narrow(12_640, 64, 10)
    80
    """
    return max(1, round(weights / (2 * pixels + 3 * code)))


def bound(model: Any, pixels_BP: Tensor, dots: int) -> Tensor:
    """Nats of an image, (B,): of its dots, and of the code against a standard normal one, in closed form."""
    logits_BP, mean_BZ, spread_BZ = model(pixels_BP, _noise(model, pixels_BP))
    of_code_B: Tensor = 0.5 * (mean_BZ**2 + spread_BZ.exp() - 1 - spread_BZ).sum(1)
    return nats(logits_BP, pixels_BP, dots) + of_code_B


def weighted(model: Any, pixels_BP: Tensor, dots: int) -> Tensor:
    """The bound of 5 codes, weighted by their importance (Burda et al., arXiv 1509.00519), (B,)."""
    weights = []
    for _ in range(CODES):
        noise_BZ = _noise(model, pixels_BP)
        logits_BP, mean_BZ, spread_BZ = model(pixels_BP, noise_BZ)
        code_BZ = mean_BZ + noise_BZ * (spread_BZ / 2).exp()
        prior_over_posterior = 0.5 * (noise_BZ**2 + spread_BZ - code_BZ**2).sum(1)
        weights.append(prior_over_posterior - nats(logits_BP, pixels_BP, dots))
    return math.log(CODES) - torch.stack(weights).logsumexp(0)


def independent(pixels_NP: Tensor, dots: int) -> Callable[[Tensor], Tensor]:
    """Nats (B,) of independent pixels, each as black as the mean of these."""
    logits_P = pixels_NP.mean(0).logit(1e-4)
    return lambda pixels_BP: nats(logits_P.expand_as(pixels_BP), pixels_BP, dots)


def nats(logits_BP: Tensor, pixels_BP: Tensor, dots: int) -> Tensor:
    """Minus the log-likelihood of binomial pixels, (B,)."""
    crossed_BP = binary_cross_entropy_with_logits(logits_BP, pixels_BP, reduction="none")
    if dots == 1:
        return crossed_BP.sum(1)
    black_BP = dots * pixels_BP
    ways_BP = math.lgamma(dots + 1) - torch.lgamma(black_BP + 1) - torch.lgamma(dots - black_BP + 1)
    return (dots * crossed_BP - ways_BP).sum(1)


def sample(model: Any, generator: torch.Generator) -> list[Tensor]:
    """Shares of black for codes out of the prior, (1, side, side)."""
    shares_BP = model.up(torch.randn(SHOWN, model.code, generator=generator)).sigmoid()
    side = math.isqrt(shares_BP.shape[1])
    return list(shares_BP.reshape(SHOWN, 1, side, side))


def _noise(model: Any, pixels_BP: Tensor) -> Tensor:
    return torch.randn(len(pixels_BP), model.code, device=pixels_BP.device)
