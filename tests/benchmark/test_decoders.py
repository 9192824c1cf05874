"""Causal decoders of torch, a few tokens at a time: the logits that the whole window gives, however it is cut."""

import re
import runpy
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.layers import Rows as Sparse
from ticketsmith_runtime.network import Network
from ticketsmith_runtime.sequence import Incremental

from ..runtime.machines import HOST

LENGTH, WORDS, WIDTH, HEADS = 12, 19, 16, 4


class Attention(nn.Module):
    """Fused queries, keys and values: by torch, by its own products under a mask, or by Einstein's sums."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.all, self.out = kind, nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("earlier", torch.ones(LENGTH, LENGTH).tril().bool())

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = (each.view(b, t, HEADS, -1).transpose(1, 2) for each in self.all(x).split(WIDTH, 2))
        if self.kind == "torch":
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        elif self.kind == "window":  # nobody sees further back than three positions
            seen = self.earlier & ~self.earlier.tril(-3)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen[None, None])
        else:
            scores = (q @ k.mT) / q.shape[-1] ** 0.5
            y = scores.masked_fill(~self.earlier[None, None, :t, :t], -torch.inf).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(b, t, WIDTH))


class Gpt(nn.Module):
    """GPT-2: learned positions, LayerNorm before, GELU, a tied head."""

    def __init__(self, kind: str = "torch", layers: int = 2) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.attention = nn.ModuleList(Attention(kind) for _ in range(layers))
        self.up = nn.ModuleList(nn.Linear(WIDTH, 4 * WIDTH) for _ in range(layers))
        self.down = nn.ModuleList(nn.Linear(4 * WIDTH, WIDTH) for _ in range(layers))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        for attention, up, down in zip(self.attention, self.up, self.down, strict=True):
            x = x + attention(self.norm(x))
            flat = self.norm(x).view(-1, WIDTH)  # as in transformers: samples and positions in one axis
            x = x + down(F.gelu(up(flat), approximate="tanh")).view(x.shape)
        return F.linear(self.norm(x), self.token.weight)


class Llama(nn.Module):
    """Llama: RMSNorm, turned queries and keys, two heads of keys for four of queries, SwiGLU, no biases."""

    def __init__(self, layers: int = 2, groups: int = 2) -> None:
        super().__init__()
        self.groups, narrow = groups, WIDTH // groups
        self.token = nn.Embedding(WORDS, WIDTH)
        shapes = {"q": (WIDTH, WIDTH), "k": (WIDTH, narrow), "v": (WIDTH, narrow), "o": (WIDTH, WIDTH)}
        shapes |= {"gate": (WIDTH, 40), "up": (WIDTH, 40), "down": (40, WIDTH)}
        self.layers = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(*shape, bias=False) for name, shape in shapes.items()})
            for _ in range(layers)
        )
        self.norm = nn.RMSNorm(WIDTH)
        angles = torch.outer(torch.arange(LENGTH), 100.0 ** (-torch.arange(0, 4, 2) / 4)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def turned(self, x: Tensor) -> Tensor:
        low, high = x.chunk(2, -1)
        return x * self.cos + torch.cat([-high, low], -1) * self.sin

    def forward(self, tokens: Tensor) -> Tensor:
        b, t = tokens.shape
        x = self.token(tokens)
        for layer in self.layers:
            y = self.norm(x)
            q, k, v = (layer[name](y).view(b, t, -1, WIDTH // HEADS).transpose(1, 2) for name in "qkv")
            q, k = self.turned(q), self.turned(k)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.groups > 1)
            x = x + layer["o"](y.transpose(1, 2).reshape(b, t, WIDTH))
            y = self.norm(x)
            x = x + layer["down"](F.silu(layer["gate"](y)) * layer["up"](y))
        return F.linear(self.norm(x), self.token.weight)


DECODERS = {
    "gpt": Gpt,
    "gpt written out": lambda: Gpt("written"),
    "gpt that sees a window": lambda: Gpt("window"),
    "llama": Llama,
}


def lowered(module: nn.Module, like: Tensor | None = None, density: float = 0.3) -> Network:
    """The network under masks, which the module has too then."""
    masks = {name: torch.rand(w.shape) < density for name, w in module.named_parameters() if w.dim() > 1}
    for name, mask in masks.items():
        module.eval().requires_grad_(False).get_parameter(name).mul_(mask)
    return network(module, masks, torch.zeros(4, LENGTH, dtype=torch.int64) if like is None else like)


@cache
def made(name: str) -> tuple[nn.Module, Incremental]:
    torch.manual_seed(0)
    module = DECODERS[name]()
    return module, Incremental(Execution(lowered(module), HOST))


def fed(program: Incremental, tokens: Tensor, sizes: list[int], last: bool = False) -> Iterator[np.ndarray]:
    """The logits of one block of tokens after the other."""
    state = program.start(len(tokens))
    for block in tokens.split(sizes, 1):
        yield program.step(block.numpy(), state, last)


def close(ours: np.ndarray, theirs: Tensor) -> None:
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=0)


@pytest.mark.parametrize("sizes", [[1] * LENGTH, [LENGTH], [5, 1, 1, 4, 1], [1, 11]], ids=str)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", DECODERS)
def test_the_logits_are_those_of_the_whole_window(name: str, batch: int, sizes: list[int]) -> None:
    module, program = made(name)
    tokens = torch.randint(0, WORDS, (batch, LENGTH), generator=torch.Generator().manual_seed(batch))

    ours = np.concatenate(list(fed(program, tokens, sizes)), 1)

    close(ours, module(tokens))
    close(ours, torch.from_numpy(Execution(program.network, HOST)(tokens.numpy())[0]))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", DECODERS)
def test_the_last_logits_alone_are_the_same(name: str, batch: int) -> None:
    module, program = made(name)
    tokens = torch.randint(0, WORDS, (batch, LENGTH), generator=torch.Generator().manual_seed(1))

    ours = list(fed(program, tokens, [5, 1, 6], last=True))

    assert [each.shape for each in ours] == [(batch, 1, WORDS)] * 3
    close(np.concatenate(ours, 1), module(tokens)[:, [4, 5, 11]])


def test_the_example_answers_a_few_tokens_at_a_time() -> None:
    found = runpy.run_path(str(Path(__file__).parents[2] / "examples/char_gpt.py"))
    torch.manual_seed(0)
    module = found["model"]()
    tokens = torch.randint(0, found["CHARACTERS"], (3, found["LENGTH"]))
    program = Incremental(Execution(lowered(module, tokens), HOST))

    close(np.concatenate(list(fed(program, tokens, [7, 1, 1, 23])), 1), module(tokens))


class Rows(Execution):
    """Counts the rows that each Linear of sparse code is given."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.rows: list[int] = []

    def code(self, n: int) -> Any:
        step = super().code(n)
        return step if not isinstance(step, Sparse) else lambda read: self.rows.append(_rows(read)) or step(read)


