"""Generating text: a ticket against dense runtimes, each with a cache of keys and values, batch 1.

    python benchmarks/generation.py
    python benchmarks/generation.py --large --rounds 3

A GPT of 10 million parameters, with `--large` one of 124 million, random weights, 80 % of each matrix pruned by
magnitude. A prompt of 128 tokens, then 128 new ones, the likeliest each time; a back-end that draws others is named.
The dense ones compute the masked network, zeros multiplied. PyTorch writes into a cache of its own; ONNX Runtime and
OpenVINO run one export that appends to the cache they are given, as exports of transformers do. llama.cpp is left out:
it would have to be built here.

Rounds are interleaved in one process for each number of threads; medians over rounds. `first` is the time to the first
token, prompt included; `each` the median time of the further ones. Memory is counted, not measured:
weights and cache as they are stored.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.network_model import NetworkModel
from ticketsmith_runtime.package import Ticket

PROMPT, NEW, SPARSITY, GOAL = 128, 128, 0.8, 2.5
SIZES = {"10M": (384, 6, 6, 128), "124M": (768, 12, 12, 50257)}
"""Width, heads, layers and vocabulary."""
Generator = Callable[[list[int]], Iterator[int]]


class Block(nn.Module):
    """Attention and two layers, each after a norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.first, self.second = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.all, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def parts(self, x: Tensor) -> list[Tensor]:
        """Queries, keys and values, head by head."""
        b, t, width = x.shape
        return [each.view(b, t, self.heads, -1).transpose(1, 2) for each in self.all(self.first(x)).split(width, 2)]

    def rest(self, x: Tensor, y: Tensor) -> Tensor:
        """The part of a block that follows attention."""
        x = x + self.out(y.transpose(1, 2).reshape(x.shape))
        return x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))


