"""GPT of 2 layers and 96 channels on the six novels of Jane Austen, character by character

A network that a laptop trains in two minutes of a core: `docs/generative.md` has what it reaches, `docs/tasks.md` a
longer setting. The last twentieth of each novel is the test, and its passages are what is counted. Projections into the
residual stream begin at zero, and half of the channels look one character back before attention (the token shift of Bo
Peng's RWKV), which so few updates gain from.
"""

import bz2
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, pad, scaled_dot_product_attention
from torch.utils.data import TensorDataset

from ticketsmith.task import BITS as METRIC
from ticketsmith.task import Splits

__all__ = [
    "DEFAULTS",
    "FILES",
    "METRIC",
    "VOCABULARY",
    "baseline",
    "data",
    "inputs",
    "loss",
    "model",
    "sample",
    "smaller",
]

FILES = ["austen.txt.bz2"]
VOCABULARY = [*"\n !\"&'()*,-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz\N{POUND SIGN}"]
CODES = {character: code for code, character in enumerate(VOCABULARY)}
CONTEXT = 64  # characters that the network sees
PASSAGE = 16  # windows that count as one
TEST = 20  # one passage in so many, the last of each novel

DEFAULTS = {
    "replicates": 3,
    "controls": ["reinit"],
    "training": {
        "steps": 2400,
        "batch_size": 16,
        "optimizer": "adamw",
        "learning_rate": 5e-3,
        "weight_decay": 0.05,
        "clip": 1.0,
        "schedule": "cosine",
        "warmup": 50,
        "evaluate_every": 300,
    },
    "pruning": {"fraction": 0.332, "rewind_to": 100},
}
PROMPTS = ("It is a truth universally acknowledged, ", '"My dear Mr. ', "The weather ")
DRAWN = 200  # characters after each of them


def data(root: Path) -> Splits:
    """Windows (65,), int64, each of which begins with the last character of the one before; the test comes last.

    The text travels with the task's code, so that it is no file of data, and `root` is not looked at.
    """
    file = Path(__file__).with_name(FILES[0])
    parts: list[list[Tensor]] = [[], []]
    for novel in bz2.decompress(file.read_bytes()).decode().split("\f"):
        windows = torch.tensor([CODES[character] for character in novel]).unfold(0, CONTEXT + 1, CONTEXT)
        passages = windows[: len(windows) // PASSAGE * PASSAGE].reshape(-1, PASSAGE, CONTEXT + 1)
        border = len(passages) - len(passages) // TEST
        for part, share in zip(parts, (passages[:border], passages[border:]), strict=True):
            part.append(share.flatten(0, 1))
    train, test = (torch.cat(part) for part in parts)
    whole = len(train) + len(test)
    groups = [number // PASSAGE for number in range(whole)]
    examples = TensorDataset(torch.cat([train, test]))
    return Splits(examples=examples, test=range(len(train), whole), validation=512, groups=groups)


class Block(nn.Module):
    """Attention and a perceptron, each added to what it reads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_perceptron = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.attended = nn.Linear(width, width, bias=False)
        self.wide, self.narrow = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        for output in (self.attended, self.narrow):
            nn.init.zeros_(output.weight)

    def forward(self, x_BTC: Tensor) -> Tensor:
        B, T, C = x_BTC.shape
        seen = self.before_attention(x_BTC)
        shifted = torch.cat([pad(seen[:, :-1, : C // 2], (0, 0, 1, 0)), seen[:, :, C // 2 :]], 2)
        q, k, v = self.queries_keys_values(shifted).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        x_BTC = x_BTC + self.attended(mixed)
        y_BTC: Tensor = x_BTC + self.narrow(gelu(self.wide(self.before_perceptron(x_BTC))))
        return y_BTC


class model(nn.Module):
    """Tokens (B, T) to logits (B, T, V), T at most 64."""

    def __init__(self, layers: int = 2, width: int = 96, heads: int = 4) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(len(VOCABULARY), width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, len(VOCABULARY), bias=False)
        for embedding in (self.token, self.place):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        x_BTC = self.token(tokens_BT) + self.place.weight[: tokens_BT.shape[1]]
        logits: Tensor = self.head(self.norm(self.blocks(x_BTC)))
        return logits


def smaller(weights: int) -> dict[str, int]:
    """Fewer channels in as many layers and heads."""
    layers, heads = 2, 4
    widths = range(heads, math.isqrt(weights) + 2 * heads, heads)
    width = min(widths, key=lambda width: abs(12 * layers * width**2 + len(VOCABULARY) * width - weights))
    return {"layers": layers, "width": width, "heads": heads}


def inputs(batch: Any) -> Tensor:
    """All but the last character, (B, 64)."""
    windows: Tensor = batch[0]
    return windows[:, :-1]


def loss(model: nn.Module, batch: Any) -> Tensor:
    """Nats for each character, the mean of a window, (B,)."""
    return cross_entropy(model(inputs(batch)).transpose(1, 2), batch[0][:, 1:], reduction="none").mean(1)


def baseline(training: Any) -> Callable[[Any], Tensor]:
    """A trigram model of the same text"""
    V = len(VOCABULARY)
    windows_NT = training[0]
    tables, likely = [], torch.full((1, V), 1 / V)
    for order in (1, 2, 3):
        counts = torch.bincount(_rows(windows_NT, order), minlength=V**order).view(-1, V).float()
        seen = counts.sum(1, keepdim=True)
        # The shorter context counts as 5 more characters: a Dirichlet prior (MacKay & Peto, 1995).
        likely = (counts + 5 * likely.repeat(len(counts) // len(likely), 1)) / (seen + 5)
        tables.append(likely.log().flatten())

    def nats(batch: Any) -> Tensor:
        first, rest = tables[1][_rows(batch[0][:, :2], 2)], tables[2][_rows(batch[0], 3)]
        return -torch.cat([first.view(-1, 1), rest.view(len(first), -1)], 1).mean(1)

    return nats


def _rows(windows_NT: Tensor, order: int) -> Tensor:
    """Each run of so many characters as a number, (N * (T - order + 1),)."""
    V = len(VOCABULARY)
    ends = windows_NT.shape[1] - order + 1
    return sum(
        (windows_NT[:, at : at + ends] * V ** (order - 1 - at) for at in range(order)),
        start=torch.zeros((), dtype=torch.int64),
    ).flatten()


def sample(model: nn.Module, generator: torch.Generator) -> list[str]:
    """A text for each prompt, each character as likely as the network says."""
    return [prompt + _drawn(model, prompt, generator) for prompt in PROMPTS]


def _drawn(model: nn.Module, prompt: str, generator: torch.Generator) -> str:
    tokens = torch.tensor([[CODES[character] for character in prompt]])
    for _ in range(DRAWN):
        chances = model(tokens[:, -CONTEXT:])[:, -1].softmax(1)
        tokens = torch.cat([tokens, torch.multinomial(chances, 1, generator=generator)], 1)
    return "".join(VOCABULARY[token] for token in tokens[0, len(prompt) :])