def _rows(read: Any) -> int:
    return int(read.size // read.shape[-1])


def test_where_the_last_logits_will_do_the_rest_of_the_last_layer_is_left_out() -> None:
    execution = Rows(made("llama")[1].network, HOST)
    program = Incremental(execution)
    execution.rows.clear()  # a token was tried

    program.step(np.zeros((1, 7), np.int64), program.start(), last=True)

    first_layer, keys_and_values = [7] * 7, [7] * 2
    assert sorted(execution.rows) == sorted(
        [*first_layer, *keys_and_values, *[1] * 6]
    )  # q, o, three of SwiGLU, the head


class Mixes(nn.Module):
    """A network whose positions depend on each other by a function."""

    def __init__(self, mix: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.mix, self.token, self.head = mix, nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.mix(self.token(tokens)))


def written_out(mask: Tensor, more: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    return lambda x: (x @ x.mT + mask + (0 if more is None else more)).softmax(-1) @ x


def written_scores(x: Tensor) -> Tensor:
    return x @ x.mT + torch.where(earlier, 0.0, -torch.inf)


earlier = torch.ones(LENGTH, LENGTH).tril().bool()
MIXED = {
    "a mean": (lambda x: x - x.mean(1, keepdim=True), "(mean): it mixes positions"),
    "a running sum": (lambda x: x.cumsum(1), "(cumsum): it mixes positions"),
    "a shift to earlier ones": (lambda x: F.pad(x[:, 1:], (0, 0, 0, 1)), "(slice): it shifts later positions"),
    "a shift to earlier ones in one": (lambda x: F.pad(x, (0, 0, -1, 1)), "(pad): it shifts later positions"),
    "rows at the end": (lambda x: F.pad(x, (0, 0, 0, 2))[:, :-2], "(pad): it shifts later positions"),
    "a shift that comes back too far": (
        lambda x: F.pad(F.pad(x, (0, 0, 1, 0))[:, 2:], (0, 0, 1, 0)),
        "(slice): it shifts later positions",
    ),
    "positions turned by half of the length": (
        lambda x: torch.cat([x[:, LENGTH // 2 :], x[:, : LENGTH // 2]], 1),
        "(slice): it shifts later positions",
    ),
    "every other position": (lambda x: x[:, ::2].repeat_interleave(2, 1), "(slice): it leaves positions out"),
    "the first one in front": (lambda x: torch.cat([x[:, :1], x[:, :-1]], 1), "(cat): it sets positions beside"),
    "the first one everywhere": (lambda x: x[:, :1].expand(x.shape), "(expand): it repeats a position"),
    "rows of all positions in front": (
        lambda x: torch.cat([x[:, :1].detach() * torch.ones(3, 1), x], 1)[:, :LENGTH],
        "(mul): a constant meets positions that are cut off",
    ),
    "a border around": (lambda x: F.pad(x, (1, 0, 1, -1))[..., 1:], "(pad): it moves positions, with a border"),
    "scores that are shifted": (
        lambda x: F.pad(written_scores(x), (0, 0, 1, -1)).softmax(-1) @ x,
        "(pad): it cuts scores, or moves them",
    ),
    "a part of the scores": (lambda x: written_scores(x)[:, :-1].softmax(-1) @ x, "(slice): it cuts scores"),
    "a turn": (lambda x: x.roll(1, 1), "(roll): it mixes positions"),
    "all backwards": (lambda x: x.flip(1), "(flip): it mixes positions"),
    "the first one": (lambda x: x + x[:, :1], "(add): it sets positions beside others"),
    "one of them": (lambda x: x + x[:, 3][:, None], "(select): it mixes positions"),
    "a convolution": (lambda x: F.conv1d(x.mT, torch.ones(WIDTH, WIDTH, 3), padding=1).mT, "(conv): it mixes"),
    "a convolution that reads too far": (
        lambda x: F.conv1d(F.pad(x.mT, (1, 0)), torch.ones(WIDTH, WIDTH, 3)).mT @ torch.eye(WIDTH),
        "(conv): it mixes positions, and reads more",
    ),
    "a convolution with a stride": (
        lambda x: F.conv1d(F.pad(x.mT, (2, 0)), torch.ones(WIDTH, WIDTH, 3), stride=2).mT,
        "(conv): it mixes positions, and reads more",
    ),
    "shares along the sequence": (lambda x: x.softmax(1), "(softmax): it mixes positions"),
    "a norm of everything": (lambda x: F.layer_norm(x, (LENGTH, WIDTH)), "(layer_norm): it mixes positions"),
    "weights along the sequence": (lambda x: F.linear(x.mT, torch.ones(LENGTH, LENGTH)).mT, "(linear): it mixes"),
    "pairs of positions": (lambda x: x.reshape(-1, LENGTH // 2, 2 * WIDTH).flip(1).view(x.shape), "(view): it takes"),
    "positions beside features": (
        lambda x: F.pad(x[..., :LENGTH] + x[..., :LENGTH].mT, (0, WIDTH - LENGTH)),
        "(add): it sets positions beside others",
    ),
    "attention to everybody": (lambda x: F.scaled_dot_product_attention(x, x, x), "(attention): it looks at later"),
    "a mask that is none": (
        lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=earlier.mT),
        "(attention): it looks at later positions: its mask is not causal",
    ),
    "a mask that depends on tokens": (
        lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=x[..., :LENGTH]),
        "(attention): its mask depends on tokens",
    ),
    "scores without a mask": (lambda x: (x @ x.mT).softmax(-1) @ x, "(softmax): it looks at later positions"),
    "scores with a mask of the later": (written_out(torch.where(earlier.mT, 0.0, -torch.inf)), "(softmax): it looks"),
    "scores that are hidden a little": (written_out(torch.where(earlier, 0.0, -50.0)), "(softmax): it looks"),
    "scores that are moved afterwards": (
        lambda x: ((x @ x.mT + torch.where(earlier, 0.0, -torch.inf)).exp()).softmax(-1) @ x,
        "(softmax): it looks",
    ),
    "scores that are brought back": (
        written_out(torch.where(earlier, 0.0, -1e5), torch.where(earlier, 0.0, 1e5)),
        "(softmax): it looks",
    ),
    "scores as values": (lambda x: F.pad((x @ x.mT), (0, WIDTH - LENGTH)), "(pad): it moves positions"),
}


@pytest.mark.parametrize("what", MIXED)
def test_who_mixes_positions_is_named(what: str) -> None:
    mix, says = MIXED[what]

    with pytest.raises(Unsuited, match=r"node \d+ " + re.escape(says)):
        Incremental(Execution(lowered(Mixes(mix)), HOST))


def test_what_each_position_has_of_its_own_mixes_nothing() -> None:
    """Axes moved, cut, summed and put together, but never that of the sequence."""

    def alone(x: Tensor) -> Tensor:
        y = torch.cat([x[..., 4:].flip(2), x[..., :4] * torch.arange(LENGTH)[:, None]], 2)
        y = y.view(-1, LENGTH, 2, WIDTH // 2).permute(2, 0, 3, 1)  # the sequence comes last
        y = y.softmax(0) + y.amax(2, keepdim=True) + torch.arange(LENGTH)
        return y.permute(1, 3, 2, 0).reshape(-1, LENGTH, WIDTH)[..., torch.arange(WIDTH - 1, -1, -1)]

    torch.manual_seed(0)
    module = Mixes(alone)
    program = Incremental(Execution(lowered(module), HOST))
    tokens = torch.randint(0, WORDS, (3, LENGTH))

    close(np.concatenate(list(fed(program, tokens, [5, 1, 6])), 1), module(tokens))


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (np.zeros((2, 3), np.int64), "not whole numbers (1, n)"),
        (np.zeros((1, 3)), "tokens are float64"),
        (np.zeros(3, np.int64), "not whole numbers (1, n)"),
        (np.zeros((1, 0), np.int64), "0 tokens after 5"),
        (np.zeros((1, LENGTH - 4), np.int64), "8 tokens after 5: the network knows 12 positions"),
        (np.full((1, 1), WORDS), "node 0 (embedding)"),
    ],
)
def test_wrong_tokens_are_named(tokens: np.ndarray, says: str) -> None:
    program = made("llama")[1]
    state = program.start()
    program.step(np.zeros((1, 5), np.int64), state)

    with pytest.raises(ValueError, match=re.escape(says)):
        program.step(tokens, state)
    assert state.length == 5
