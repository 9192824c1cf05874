"""Shifts along the sequence, a few tokens at a time and in one call: the logits that the whole window gives."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.generation import Draw, stream
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.network import Network, evaluate
from ticketsmith_runtime.sequence import Incremental
from ticketsmith_runtime.tape import Stretch
from ticketsmith_tasks import gpt_char

from .machines import HOST

LENGTH, WORDS, WIDTH = 12, 19, 16
TOKENS = torch.randint(0, WORDS, (3, LENGTH), generator=torch.Generator().manual_seed(3))


def taps(x: Tensor, count: int, dilation: int) -> Tensor:
    """A causal convolution of each channel, as a sum of parts."""
    wide = F.pad(x, (0, 0, dilation * (count - 1), 0))
    return sum((wide[:, dilation * n :][:, : x.shape[1]] / (n + 2) for n in range(count)), start=torch.zeros(()))


def put(x: Tensor, front: Tensor) -> Tensor:
    return torch.cat([front.expand(x.shape[0], -1, -1), x], 1)[:, : x.shape[1]]


START = torch.linspace(-1, 1, 2 * WIDTH).view(1, 2, WIDTH)
SHIFTS: dict[str, Callable[[Tensor], Tensor]] = {
    "cut, then zeros": lambda x: F.pad(x[:, :-1], (0, 0, 1, 0)),
    "zeros, then cut": lambda x: F.pad(x, (0, 0, 1, 0))[:, :-1],
    "both at once": lambda x: F.pad(x, (0, 0, 1, -1)),
    "three places": lambda x: F.pad(x[:, :-3], (0, 0, 3, 0)),
    "zeros beside it": lambda x: torch.cat([x.new_zeros(x.shape[0], 2, WIDTH), x[:, :-2]], 1),
    "rows that were learned": lambda x: put(x, START),
    "half of the channels": lambda x: torch.cat([F.pad(x[:, :-1, :8], (0, 0, 1, 0)), x[..., 8:]], 2),
    "one after the other": lambda x: torch.lerp(x, F.pad(F.pad(x, (0, 0, 1, -1)).tanh(), (0, 0, 3, -3)), 0.3),
    "all but one": lambda x: F.pad(x[:, :1], (0, 0, LENGTH - 1, 0)),
    "there and back": lambda x: F.pad(x, (0, 0, 3, 0))[:, 3:],
    "twice in front": lambda x: F.pad(F.pad(x, (0, 0, 1, 0)) * 2, (0, 0, 2, 0), value=1.0)[:, 1 : LENGTH + 1],
    "three taps apart": lambda x: taps(x, 3, 2),
    "channels before positions": lambda x: F.pad(x.mT, (1, -1)).mT,
    "heads before positions": lambda x: F.pad(x.view(-1, LENGTH, 4, 4).transpose(1, 2), (0, 0, 2, -2))
    .transpose(1, 2)
    .reshape(x.shape),
    "seen through other shapes": lambda x: F.pad(
        x[:, :-1].reshape(-1, WIDTH).view(-1, LENGTH - 1, 2, 8).flatten(2), (0, 0, 1, 0)
    ),
}  # fmt: skip


class Shifted(nn.Module):
    """A shift before attention, and the same before two layers, of which no key is made."""

    def __init__(self, shift: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.shift, self.token, self.place = shift, nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.all, self.up, self.down = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, 40), nn.Linear(40, WIDTH)
        self.first, self.second, self.norm = (nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        q, k, v = self.all(self.shift(self.first(x))).split(WIDTH, 2)
        x = x + F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.down(F.gelu(self.up(self.shift(self.second(x)))))
        return F.linear(self.norm(x), self.token.weight)


def lowered(module: nn.Module, tokens: Tensor) -> Network:
    module.eval().requires_grad_(False)
    masks = {name: torch.rand_like(each) < 0.4 for name, each in module.named_parameters() if each.dim() > 1}
    for name, each in module.named_parameters():
        each.mul_(masks.get(name, torch.ones(())))
    return network(module, masks, tokens)


@cache
def made(name: str, whole: bool) -> tuple[nn.Module, Network]:
    torch.manual_seed(0)
    module = Shifted(SHIFTS[name])
    net = lowered(module, TOKENS)
    return module, quantized(net) if whole else net


@cache
def program_of(name: str, whole: bool) -> Incremental:
    return Incremental(Execution(made(name, whole)[1], HOST))


def fed(program: Incremental, tokens: Tensor, sizes: list[int], last: bool = False) -> np.ndarray:
    state = program.start(len(tokens))
    return np.concatenate([program.step(each.numpy(), state, last) for each in tokens.split(sizes, 1)], 1)


@pytest.mark.parametrize("name", SHIFTS)
def test_the_logits_are_those_of_the_whole_window(name: str) -> None:
    program, expected = program_of(name, whole=False), made(name, whole=False)[0](TOKENS).numpy()
    most = 1e-4 * np.abs(expected).max()
    for batch in (1, 3):
        for sizes in ([1] * LENGTH, [LENGTH], [5, 1, 1, 4, 1], [1, 11]):
            ours = fed(program, TOKENS[:batch], sizes)
            np.testing.assert_allclose(ours, expected[:batch], atol=most, rtol=0)
            ends = np.cumsum(sizes) - 1
            late = fed(program, TOKENS[:batch], sizes, last=True)
            np.testing.assert_allclose(late, expected[:batch, ends], atol=most, rtol=0)


@pytest.mark.parametrize("name", SHIFTS)
def test_in_int8_they_are_the_same_bytes_by_calls_step_by_step_and_by_numpy(name: str) -> None:
    net = made(name, whole=True)[1]
    found = program_of(name, whole=True)
    numpy = Incremental(Execution(net, HOST.without("avx2", "avx512f", "avx512vnni", "avxvnni")))
    expected = fed(numpy, TOKENS, [LENGTH])
    for batch in (1, 3):
        for sizes in ([1] * LENGTH, [LENGTH], [5, 1, 1, 4, 1]):
            assert np.array_equal(fed(found, TOKENS[:batch], sizes), expected[:batch])
    whole = evaluate(net, [TOKENS.numpy()])[0]
    np.testing.assert_allclose(expected, whole, atol=1e-4 * np.abs(whole).max(), rtol=0)


@pytest.mark.parametrize("whole", [True, False], ids=["int8", "fp32"])
@pytest.mark.parametrize(
    "name", ["cut, then zeros", "zeros, then cut", "both at once", "rows that were learned", "half of the channels"]
)
def test_python_has_no_part_in_a_token_that_is_shifted(name: str, whole: bool) -> None:
    tape = program_of(name, whole)._program(1)._tape
    assert tape is not None
    assert [type(part) for part in tape.parts] == [Stretch]


def test_as_many_rows_are_kept_as_there_are_places() -> None:
    program = program_of("three places", whole=False)
    for batch in (1, 3):
        state = program.start(batch)
        program.step(TOKENS[:batch, :1].numpy(), state)
        shapes = sorted(each.shape for each in state.kept.values())
        assert shapes == [(batch, 3, WIDTH)] * 2 + [(batch, LENGTH, WIDTH)] * 2


def test_sequences_do_not_see_each_others_rows() -> None:
    program = program_of("three places", whole=False)
    alone = fed(program, TOKENS[:1], [1] * LENGTH)
    one, other, found = program.start(), program.start(), []
    for place in range(LENGTH):
        found.append(program.step(TOKENS[:1, place : place + 1].numpy(), one))
        program.step(TOKENS[1:2, place : place + 1].numpy(), other)
    assert np.array_equal(np.concatenate(found, 1), alone)


def test_a_token_that_nobody_knows_leaves_the_rows_as_they_were() -> None:
    program = program_of("cut, then zeros", whole=False)
    state, same = program.start(), program.start()
    for each in (state, same):
        program.step(TOKENS[:1, :3].numpy(), each)
    for wrong in ([[WORDS]], [[0, WORDS]]):
        with pytest.raises(ValueError, match="embedding"):
            program.step(wrong, state)
    assert np.array_equal(program.step([[1]], state), program.step([[1]], same))


class Pairs(nn.Module):
    """Two tokens are looked up as one number."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs, self.head = nn.Embedding(WORDS * WORDS, WIDTH), nn.Linear(WIDTH, WORDS)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.pairs(tokens + WORDS * F.pad(tokens[:, :-1], (1, 0), value=2)))


