"""GPT-2 with random weights and a tied head, in the forms that runtimes ask for, and its mask.

    python benchmarks/gpt.py

Nothing to run here: `benchmarks/generation.py` measures it. A prompt of PROMPT tokens, and NEW new ones.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROMPT, NEW = 128, 128
Size = tuple[int, int, int, int]
SIZES: dict[str, Size] = {"10M": (384, 6, 6, 128), "124M": (768, 12, 12, 50257)}
"""Width, heads, layers and vocabulary."""


class Block(nn.Module):
    """Attention and two layers, each after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.first, self.second = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.all, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def parts(self, x: Tensor) -> list[Tensor]:
        """Queries, keys and values, head by head."""
        b, t, width = x.shape
        return [each.view(b, t, self.heads, -1).transpose(1, 2) for each in self.all(self.first(x)).split(width, 2)]

    def rest(self, x: Tensor, y: Tensor) -> Tensor:
        """The part of a block that follows attention."""
        x = x + self.out(y.transpose(1, 2).reshape(x.shape))
        return x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))


class Gpt(nn.Module):
    """The network, whole or with a cache of its own."""

    def __init__(self, width: int, heads: int, layers: int, words: int) -> None:
        super().__init__()
        self.size: Size = (width, heads, layers, words)
        self.token, self.place = nn.Embedding(words, width), nn.Embedding(PROMPT + NEW, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.token.weight, std=0.02)  # as GPT-2 begins; larger ones repeat a token for ever

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block.rest(x, F.scaled_dot_product_attention(*block.parts(x), is_causal=True))
        return F.linear(self.norm(x), self.token.weight)

    def step(self, tokens: Tensor, start: int, kept: list[Tensor]) -> Tensor:
        """The last logits; new keys and values go into `kept`, which has room for all."""
        stop = start + tokens.shape[1]
        x = self.token(tokens) + self.place.weight[start:stop]
        for block, room in zip(self.blocks, kept, strict=True):
            q, k, v = block.parts(x)
            room[0, :, :, start:stop], room[1, :, :, start:stop] = k, v
            y = F.scaled_dot_product_attention(q, room[0, :, :, :stop], room[1, :, :, :stop], is_causal=not start)
            x = block.rest(x, y)
        return F.linear(self.norm(x[:, -1:]), self.token.weight)

    def room(self) -> list[Tensor]:
        """An empty cache."""
        width, heads, layers, _ = self.size
        return [torch.zeros(2, 1, heads, PROMPT + NEW, width // heads) for _ in range(layers)]


class Handed(nn.Module):
    """The same as one graph: tokens, their places and the cache so far in; last logits and the longer cache out."""

    def __init__(self, gpt: Gpt) -> None:
        super().__init__()
        self.gpt = gpt

    def forward(self, tokens: Tensor, places: Tensor, *kept: Tensor) -> tuple[Tensor, ...]:
        x, longer = self.gpt.token(tokens) + self.gpt.place(places), []
        for n, block in enumerate(self.gpt.blocks):
            q, k, v = block.parts(x)
            k, v = torch.cat([kept[2 * n], k], 2), torch.cat([kept[2 * n + 1], v], 2)
            seen = torch.arange(k.shape[2]) <= places[:, None]
            x = block.rest(x, F.scaled_dot_product_attention(q, k, v, attn_mask=seen))
            longer += [k, v]
        return F.linear(self.gpt.norm(x[:, -1:]), self.gpt.token.weight), *longer


def masked(size: Size, sparsity: float) -> tuple[Gpt, dict[str, Tensor]]:
    """The network with the largest weights of each matrix alone, the same for each call, and the masks."""
    torch.manual_seed(0)
    gpt = Gpt(*size).eval().requires_grad_(False)
    masks = {}
    for name, weight in gpt.named_parameters():
        if weight.dim() > 1 and not name.startswith("place"):
            masks[name] = weight.abs() > float(np.quantile(weight.abs().numpy(), sparsity))
            weight.mul_(masks[name])
    return gpt, masks


def export(gpt: Gpt, file: Path) -> None:
    """Write the graph that is handed its cache, as ONNX."""
    count, tokens = 2 * len(gpt.blocks), torch.zeros(1, 3, dtype=torch.int64)
    kept = [half[:, :, :5].clone() for each in gpt.room() for half in each]  # one given twice would be one input
    new, past = torch.export.Dim("new", min=1, max=PROMPT), torch.export.Dim("past", min=0, max=PROMPT + NEW)
    names = ["tokens", "places", *(f"kept{n}" for n in range(count))]
    outputs = ["logits", *(f"longer{n}" for n in range(count))]
    shapes = ({1: new}, {0: new}, tuple({2: past} for _ in kept))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Handed(gpt).eval(), (tokens, torch.arange(5, 8), *kept), file, dynamo=True, dynamic_shapes=shapes,
            input_names=names, output_names=outputs, external_data=False, verbose=False,
        )  # fmt: skip


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
