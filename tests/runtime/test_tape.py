"""A token in one call: the same bytes as step by step, as in a prompt, and as by numpy alone."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.int8.instructions import KNOWN
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.network import Network
from ticketsmith_runtime.sequence import Incremental
from ticketsmith_runtime.tape import Aside, Stretch

from .int8.machines import LEFT_OUT
from .machines import HOST
from .tokens import decoder

LENGTH, WORDS, WIDTH = 12, 30, 40
TANH = partial(F.gelu, approximate="tanh")
TURNED = "with numpy between"
NUMPY = HOST.without("avx2", "avx512f", "avx512vnni", "avxvnni")
MACHINES = [
    HOST.without(*LEFT_OUT[n]) if LEFT_OUT[n] else HOST for n, each in enumerate(KNOWN) if HOST.has(*each.features)
]


class Block(nn.Module):
    """Attention and two layers; `turned`: with a step between that no call can do."""

    def __init__(self, turned: bool, norm: Callable[[int], nn.Module], bend: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.turned, self.bend, self.first, self.second = turned, bend, norm(WIDTH), norm(WIDTH)
        self.all, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(3 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = (each.view(b, t, 4, -1).transpose(1, 2) for each in self.all(self.first(x)).split(WIDTH, 2))
        if self.turned:
            q, k = torch.cos(q) + q, k.flip(-1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, WIDTH))
        x = x + self.down(self.bend(self.up(self.second(x)))) * 0.5
        return x


class Heads(nn.Module):
    """A Linear that treats each head of a token alike, and one after it."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.head = nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH // 4, WIDTH // 4)
        self.out = nn.Linear(WIDTH, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        b, t = tokens.shape
        logits: Tensor = self.out(self.head(self.token(tokens).view(b, t, 4, -1)).reshape(b, t, WIDTH))
        return logits


class Written(nn.Module):
    """A norm as transformers write it, out of its parts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(width))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        return found


class Llama(nn.Module):
    """Rotary positions, half as many heads of keys, a norm over each head, and gates by SiLU and by sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.norms = nn.Embedding(WORDS, WIDTH), nn.ModuleList(nn.RMSNorm(n) for n in (WIDTH, 10, 10))
        self.q, self.k, self.v = (nn.Linear(WIDTH, n, bias=False) for n in (WIDTH, WIDTH // 2, WIDTH // 2))
        self.gate, self.up, self.down = nn.Linear(WIDTH, 70), nn.Linear(WIDTH, 70), nn.Linear(70, WORDS)
        angles = torch.outer(torch.arange(LENGTH), 1 / 100 ** (torch.arange(0, 10, 2) / 10)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def turned(self, x: Tensor) -> Tensor:
        sides = torch.cat([-x[..., 5:], x[..., :5]], -1)
        return x * self.cos[: x.shape[2]] + self.sin[: x.shape[2]] * sides

    def forward(self, tokens: Tensor) -> Tensor:
        (b, t), x = tokens.shape, self.token(tokens)
        q, k, v = (each(self.norms[0](x)).view(b, t, -1, 10).transpose(1, 2) for each in (self.q, self.k, self.v))
        q, k = self.turned(self.norms[1](q)), self.turned(self.norms[2](k))
        k, v = (each.repeat_interleave(2, 1) for each in (k, v))
        x = x + F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, WIDTH)
        logits: Tensor = self.down(F.silu(self.gate(x)) * self.up(x) / torch.sigmoid(self.up(x)))
        return logits


class Gpt(nn.Module):
    def __init__(
        self,
        turned: bool = False,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        bend: Callable[[Tensor], Tensor] = TANH,
    ) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(Block(turned, norm, bend), Block(turned, norm, bend))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.token.weight)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "gpt": Gpt,
    TURNED: lambda: Gpt(turned=True),
    "written out": lambda: Gpt(norm=Written),
    "rms, exact gelu": lambda: Gpt(norm=nn.RMSNorm, bend=F.gelu),
    "heads": Heads,
    "llama": Llama,
    "relu": lambda: Gpt(bend=F.relu),
}


@cache
def made(name: str, whole: bool, kept: float = 0.3) -> Network:
    torch.manual_seed(0)
    module = NETWORKS[name]().eval()
    masks = {name: torch.rand_like(each) < kept for name, each in module.named_parameters() if each.dim() > 1}
    with torch.no_grad():
        for name, each in module.named_parameters():
            each.mul_(masks.get(name, torch.ones(())))
    real = network(module, masks, torch.zeros(2, LENGTH, dtype=torch.int64))
    return quantized(real) if whole else real


def one_by_one(found: Incremental, tokens: list[int], taped: bool = True) -> Any:
    state = found.start()
    assert (state.arena is not None) is taped
    return np.concatenate([found.step([[each]], state) for each in tokens], 1)


TOKENS = np.random.default_rng(1).integers(0, WORDS, LENGTH).tolist()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.features[-30:])
def test_the_same_bytes_by_calls_step_by_step_and_by_numpy(name: str, machine: Machine) -> None:
    net = made(name, whole=True)
    expected = one_by_one(Incremental(Execution(net, NUMPY)), TOKENS, taped=False)
    found = Incremental(Execution(net, machine))
    assert np.array_equal(one_by_one(found, TOKENS), expected)
    assert np.array_equal(found.step([TOKENS], found.start()), expected)
    state = found.start()
    found.step([TOKENS[:5]], state, last=True)
    assert np.array_equal(found.step([TOKENS[5:6]], state, last=True)[0, 0], expected[0, 5])
    several = found.start(2)
    both = [found.step([[each], [each]], several) for each in TOKENS]
    assert np.array_equal(np.concatenate(both, 1)[1], expected[0])


