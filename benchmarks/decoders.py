"""Decoders of transformers, small and with random weights: what a token costs, and what of it is left to numpy.

    python benchmarks/decoders.py             # needs `uv pip install --group hf`; five minutes of a core
    python benchmarks/decoders.py llama qwen3

Each family is made with the sizes of SMALL, 80 % of the weights of its Linears under a random mask. A prompt of 8
tokens, then 24 further ones, always the same ones: transformers with a cache of its own in eager mode, and our runtime
with the dense network and with the ticket, in fp32 and in int8. One thread, rounds interleaved in one process; medians
of a token in microseconds, the range over rounds, and the speed over transformers. `by numpy`: nodes between calls.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from ticketsmith_runner.lowering import network
from ticketsmith_runner.timing import orders
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.sequence import Incremental
from ticketsmith_runtime.tape import Aside

PROMPT, NEW, ROUNDS, SPARSITY = 8, 24, 10, 0.8
WIDTH, LAYERS, HEADS, WORDS, LENGTH = 256, 4, 8, 512, 64
ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
SMALL = {
    "hidden_size": WIDTH, "intermediate_size": 3 * WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "vocab_size": WORDS, "max_position_embeddings": LENGTH, **ENDS,
}  # fmt: skip
SHARED = {**SMALL, "num_key_value_heads": HEADS // 2}
GPT2 = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "vocab_size": WORDS, "n_positions": LENGTH, **ENDS}
FAMILIES = {
    "gpt2": ("GPT2", GPT2),
    "gpt-neox": ("GPTNeoX", SMALL),
    "llama": ("Llama", SHARED),
    "mistral": ("Mistral", SHARED),
    "olmo2": ("Olmo2", SHARED),
    "phi3": ("Phi3", SHARED),
    "qwen3": ("Qwen3", {**SHARED, "head_dim": WIDTH // HEADS}),
    "gemma2": ("Gemma2", {**SHARED, "head_dim": WIDTH // HEADS}),
}
"""By family, how transformers' configurations begin, and their sizes."""


class Logits(nn.Module):
    """Tokens in, logits out."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.decoder(input_ids=tokens, use_cache=False).logits
        return logits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", choices=[*FAMILIES, []], help="by default all")
    torch.set_num_threads(1)
    threadpool_limits(1)
    for family in parser.parse_args().families or FAMILIES:
        print(f"{family}:")
        print("\n".join(f"  {line}" for line in measured(family)), flush=True)
    return 0


def measured(family: str) -> list[str]:
    """A line for each way."""
    dense = built(family)
    masks = {name: torch.rand_like(weight) > SPARSITY for name, weight in linears(dense).items()}
    tokens = torch.arange(2 * LENGTH).reshape(2, LENGTH) % WORDS
    whole = network(Logits(dense).eval(), {}, tokens)
    with torch.no_grad():
        for name, weight in linears(dense).items():
            weight.mul_(masks[name])
    pruned = network(Logits(dense).eval(), {f"decoder.{name}": mask for name, mask in masks.items()}, tokens)
    ours = {
        "dense fp32": whole,
        "dense int8": quantized(whole),
        "ticket fp32": pruned,
        "ticket int8": quantized(pruned),
    }
    made = {name: Incremental(Execution(each, Machine.host())) for name, each in ours.items()}
    ways = {"transformers": cached(dense), **{name: fed(each) for name, each in made.items()}}
    times = timed(ways)
    left = {name: asides(each) for name, each in made.items()}
    return [line(name, seconds, times["transformers"], left.get(name)) for name, seconds in times.items()]


def built(family: str) -> Any:
    import transformers

    torch.manual_seed(0)
    name, sizes = FAMILIES[family]
    config = getattr(transformers, f"{name}Config")(**sizes)
    return transformers.AutoModelForCausalLM.from_config(config).eval()


def linears(decoder: nn.Module) -> dict[str, nn.Parameter]:
    from transformers.pytorch_utils import Conv1D

    kinds = (nn.Linear, Conv1D)
    tables = {id(each.weight) for each in decoder.modules() if isinstance(each, nn.Embedding)}
    found = {name: each for name, each in decoder.named_modules() if isinstance(each, kinds)}
    return {f"{name}.weight": each.weight for name, each in found.items() if id(each.weight) not in tables}


def cached(decoder: Any) -> Callable[[], float]:
    """Seconds of a new token, by the network itself."""

    @torch.inference_mode()
    def run() -> float:
        cache = decoder(input_ids=torch.arange(PROMPT)[None], use_cache=True).past_key_values
        start = time.perf_counter()
        for token in range(NEW):
            cache = decoder(input_ids=torch.tensor([[token]]), past_key_values=cache, use_cache=True).past_key_values
        return (time.perf_counter() - start) / NEW

    return run


def fed(made: Incremental) -> Callable[[], float]:
    """Seconds of a new token, by our runtime."""

    def run() -> float:
        state = made.start()
        made.step([list(range(PROMPT))], state, last=True)
        start = time.perf_counter()
        for token in range(NEW):
            made.step([[token]], state)
        return (time.perf_counter() - start) / NEW

    return run


def timed(ways: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Seconds by round."""
    names, every = list(ways), orders(len(ways))
    times: dict[str, list[float]] = {name: [] for name in names if ways[name]() > 0}  # and warm
    for n in range(ROUNDS):
        for place in every[n % len(every)]:
            times[names[place]].append(ways[names[place]]())
    return times


def asides(made: Incremental) -> str:
    """Operators between calls, with their number."""
    tape = made._program(1)._tape
    assert tape is not None
    found = Counter(part.run.node.operator for part in tape.parts if isinstance(part, Aside))
    return ", ".join(f"{count} {operator}" for operator, count in found.items()) or "nothing"


def line(name: str, seconds: list[float], baseline: list[float], left: str | None) -> str:
    each = [1e6 * one for one in seconds]
    said = f"{name:12} {median(each):8.1f} us [{min(each):.1f}, {max(each):.1f}]"
    said += f"  {median(baseline) / median(seconds):6.1f}x"
    return said if left is None else f"{said}  by numpy: {left}"


if __name__ == "__main__":
    sys.exit(main())
