"""Runtimes that continue a prompt with the network of `gpt.py`, from files that one process wrote for all.

    python benchmarks/speakers.py

Nothing to run here: `benchmarks/generation.py` measures them.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gguf_gpt
import numpy as np
import torch
from gpt import NEW, PROMPT, Gpt, Size, export, masked

from ticketsmith_runner.lowering import network
from ticketsmith_runtime import NetworkModel, load
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.package import Ticket, write

Generate = Callable[[list[int]], Iterator[int]]


@dataclass(frozen=True)
class Speaker:
    """A runtime with the network in memory."""

    generate: Generate
    bytes: Callable[[], int]
    """Weights and cache as they are stored; to be asked once it has spoken."""


def prepare(size: Size, sparsity: float, folder: Path) -> dict[str, str]:
    """Write every file that can be written; reasons for those that cannot, by name of the runtime."""
    gpt, masks = masked(size, sparsity)
    tokens = torch.zeros(4, PROMPT + NEW, dtype=torch.int64)
    lowered = network(gpt, masks, tokens)
    write(folder / "gpt.ticket", Ticket(graph=lowered))
    write(folder / "int8.ticket", Ticket(graph=quantized(lowered)))
    missing = {}
    exports = {"ONNX": partial(export, gpt, folder / "gpt.onnx"), "llama.cpp": partial(gguf_gpt.write_all, gpt, folder)}
    for name, run in exports.items():
        try:
            run()
        except gguf_gpt.NotBuilt as error:
            missing[name] = str(error)
        except Exception as error:  # whatever an exporter finds wrong
            missing[name] = f"{type(error).__name__}: {str(error)[:200]}"
    return missing


def ticket(file: str, folder: Path, threads: int, gpt: Gpt) -> Speaker:
    """The package, as a user loads it."""
    model = load(folder / file, threads)
    assert isinstance(model, NetworkModel)
    return Speaker(lambda prompt: model.stream(prompt, NEW), lambda: model.decoder.bytes + cache(gpt))


def pytorch(folder: Path, threads: int, gpt: Gpt) -> Speaker:
    """PyTorch, eager."""
    torch.set_num_threads(threads)

    @torch.inference_mode()
    def run(prompt: list[int]) -> Iterator[int]:
        kept, start, tokens = gpt.room(), 0, torch.tensor([prompt])
        for _ in range(NEW):
            found = int(gpt.step(tokens, start, kept)[0, -1].argmax())
            yield found
            start, tokens = start + tokens.shape[1], torch.tensor([[found]])

    return Speaker(run, lambda: dense(gpt))


def onnxruntime(folder: Path, threads: int, gpt: Gpt) -> Speaker:
    """ONNX Runtime; the cache stays in its own values."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(folder / "gpt.onnx", options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def run(values: list[Any]) -> list[Any]:
        return list(session.run_with_ort_values(None, dict(zip(names, values, strict=True))))

    return handed(gpt, run, ort.OrtValue.ortvalue_from_numpy, lambda value: value.numpy())


def openvino(folder: Path, threads: int, gpt: Gpt) -> Speaker:
    """OpenVINO; the cache is handed on as its own tensors."""
    import openvino as ov

    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.compile_model(folder / "gpt.onnx", "CPU", config)

    def run(values: list[Any]) -> list[Any]:
        found = compiled(values, share_inputs=True)  # copied, as the next call writes over its own
        return [np.array(found[place]) for place in range(len(compiled.outputs))]

    return handed(gpt, run, lambda array: array, lambda array: array)


def llama(kind: str, folder: Path, threads: int, gpt: Gpt) -> Speaker:
    """llama.cpp, from a file of that kind."""
    speaker = gguf_gpt.Speaker(folder / f"{kind}.gguf", threads)
    return Speaker(speaker, lambda: speaker.bytes)


SPEAKERS: dict[str, tuple[str, Callable[[Path, int, Gpt], Speaker]]] = {
    "ticket": ("gpt.ticket", partial(ticket, "gpt.ticket")),
    "ticket int8": ("int8.ticket", partial(ticket, "int8.ticket")),
    "PyTorch": ("", pytorch),
    "ONNX Runtime": ("gpt.onnx", onnxruntime),
    "OpenVINO": ("gpt.onnx", openvino),
    **{f"llama.cpp {kind}": (f"{kind}.gguf", partial(llama, kind)) for kind in gguf_gpt.KINDS},
}
"""The file that each reads, and what makes it."""


def handed(gpt: Gpt, run: Callable[[list[Any]], list[Any]], kept: Callable[[Any], Any], logits: Any) -> Speaker:
    """Tokens out of a graph that is handed its cache; `kept` makes what it takes, `logits` numpy of what it gives."""
    width, heads, layers, _ = gpt.size

    def generate(prompt: list[int]) -> Iterator[int]:
        cache = [kept(np.zeros((1, heads, 0, width // heads), np.float32)) for _ in range(2 * layers)]
        start, tokens = 0, np.array([prompt])
        for _ in range(NEW):
            places = np.arange(start, start + tokens.shape[1])
            found, *cache = run([kept(tokens), kept(places), *cache])
            token = int(logits(found)[0, -1].argmax())
            yield token
            start, tokens = start + tokens.shape[1], np.array([[token]])

    return Speaker(generate, lambda: dense(gpt))


def cache(gpt: Gpt) -> int:
    """Bytes of keys and values in fp32."""
    return sum(each.nbytes for each in gpt.room())


def dense(gpt: Gpt) -> int:
    """Bytes of all weights and the cache."""
    return sum(weight.nbytes for weight in gpt.parameters()) + cache(gpt)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