@pytest.mark.parametrize("kept", [0.3, 1], ids=["sparse", "dense"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("machine", [HOST, HOST.without("avx512f")], ids=["widest", "narrower"])
def test_floats_by_calls_are_those_step_by_step(name: str, kept: float, machine: Machine) -> None:
    found = Incremental(Execution(made(name, whole=False, kept=kept), machine))
    several = found.start(2)
    both = [found.step([[each], [each]], several) for each in TOKENS]
    np.testing.assert_allclose(one_by_one(found, TOKENS)[0], np.concatenate(both, 1)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kept", [0.3, 1], ids=["sparse", "dense"])
@pytest.mark.parametrize("whole", [True, False], ids=["int8", "fp32"])
@pytest.mark.parametrize("name", ["gpt", "written out", "rms, exact gelu", "llama", "relu"])
def test_python_has_no_part_in_a_token_of_a_gpt(name: str, whole: bool, kept: float) -> None:
    tape = Incremental(Execution(made(name, whole, kept), HOST))._program(1)._tape
    assert tape is not None
    assert [type(part) for part in tape.parts] == [Stretch]


@pytest.mark.parametrize("whole", [True, False], ids=["int8", "fp32"])
def test_numpy_does_what_no_call_can(whole: bool) -> None:
    between = Incremental(Execution(made(TURNED, whole), HOST))._program(1)._tape
    assert between is not None
    assert {type(part).__name__ for part in between.parts} == {"Stretch", "Aside"}


def test_threads_share_a_large_layer_without_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketsmith_runtime.rules.WIDE", 3 * WIDTH * WIDTH)
    tape = Incremental(Execution(made("gpt", whole=False, kept=1), HOST, threads=2))._program(1)._tape
    assert tape is not None
    left = [part.run.node.operator for part in tape.parts if isinstance(part, Aside)]
    assert left == ["linear"] * 6  # of each block the three that are as large


def test_a_token_that_no_table_has_is_an_error() -> None:
    found = Incremental(Execution(made("gpt", whole=True), HOST))
    state = found.start()
    with pytest.raises(ValueError, match="embedding8"):
        found.step([[WORDS]], state)
    assert state.length == 0
    assert np.isfinite(found.step([[WORDS - 1]], state)).all()


def test_sequences_do_not_see_each_other() -> None:
    found = Incremental(Execution(quantized(decoder()), HOST))
    first, second = found.start(), found.start()
    alone = one_by_one(found, [1, 2, 3])
    mixed = []
    for token in (1, 2, 3):
        mixed.append(found.step([[token]], first))
        found.step([[6 - token]], second)
    assert np.array_equal(np.concatenate(mixed, 1), alone)
    kept = first.bytes
    assert kept == second.bytes > 0