def test_tokens_themselves_may_be_shifted() -> None:
    """Whole numbers, which have a room of their own kind; one that is not known leaves it as it was."""
    torch.manual_seed(0)
    module = Pairs()
    program = Incremental(Execution(lowered(module, TOKENS), HOST))
    expected = module(TOKENS).numpy()
    for batch in (1, 3):
        for sizes in ([1] * LENGTH, [5, 1, 6]):
            np.testing.assert_allclose(fed(program, TOKENS[:batch], sizes), expected[:batch], atol=1e-5)
    state = program.start()
    program.step(TOKENS[:1, :4].numpy(), state)
    with pytest.raises(ValueError, match="embedding"):
        program.step([[WORDS * WORDS]], state)
    np.testing.assert_allclose(program.step(TOKENS[:1, 4:].numpy(), state), expected[:1, 4:], atol=1e-5)


class Convolved(nn.Module):
    """A convolution of each channel over two places before its own and that one, and one over all channels."""

    def __init__(self, behind: int = 0) -> None:
        super().__init__()
        self.behind, self.token, self.head = behind, nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WORDS)
        self.each, self.all = nn.Conv1d(WIDTH, WIDTH, 3, groups=WIDTH), nn.Conv1d(WIDTH, WIDTH, 2, dilation=2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens).mT
        x = x + self.each(F.pad(x, (2 - self.behind, self.behind))).relu()
        return self.head(self.all(F.pad(x, (2, 0))).mT)