class Gpt(nn.Module):
    """GPT-2 with a tied head, in three forms: whole, with a cache of its own, and with one that is handed on."""

    def __init__(self, width: int, heads: int, layers: int, words: int) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(words, width), nn.Embedding(PROMPT + NEW, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place.weight[: tokens.shape[1]]
        for block in self.blocks:
            x = block.rest(x, F.scaled_dot_product_attention(*block.parts(x), is_causal=True))
        return F.linear(self.norm(x), self.token.weight)

    def step(self, tokens: Tensor, start: int, kept: list[Tensor]) -> Tensor:
        """The last logits; new keys and values go into `kept`, which has room for all."""
        stop = start + tokens.shape[1]
        x = self.token(tokens) + self.place.weight[start:stop]
        for block, room in zip(self.blocks, kept, strict=True):
            q, k, v = block.parts(x)
            room[0, :, :, start:stop], room[1, :, :, start:stop] = k, v
            y = F.scaled_dot_product_attention(q, room[0, :, :, :stop], room[1, :, :, :stop], is_causal=not start)
            x = block.rest(x, y)
        return F.linear(self.norm(x[:, -1:]), self.token.weight)

    def room(self) -> list[Tensor]:
        """An empty cache."""
        heads, width = self.blocks[0].heads, self.place.weight.shape[1]
        return [torch.zeros(2, 1, heads, PROMPT + NEW, width // heads) for _ in self.blocks]


class Handed(nn.Module):
    """The same as one graph: tokens, their places and the cache so far in; last logits and the longer cache out."""

    def __init__(self, gpt: Gpt) -> None:
        super().__init__()
        self.gpt = gpt

    def forward(self, tokens: Tensor, places: Tensor, *kept: Tensor) -> tuple[Tensor, ...]:
        x, longer = self.gpt.token(tokens) + self.gpt.place(places), []
        for n, block in enumerate(self.gpt.blocks):
            q, k, v = block.parts(x)
            k, v = torch.cat([kept[2 * n], k], 2), torch.cat([kept[2 * n + 1], v], 2)
            seen = torch.arange(k.shape[2]) <= places[:, None]
            x = block.rest(x, F.scaled_dot_product_attention(q, k, v, attn_mask=seen))
            longer += [k, v]
        return F.linear(self.gpt.norm(x[:, -1:]), self.gpt.token.weight), *longer


def made(size: str) -> tuple[Gpt, NetworkModel]:
    """The masked network, and its ticket."""
    torch.manual_seed(0)
    gpt = Gpt(*SIZES[size]).eval().requires_grad_(False)
    masks = {}
    for name, weight in gpt.named_parameters():
        if weight.dim() > 1 and not name.startswith("place"):
            limit = np.quantile(weight.abs().numpy(), SPARSITY)
            masks[name] = weight.abs() > float(limit)
            weight.mul_(masks[name])
    lowered = network(gpt, masks, torch.zeros(4, PROMPT + NEW, dtype=torch.int64))
    return gpt, NetworkModel(Ticket(graph=lowered))


def pytorch(gpt: Gpt) -> Generator:
    """PyTorch, eager."""

    @torch.inference_mode()
    def run(prompt: list[int]) -> Iterator[int]:
        kept, start, tokens = gpt.room(), 0, torch.tensor([prompt])
        for _ in range(NEW):
            found = int(gpt.step(tokens, start, kept)[0, -1].argmax())
            yield found
            start, tokens = start + tokens.shape[1], torch.tensor([[found]])

    return run


def exported(gpt: Gpt, file: Path) -> None:
    """The graph that is handed its cache, for ONNX Runtime and OpenVINO."""
    count, tokens = 2 * len(gpt.blocks), torch.zeros(1, 3, dtype=torch.int64)
    kept = [each[0][:, :, :5] for each in gpt.room()] * 2
    new, past = torch.export.Dim("new", min=1, max=PROMPT), torch.export.Dim("past", min=0, max=PROMPT + NEW)
    names = ["tokens", "places", *(f"kept{n}" for n in range(count))]
    outputs = ["logits", *(f"longer{n}" for n in range(count))]
    shapes = ({1: new}, {0: new}, tuple({2: past} for _ in kept))
    torch.onnx.export(
        Handed(gpt).eval(), (tokens, torch.arange(5, 8), *kept), file, dynamo=True, dynamic_shapes=shapes,
        input_names=names, output_names=outputs, external_data=False, verbose=False,
    )  # fmt: skip


def handed(gpt: Gpt, run: Callable[[list[Any]], list[Any]], kept: Callable[[Any], Any], logits: Any) -> Generator:
    """Tokens out of a graph that is handed its cache; `kept` makes what it takes, `logits` numpy of what it gives."""
    heads, width = gpt.blocks[0].heads, gpt.place.weight.shape[1]

    def generate(prompt: list[int]) -> Iterator[int]:
        cache = [kept(np.zeros((1, heads, 0, width // heads), np.float32)) for _ in range(2 * len(gpt.blocks))]
        start, tokens = 0, np.array([prompt])
        for _ in range(NEW):
            places = np.arange(start, start + tokens.shape[1])
            found, *cache = run([kept(tokens), kept(places), *cache])
            token = int(logits(found)[0, -1].argmax())
            yield token
            start, tokens = start + tokens.shape[1], np.array([[token]])

    return generate


def onnxruntime(gpt: Gpt, file: Path, threads: int) -> Generator:
    """ONNX Runtime; the cache stays in its own values."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(values: list[Any]) -> list[Any]:
        return list(session.run_with_ort_values(None, dict(zip(names, values, strict=True))))

    return handed(gpt, run, ort.OrtValue.ortvalue_from_numpy, lambda value: value.numpy())


def openvino(gpt: Gpt, file: Path, threads: int) -> Generator:
    """OpenVINO; the cache is handed on as its own tensors."""
    import openvino as ov

    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.compile_model(file, "CPU", config)

    def run(values: list[Any]) -> list[Any]:
        found = compiled(values, share_inputs=True)  # copied, as the next call writes over its own
        return [np.array(found[place]) for place in range(len(compiled.outputs))]

    return handed(gpt, run, lambda array: array, lambda array: array)


def ticket(model: NetworkModel) -> Generator:
    return lambda prompt: model.stream(prompt, NEW)


def timed(generator: Generator, prompt: list[int]) -> tuple[float, float, list[int]]:
    """Seconds to the first token, the median of seconds for each further one, and the tokens."""
    times, tokens = [time.perf_counter()], []
    for token in generator(prompt):
        times.append(time.perf_counter())
        tokens.append(token)
    return times[1] - times[0], float(np.median(np.diff(times[1:]))), tokens


def measured(size: str, threads: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each back-end that could be made."""
    torch.set_num_threads(threads)
    gpt, model = made(size)
    model = NetworkModel(model.ticket, threads)
    contenders, missing = {"ticket": ticket(model), "PyTorch": pytorch(gpt)}, {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            exported(gpt, file := Path(folder) / "gpt.onnx")
            contenders["ONNX Runtime"] = onnxruntime(gpt, file, threads)
            contenders["OpenVINO"] = openvino(gpt, file, threads)
        except Exception as error:  # whatever an exporter finds wrong
            missing["export"] = f"{type(error).__name__}: {str(error)[:200]}"
    prompt = np.random.default_rng(0).integers(0, SIZES[size][3], PROMPT).tolist()
    expected = timed(contenders["ticket"], prompt)[2]
    same = {name: timed(each, prompt)[2] == expected for name, each in contenders.items()}  # and warm
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for n in range(rounds):
        names = list(contenders)
        for name in names[n % len(names) :] + names[: n % len(names)]:
            taken[name].append(timed(contenders[name], prompt)[:2])
    cache = sum(each.nbytes for each in gpt.room())
    dense = 4 * sum(weight.numel() for weight in gpt.parameters()) + cache
    rows = []
    for name, pairs in taken.items():
        first, each = (statistics.median(column) for column in zip(*pairs, strict=True))
        memory = model.decoder.bytes + cache if name == "ticket" else dense
        rows.append(
            {"size": size, "threads": threads, "name": name, "first": first, "each": each, "memory": memory,
             "same": same[name]}
        )  # fmt: skip
    return [*rows, *({"size": size, "threads": threads, "name": name, "reason": why} for name, why in missing.items())]


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Lines for people."""
    for row in rows:
        head = f"{row['size']:>5} {row['threads']} thread{'s' if row['threads'] > 1 else ' '} {row['name']:13}"
        if "reason" in row:
            yield f"{head} not measured: {row['reason']}"
            continue
        yield (
            f"{head} first {1000 * row['first']:8.1f} ms  each {1000 * row['each']:7.3f} ms  "
            f"{1 / row['each']:7.1f} tokens/s  {row['memory'] / 1e6:7.1f} MB{'' if row['same'] else '  other tokens'}"
        )
    timed_rows = [row for row in rows if "each" in row]
    ours = next(row for row in timed_rows if row["name"] == "ticket")
    best = min((row for row in timed_rows if row["name"] != "ticket"), key=lambda row: row["each"])
    ratio, first = best["each"] / ours["each"], min(r["first"] for r in timed_rows if r != ours) / ours["first"]
    word = "reached" if ratio >= GOAL else "missed"
    yield f"      decode {ratio:.2f}x of {best['name']}, goal {GOAL}x {word}; first token {first:.2f}x of the best\n"


def main() -> None:
    """Print a table for each size and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="124 million parameters too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    parser.add_argument("--one", nargs=2, metavar=("SIZE", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one[0], int(options.one[1]), options.rounds)))
        return
    for size in list(SIZES)[: 1 + options.large]:
        for threads in options.threads.split(","):
            # a process for each, since libraries of numpy read their number of threads as they are loaded
            argv = [sys.executable, __file__, "--one", size, threads, "--rounds", str(options.rounds)]
            limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
            done = subprocess.run(argv, stdout=subprocess.PIPE, env={**os.environ, **limits}, check=True)
            print("\n".join(table(json.loads(done.stdout.splitlines()[-1]))), flush=True)


if __name__ == "__main__":
    main()
