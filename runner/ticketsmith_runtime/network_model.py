"""A ticket of any operators, ready to answer: sparse code where a mask left zeros, numpy for the rest.

B: samples.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from . import execution
from .anew import Anew
from .blas import Limit
from .folding import folded
from .generation import Decoder, Draw, decoder, stream
from .graph import Unsuited
from .int8.chain import Chain
from .int8.instructions import best
from .int8.part_plan import plans
from .int8.quantization import notes, precision
from .kernels._isa import widest
from .llvm import Machine
from .making import MAKING
from .network import Network, evaluate
from .numerics import Numbers
from .package import Ticket, fastest
from .provenance import said
from .raw import scaling_of
from .shares import Shared

Answer = Callable[..., list[Numbers]]
ALONE = "weights alone: `ticketsmith_runtime.torch.accelerate` puts them into their network"
SPARSE, NUMPY = "operators", "numpy"


class NetworkModel:
    """Callable by any number of threads at once, and after a fork. Code is made at the first call."""

    def __init__(self, ticket: Ticket, threads: int = 1, machine: Machine | None = None, raw: bool = False) -> None:
        assert isinstance(ticket.graph, Network)
        self.scaling = scaling_of(ticket, raw)
        self.ticket, self.machine, self._given, self._threads = ticket, machine or Machine.host(), machine, threads
        self.network = ticket.graph
        self.isa = widest(self.machine)
        self._answers: dict[int, Answer] = {}  # per batch size: to choose takes longer than a sample
        self._made: dict[str, Answer] = {}
        self._executions: dict[int, execution.Execution] = {}
        self._decoder: Decoder | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what a pickle brings to another process, is the ticket: code is made anew, for that machine."""
        return type(self), (self.ticket, self._threads, self._given, self.scaling is not None)

    def __call__(self, *inputs: Any) -> Any:
        """(B, ...) for each input -> (B, ...), or a tuple where the network puts out several.

        Raises ValueError if the number or the shape of inputs is wrong, or if it has weights alone.
        """
        if not self.network.traced:
            raise ValueError(f"it has {ALONE}")
        arrays = [np.asarray(array) for array in inputs]
        if self.scaling is not None and len(arrays) == 1:
            arrays = [self.scaling(arrays[0])]
        batch = len(arrays[0]) if arrays and arrays[0].ndim else 1
        answer = self._answers.get(batch)
        if answer is None:
            answer = self._answers[batch] = self.run(self.backend(batch))
        outputs = answer(*arrays)
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the outputs, where the package has them."""
        return self.ticket.classes.names if self.ticket.classes else None

    @property
    def programs(self) -> list[str]:
        """All that may answer here; none for weights alone."""
        if not self.network.traced:
            return []
        return [NUMPY, *([SPARSE] if self.isa else [])]

    def backend(self, batch: int) -> str:
        """Name of the back-end that answers a batch of this size."""
        name = fastest(self.ticket.measured, batch) if self.ticket.measured else SPARSE
        return name if name in self.programs else self.programs[-1]

    def run(self, backend: str) -> Answer:
        """A back-end's program: arrays in, arrays out."""
        with MAKING:
            if backend not in self._made:
                made = self._make(backend)
                self._made[backend] = Shared(made, self._threads, tile=1) if self._threads > 1 else made
            return self._made[backend]

    def _make(self, backend: str) -> Answer:
        if backend == SPARSE and self.isa is not None:
            return self._sparse()
        network, limit = folded(self.network), Limit(1)

        def answer(*inputs: Numbers) -> list[Numbers]:
            with limit:
                return evaluate(network, inputs, np.float32)

        return answer

    def _sparse(self) -> Answer:
        """All in one call where that can be; otherwise operator by operator."""
        try:
            return Chain(self.network, self.machine)
        except Unsuited:
            return self._execution(1)

    def _execution(self, threads: int) -> execution.Execution:
        """One for batches, one for tokens; the same on one thread."""
        if threads not in self._executions:
            self._executions[threads] = execution.Execution(self.network, self.machine, threads)
        return self._executions[threads]

    @property
    def decoder(self) -> Decoder:
        """The network a few tokens at a time. Raises Unsuited, a ValueError, if it cannot say what comes next."""
        with MAKING:
            if self._decoder is None:
                self._decoder = decoder(self._execution(self._threads))
            return self._decoder

    @overload
    def stream(
        self,
        prompt: str,
        max_new_tokens: int | None = None,
        *,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> Iterator[str]: ...
    @overload
    def stream(
        self,
        prompt: Sequence[int],
        max_new_tokens: int | None = None,
        *,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> Iterator[int]: ...
    def stream(
        self,
        prompt: str | Sequence[int],
        max_new_tokens: int | None = None,
        *,
        temperature: float = 0.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> Iterator[Any]:
        """Tokens after a prompt, one by one: as many as asked for, or until all positions are filled.

        Text for text, if the package has a vocabulary or a tokenizer, as its characters become whole; numbers for
        numbers. Temperature 0 takes the likeliest; otherwise the same seed draws the same tokens. Raises ValueError;
        ModuleNotFoundError for text where the library of a tokenizer is not installed.
        """
        draw = Draw(temperature=temperature, top_k=top_k, seed=seed)
        if not isinstance(prompt, str):
            return stream(self.decoder, prompt, max_new_tokens, draw)
        if (words := self.ticket.vocabulary) is None:
            raise ValueError("the package has no vocabulary: give the numbers of tokens")
        tokens = words.encode(prompt)
        return words.pieces(stream(self.decoder, tokens, max_new_tokens, draw), tokens)

    @overload
    def generate(self, prompt: str, max_new_tokens: int | None = None, **draw: Any) -> str: ...
    @overload
    def generate(self, prompt: Sequence[int], max_new_tokens: int | None = None, **draw: Any) -> list[int]: ...
    def generate(self, prompt: str | Sequence[int], max_new_tokens: int | None = None, **draw: Any) -> Any:
        """All of `stream`, which takes the same arguments."""
        tokens: list[Any] = list(self.stream(prompt, max_new_tokens, **draw))
        return "".join(tokens) if isinstance(prompt, str) else tokens

    def explain(self) -> str:
        """Say what the network is made of, and which back-end answers which batch."""
        pairs = list(self.network.counted())
        weights, kept = (sum(pair[side] for pair in pairs) for side in (0, 1))
        sizes = ", ".join(
            f"{' x '.join(map(str, array.shape)) or 'one'} ({array.type})" for array in self.network.inputs
        )
        if not self.network.traced:
            return "\n".join([f"{kept:,} of {weights:,} weights under masks; {ALONE}", *said(self.ticket)])
        lines = [
            f"{self.machine.cpu}: {self.isa.name if self.isa else 'no instruction set that code is written for'}",
            f"{len(self.network.nodes)} operators over {sizes}; {kept:,} of {weights:,} weights under masks, "
            f"in {precision(self.network)}",
            *notes(self.network),
        ]
        lines += self._calls()
        for row in self.ticket.measured:
            lines.append(
                f"batch {row.batch}: {self.backend(row.batch)}, measured {row.ratio:.2f}x of the best dense one"
            )
        if not self.ticket.measured:
            lines.append(f"any batch: {self.backend(1)}, since nothing was measured")
        return "\n".join([*lines, *self._next(), *said(self.ticket)])

    def _calls(self) -> list[str]:
        """Says what convolutions in int8 are one call with."""
        network, own = folded(self.network), best(self.machine)
        parts = [plan.nodes for plan in plans(network, own)] if own else []
        if not parts:
            return []
        inside = sum(map(len, parts))
        calls = "one call" if len(parts) == 1 else f"{len(parts)} calls"
        return [
            f"{inside} of {len(network.nodes)} operators are {calls}, in which values are bytes where they are read"
        ]

    def _next(self) -> list[str]:
        """Says how tokens are generated, where the network reads tokens alone."""
        if [(array.type, len(array.shape)) for array in self.network.inputs] != [("int", 1)]:
            return []
        try:
            decoding = self.decoder
        except Unsuited as reason:
            return [f"it does not say what comes next: {reason}"]
        if isinstance(decoding, Anew):
            return [f"tokens are generated by whole windows: {decoding.reason}"]
        return [f"tokens are generated with a cache of keys and values, {decoding.length} positions at most"]
