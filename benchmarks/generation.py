"""Generating text: a ticket against dense runtimes, each with a cache of keys and values, batch 1.

    python benchmarks/generation.py
    python benchmarks/generation.py --large -o json

A GPT of 10 million parameters, with `--large` one of 124 million, random weights, 80 % of each matrix pruned by
magnitude. A prompt of 128 tokens, then 128 new ones, the likeliest each time; where a runtime draws others than the
ticket it is said from which on, and how much less likely the first is. The dense ones compute the masked network, zeros
multiplied. PyTorch writes into a cache of its own; ONNX Runtime and OpenVINO run one export that appends to the cache
they are given, as exports of transformers do; llama.cpp (`uv pip install --group llama` builds it) reads a GGUF of the
same weights in fp32, and what it quantizes that to. The ticket is there in fp32 and in int8.

Rounds are interleaved in several fresh processes for each number of threads; medians over processes, with their range.
`first` is the time to the first token, prompt included; `each` the median time of the further ones. Ratios are the
speed of the ticket in fp32, and in int8, over the row's, with a 95 % interval over processes. Memory is counted, not
measured: weights and cache as they are stored.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpt import PROMPT, SIZES, Gpt, masked
from speakers import SPEAKERS, Generate, prepare
from spoken import TICKET, Process, Row, absent, goals, rows, table

from ticketsmith_runner.timing import orders

SPARSITY = 0.8


def timed(generate: Generate, prompt: list[int]) -> tuple[float, float, list[int]]:
    """Seconds to the first token, the median of seconds for each further one, and the tokens."""
    times, tokens = [time.perf_counter()], []
    for token in generate(prompt):
        times.append(time.perf_counter())
        tokens.append(token)
    return times[1] - times[0], float(np.median(np.diff(times[1:]))), tokens


def apart(gpt: Gpt, prompt: list[int], expected: list[int], drawn: list[int]) -> tuple[int, float] | None:
    """The first token that is another, and how much less likely the network finds it: logits, in their deviation."""
    at = next((n for n, pair in enumerate(zip(expected, drawn, strict=True)) if pair[0] != pair[1]), None)
    if at is None:
        return None
    logits = gpt(torch.tensor([[*prompt, *expected[:at]]]))[0, -1]
    return at, float((logits[expected[at]] - logits[drawn[at]]) / logits.std())


def measured(size: str, threads: int, rounds: int, first: int, folder: Path) -> Process:
    """Times of this process: of every runtime whose file there is. Orders of rounds go on from number `first`."""
    gpt, _ = masked(SIZES[size], SPARSITY)
    made = {name: make(folder, threads, gpt) for name, (file, make) in SPEAKERS.items() if (folder / file).exists()}
    prompt = np.random.default_rng(0).integers(0, SIZES[size][3], PROMPT).tolist()
    drawn = {name: timed(each.generate, prompt)[2] for name, each in made.items()}  # and warm
    found = {
        name: {"first": [], "each": [], "bytes": each.bytes(), "apart": apart(gpt, prompt, drawn[TICKET], drawn[name])}
        for name, each in made.items()
    }
    names, every = list(made), orders(len(made))
    for n in range(first, first + rounds):
        for name in (names[place] for place in every[n % len(every)]):
            seconds = timed(made[name].generate, prompt)
            found[name]["first"].append(seconds[0])
            found[name]["each"].append(seconds[1])
    return found


def studied(size: str, options: argparse.Namespace) -> Iterator[list[Row]]:
    """Rows for each number of threads."""
    with tempfile.TemporaryDirectory() as folder:
        missing = child(1, "--prepare", size, folder)
        for threads in map(int, options.threads.split(",")):
            asked = ("--one", size, folder, "--threads", str(threads), "--rounds", str(options.rounds), "--first")
            firsts = range(0, options.processes * options.rounds, options.rounds)
            said = [child(threads, *asked, str(n)) for n in firsts]
            yield [*rows(size, threads, said), *absent(size, threads, missing)]


def child(threads: int, *arguments: str) -> Any:
    """The answer of a process, since libraries of numpy read their number of threads as they are loaded."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    argv = [sys.executable, __file__, *arguments]
    done = subprocess.run(argv, stdout=subprocess.PIPE, env={**os.environ, **limits}, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print a table for each size and number of threads, or all rows and goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="124 million parameters too")
    parser.add_argument("--processes", type=int, default=4, help="for each size and number of threads")
    parser.add_argument("--rounds", type=int, default=3, help="in each process")
    parser.add_argument("--threads", default="1,2", help="comma-separated")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    for name in ("--prepare", "--one"):
        parser.add_argument(name, nargs=2, metavar=("SIZE", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        print(json.dumps(prepare(SIZES[options.prepare[0]], SPARSITY, Path(options.prepare[1]))))
        return
    if options.one:
        size, folder = options.one
        print(json.dumps(measured(size, int(options.threads), options.rounds, options.first, Path(folder))))
        return
    found = []
    for size in list(SIZES)[: 1 + options.large]:
        for of_threads in studied(size, options):
            found.append({"rows": of_threads, "goals": goals(of_threads)})
            if options.output == "text":
                print("\n".join(table(of_threads)), flush=True)
    if options.output == "json":
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
