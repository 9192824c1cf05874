"""A token in one call: the same bytes as step by step, as in a prompt, and as by numpy alone."""

from collections.abc import Callable
from functools import cache
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
from ticketsmith_runtime.tape import Stretch

from .int8.machines import LEFT_OUT
from .machines import HOST
from .tokens import decoder

LENGTH, WORDS, WIDTH = 12, 30, 40
NUMPY = HOST.without("avx2", "avx512f", "avx512vnni", "avxvnni")
MACHINES = [
    HOST.without(*LEFT_OUT[n]) if LEFT_OUT[n] else HOST for n, each in enumerate(KNOWN) if HOST.has(*each.features)
]


class Block(nn.Module):
    """Attention and two layers; `turned`: with a step between that no call can do."""

    def __init__(self, turned: bool, rms: bool) -> None:
        super().__init__()
        norm: Callable[[int], nn.Module] = nn.RMSNorm if rms else nn.LayerNorm
        self.turned, self.first, self.second = turned, norm(WIDTH), norm(WIDTH)
        self.all, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(3 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        q, k, v = (each.view(b, t, 4, -1).transpose(1, 2) for each in self.all(self.first(x)).split(WIDTH, 2))
        if self.turned:
            q, k = torch.cos(q) + q, k.flip(-1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, WIDTH))
        bent: Tensor = self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))
        return x + bent * 0.5


class Gpt(nn.Module):
    def __init__(self, turned: bool = False, rms: bool = False) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(Block(turned, rms), Block(turned, rms))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        return F.linear(self.norm(self.blocks(x)), self.token.weight)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "gpt": Gpt,
    "with numpy between": lambda: Gpt(turned=True),
    "rms": lambda: Gpt(rms=True),
}


@cache
def made(name: str, whole: bool) -> Network:
    torch.manual_seed(0)
    module = NETWORKS[name]().eval()
    masks = {name: torch.rand_like(each) < 0.3 for name, each in module.named_parameters() if each.dim() > 1}
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


@pytest.mark.parametrize("name", NETWORKS)
def test_floats_by_calls_are_those_step_by_step(name: str) -> None:
    found = Incremental(Execution(made(name, whole=False), HOST))
    several = found.start(2)
    both = [found.step([[each], [each]], several) for each in TOKENS]
    np.testing.assert_allclose(one_by_one(found, TOKENS)[0], np.concatenate(both, 1)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("whole", [True, False], ids=["int8", "fp32"])
def test_python_has_no_part_in_a_token_of_a_gpt(whole: bool) -> None:
    tape = Incremental(Execution(made("gpt", whole), HOST))._program(1)._tape
    assert tape is not None
    assert [type(part) for part in tape.parts] == [Stretch]
    between = Incremental(Execution(made("with numpy between", whole), HOST))._program(1)._tape
    assert between is not None
    assert {type(part).__name__ for part in between.parts} == {"Stretch", "Aside"}


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
