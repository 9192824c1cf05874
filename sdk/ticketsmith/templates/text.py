"""A language model of characters: bits for each of them, and texts that it makes up"""

from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from ticketsmith.task import BITS, Splits

METRIC, WINDOW, CODES = BITS, 32, 128
TRAINING = {"steps": 300, "batch_size": 32, "optimizer": "adam", "learning_rate": 1e-3, "evaluate_every": 50}
DEFAULTS = {"replicates": 4, "training": TRAINING}


def data(root: Path) -> Splits:
    """Your text: put it below `root` (--data-root) as text.txt. Without one, sentences are made up."""
    if not (file := root / "text.txt").is_file():
        root.mkdir(parents=True, exist_ok=True)
        words, draws = ("the", "cat", "sees", "a", "dog"), torch.rand(8000, generator=torch.Generator().manual_seed(0))
        file.write_text(" ".join(words[int(5 * number)] for number in draws))
    codes = torch.tensor(list(file.read_bytes())) % CODES
    windows = codes[: len(codes) // (WINDOW + 1) * (WINDOW + 1)].reshape(-1, WINDOW + 1)
    passages = (torch.arange(len(windows)) // 16).tolist()  # windows that follow each other stay together
    return Splits(examples=TensorDataset(windows), files=[file], folds=4, validation=64, groups=passages)


class model(nn.Module):
    def __init__(self, width: int = 32) -> None:  # an option: --set options.width=64
        super().__init__()
        self.characters, self.places = nn.Embedding(CODES, width), nn.Embedding(WINDOW + 1, width)
        layer = nn.TransformerEncoderLayer(width, 2, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.body, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(width, CODES)

    def forward(self, x_BT: Tensor) -> Tensor:
        later = torch.full((x_BT.shape[1], x_BT.shape[1]), -torch.inf).triu(1)
        return self.head(self.body(self.characters(x_BT) + self.places.weight[: len(later)], later, is_causal=True))


def loss(model: nn.Module, batch: tuple[Tensor]) -> Tensor:  # (B,), nats for each character
    logits_BTC = model(batch[0][:, :-1])
    return cross_entropy(logits_BTC.transpose(1, 2), batch[0][:, 1:], reduction="none").mean(1)


def sample(model: nn.Module, generator: Generator) -> list[str]:
    codes = torch.full((4, 1), ord("t"))
    for _ in range(WINDOW):
        codes = torch.cat([codes, torch.multinomial(model(codes)[:, -1].softmax(1), 1, generator=generator)], 1)
    return ["".join(map(chr, row)) for row in codes.tolist()]
