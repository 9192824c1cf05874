"""A character GPT on `text.txt`: a loss in bits, passages that are no independent examples, samples that are text"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ticketsmith.task import BITS, Splits

METRIC = BITS
DEFAULTS = {"replicates": 5, "training": {"steps": 600, "batch_size": 32, "optimizer": "adamw", "learning_rate": 3e-3}}
LENGTH, CHARACTERS, PASSAGE = 32, 128, 4  # of a window, of the alphabet, and windows of a passage
VOCABULARY = [*map(chr, range(CHARACTERS))]


def data(root: Path) -> Splits:
    if not (text := root / "text.txt").is_file():
        text.write_text("".join(f"{n} plus {n % 7} is {n + n % 7}. " for n in range(1000)))
    characters = torch.tensor(list(text.read_bytes())) % CHARACTERS
    windows = characters[: len(characters) // LENGTH * LENGTH].reshape(-1, LENGTH)
    passages = [number // PASSAGE for number in range(len(windows))]
    return Splits(examples=TensorDataset(windows), files=[text], folds=5, validation=40, groups=passages)


class model(nn.Module):
    def __init__(self, width: int = 32, heads: int = 2, layers: int = 1) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(CHARACTERS, width), nn.Embedding(LENGTH, width)
        block = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, CHARACTERS)

    def forward(self, tokens: Tensor) -> Tensor:
        future = torch.full((tokens.shape[1],) * 2, -torch.inf, device=tokens.device).triu(1)
        places = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        return self.head(self.blocks(places, mask=future, is_causal=True))


def loss(model: nn.Module, batch: Any) -> Tensor:
    logits = model(batch[0])[:, :-1].transpose(1, 2)
    return nn.functional.cross_entropy(logits, batch[0][:, 1:], reduction="none").mean(1)


def sample(model: nn.Module, generator: torch.Generator) -> list[str]:
    tokens = torch.full((4, 1), ord(" "))
    for _ in range(LENGTH - 1):
        drawn = torch.multinomial(model(tokens)[:, -1].softmax(1), 1, generator=generator)
        tokens = torch.cat([tokens, drawn], 1)
    return ["".join(map(chr, row)) for row in tokens.tolist()]