def test_a_convolution_over_rows_before_is_a_shift() -> None:
    torch.manual_seed(0)
    module = Convolved()
    net = lowered(module, TOKENS)
    program, expected = Incremental(Execution(net, HOST)), module(TOKENS).numpy()
    for batch in (1, 3):
        for sizes in ([1] * LENGTH, [LENGTH], [5, 1, 1, 4, 1]):
            np.testing.assert_allclose(fed(program, TOKENS[:batch], sizes), expected[:batch], atol=1e-5)
            late = fed(program, TOKENS[:batch], sizes, last=True)
            np.testing.assert_allclose(late, expected[:batch, np.cumsum(sizes) - 1], atol=1e-5)
    with pytest.raises(Unsuited, match=r"\(conv8\): it mixes positions"):
        Incremental(Execution(quantized(net), HOST))


def test_a_convolution_over_rows_behind_is_refused() -> None:
    with pytest.raises(Unsuited, match=r"\(pad\): it shifts later positions to earlier ones, or adds"):
        Incremental(Execution(lowered(Convolved(behind=1), TOKENS), HOST))


@cache
def char(whole: bool) -> Network:
    torch.manual_seed(0)
    module = gpt_char.model(width=32)
    for each in module.parameters():
        if each.dim() > 1:
            nn.init.normal_(each, std=0.2)
    net = lowered(module, torch.zeros(2, gpt_char.CONTEXT, dtype=torch.int64))
    return quantized(net) if whole else net


@cache
def program_of_characters(whole: bool) -> Incremental:
    return Incremental(Execution(char(whole), HOST))


@pytest.mark.parametrize("whole", [True, False], ids=["int8", "fp32"])
def test_the_bundled_network_of_characters_is_one_call_for_a_token(whole: bool) -> None:
    program = program_of_characters(whole)
    tape = program._program(1)._tape
    assert tape is not None and [type(part) for part in tape.parts] == [Stretch]
    tokens = torch.randint(0, len(gpt_char.VOCABULARY), (1, gpt_char.CONTEXT))
    expected = Execution(char(whole), HOST)(tokens.numpy())[0]
    for sizes in ([1] * gpt_char.CONTEXT, [30, *[1] * 34]):
        np.testing.assert_allclose(fed(program, tokens, sizes), expected, atol=1e-4 * np.abs(expected).max(), rtol=0)


def test_it_says_nothing_beyond_the_places_that_it_knows() -> None:
    """The table of places has a row for each of 64 characters: one more can follow them, and no further one."""
    program = program_of_characters(whole=False)
    assert program.length == gpt_char.CONTEXT
    prompt = list(range(40))
    assert len(list(stream(program, prompt, None, Draw()))) == 25
    with pytest.raises(ValueError, match="after 40 tokens 1 to 25 can follow in 64 positions, not 26"):
        stream(program, prompt, 26, Draw())
    with pytest.raises(ValueError, match="the prompt has 65 tokens, the network knows 64 positions"):
        stream(program, list(range(65)), None, Draw())
    state = program.start()
    program.step([list(range(64))], state)
    with pytest.raises(ValueError, match="1 tokens after 64: the network knows 64 positions"):
        program.step([[1]], state)
