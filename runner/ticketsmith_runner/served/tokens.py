"""Tokens as a decoder is served: a prompt once, then one token after the other, the likeliest each time.

The runtime keeps keys and values, for dense as for the ticket; PyTorch computes the sequence anew, as a network without
a cache of its own has to.

B: sequences, 1.  T: positions that the network knows.  V: tokens of the vocabulary.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from ticketsmith.lottery.choices import DENSE_IN_INT8, TICKET_IN_INT8
from ticketsmith.lottery.results import Refusal
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.generation import Decoder, Draw, decoder, stream
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.network import Network

from ..applicable import NotApplicable
from ..backends.admission import Unequal, compare, near
from ..backends.ticket import suited
from ..inputs import rows
from ..parcel import Parcel, parcel
from ..subject import Subject
from .stored import whole
from .ways import DENSE, DENSE_INT8, TICKET, TICKET_INT8, Way

PYTORCH, RUNTIME = "pytorch", "runtime"
DENSE_ALONE = (PYTORCH, RUNTIME)
FP32, ALL = (*DENSE_ALONE, TICKET), (*DENSE_ALONE, DENSE_IN_INT8, TICKET, TICKET_IN_INT8)
MOST = 32
"""Tokens that are timed, at most."""


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """The ways to go on with a prompt."""

    sent: Parcel
    prompt: int
    """Tokens of it; it is the beginning of an example."""
    new: int
    wanted: Collection[str]
    """Names of the ways."""

    def ways(self, names: Collection[str] | None = None) -> tuple[list[Way], list[Refusal]]:
        """Each checked on one example against its network of torch: near it in int8, equal in fp32."""
        subject, ways, refused = self.sent.subject(), list[Way](), list[Refusal]()
        threadpool_limits(torch.get_num_threads(), user_api="blas")  # numpy would take every core
        for name, make in self._makers(subject).items():
            if name not in self.wanted or (names is not None and name not in names):
                continue
            try:
                with torch.inference_mode(False), torch.no_grad():
                    ways.append(make())
            except (NotApplicable, Unsuited, Unequal, ValueError) as reason:
                refused.append(Refusal(backend=name, reason=str(reason)))
        return ways, refused

    def _makers(self, subject: Subject) -> dict[str, Callable[[], Way]]:
        return {
            PYTORCH: partial(self._by_torch, subject),
            RUNTIME: lambda: self._by_runtime(DENSE, RUNTIME, subject.dense_network, subject.dense, subject),
            DENSE_IN_INT8: lambda: self._by_runtime(
                DENSE_INT8, DENSE_IN_INT8, suited(subject.dense_in_int8), subject.dense, subject
            ),
            TICKET: lambda: self._by_runtime(TICKET, TICKET, subject.network, subject.masked, subject),
            TICKET_IN_INT8: lambda: self._by_runtime(
                TICKET_INT8, TICKET_IN_INT8, suited(subject.in_int8, subject.scheme.left), subject.masked, subject
            ),
        }

    def _by_torch(self, subject: Subject) -> Way:
        prompt = _tokens(subject)[:, : self.prompt]
        call = partial(anew, subject.dense, prompt, self.new)
        _logits(subject.dense(prompt))
        return Way(arm=DENSE, backend=PYTORCH, call=call, bytes=whole(subject.dense))

    def _by_runtime(self, arm: str, name: str, network: Network, like: nn.Module, subject: Subject) -> Way:
        made, tokens = decoder(Execution(network, Machine.host(), torch.get_num_threads())), _tokens(subject)
        state = made.start()
        logits, expected = torch.from_numpy(made.step(tokens.numpy(), state)), _logits(like(tokens))
        near(logits, expected) if "int8" in arm else compare(logits, expected)
        prompt = tokens[0, : self.prompt].tolist()
        size = getattr(made, "bytes", None)  # one that computes whole windows keeps nothing
        return Way(
            arm=arm,
            backend=name,
            call=partial(_said, made, prompt, self.new),
            bytes=None if size is None else size + state.bytes,
        )


def speaker(subject: Subject, make: Callable[[], nn.Module], ways: Collection[str] = ALL) -> Speaker:
    """The ways of a causal decoder. Raises NotApplicable, or Unsuited, if it does not say what comes next."""
    length = decoder(Execution(subject.network, Machine.host())).length
    prompt = max(1, length // 4)
    return Speaker(sent=parcel(subject, make, []), prompt=prompt, new=min(MOST, length + 1 - prompt), wanted=ways)


def anew(network: nn.Module, prompt: Tensor, count: int) -> list[int]:
    """The likeliest tokens, each by a pass over all that came before."""
    continuation, tokens = list[int](), prompt
    for _ in range(count):
        continuation.append(int(_logits(network(tokens))[0, -1].max(0).indices))
        tokens = torch.cat([tokens, torch.tensor([[continuation[-1]]])], 1)
    return continuation


def _said(made: Decoder, prompt: list[int], count: int) -> list[int]:
    return list(stream(made, prompt, count, Draw()))


def _tokens(subject: Subject) -> Tensor:
    """One example, (1, T)."""
    tokens: Tensor = rows(subject.inputs, slice(1))
    return tokens


def _logits(answer: Any) -> Tensor:
    """(B, T, V). Raises NotApplicable."""
    if isinstance(answer, Tensor) and answer.dim() == 3:
        return answer
    raise NotApplicable("the network does not put out a row of logits for each token")
