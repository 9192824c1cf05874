"""Tokens that a network puts after a prompt, one at a time.

V: tokens of the vocabulary.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .anew import Anew
from .execution import Execution
from .graph import Unsuited
from .numerics import Numbers
from .sequence import Incremental

Decoder = Incremental | Anew


@dataclass(frozen=True, kw_only=True)
class Draw:
    """The choice of a token by its logits. Raises ValueError for numbers that make no sense."""

    temperature: float = 0.0
    """0: the likeliest; 1: as likely as the network says."""
    top_k: int | None = None
    """Only one of so many likeliest."""
    seed: int = 0
    """The same draws for the same seed."""

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature is {self.temperature}, not a number from 0")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}, not a whole number from 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, not a whole number from 0")

    def token(self, logits_V: Numbers, rng: np.random.Generator) -> int:
        """One token. Raises ValueError if a logit is NaN."""
        if np.isnan(logits_V).any():
            raise ValueError("the network puts out NaN")
        if self.temperature == 0:
            return int(logits_V.argmax())
        chosen = np.arange(len(logits_V))
        if self.top_k is not None and self.top_k < len(logits_V):
            chosen = np.sort(np.argpartition(-logits_V, self.top_k - 1)[: self.top_k])
        scaled = (logits_V[chosen] - logits_V.max()).astype(np.float64) / self.temperature
        limits = np.exp(scaled).cumsum()
        return int(chosen[np.searchsorted(limits, rng.random() * limits[-1], side="right").clip(max=len(chosen) - 1)])


def decoder(execution: Execution) -> Decoder:
    """Whatever answers a few tokens at a time. Raises Unsuited if the network cannot say what comes next."""
    network = execution.network
    if len(network.inputs) != 1 or network.inputs[0].type != "int" or len(network.inputs[0].shape) != 1:
        raise Unsuited("its input is not one sequence of tokens")
    try:
        return Incremental(execution)
    except Unsuited as reason:
        return Anew(execution, str(reason))


def prompted(tokens: Any, length: int, count: int | None) -> tuple[NDArray[np.int64], int]:
    """A prompt, and how many tokens may follow it. Raises ValueError if they do not fit into `length` positions.

    The last token needs no position: nobody asks what comes after it.
    """
    array = np.asarray(tokens)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise ValueError("a prompt is a list of at least one token, each a whole number")
    room = length + 1 - array.size
    if room < 1:
        raise ValueError(f"the prompt has {array.size} tokens, the network knows {length} positions")
    if count is not None and not 1 <= count <= room:
        raise ValueError(f"after {array.size} tokens 1 to {room} can follow in {length} positions, not {count}")
    return array.astype(np.int64), room if count is None else count


def stream(decoder: Decoder, prompt: Sequence[int], count: int | None, draw: Draw) -> Iterator[int]:
    """New tokens as they are found, `count` of them, or as many as there is room for. Raises ValueError."""
    tokens, count = prompted(prompt, decoder.length, count)
    return _drawn(decoder, tokens, count, draw)


def _drawn(decoder: Decoder, tokens: NDArray[np.int64], count: int, draw: Draw) -> Iterator[int]:
    state, rng = decoder.start(), np.random.default_rng(draw.seed)
    for _ in range(count):
        token = draw.token(decoder.step(tokens[None], state, last=True)[0, -1], rng)
        yield token
        tokens = np.array([token])
