"""GPT-2 as llama.cpp reads it: a GGUF file, quantized by llama.cpp itself, and the tokens that it draws.

    python benchmarks/gguf_gpt.py

Nothing to run here: `benchmarks/generation.py` measures it, where `uv pip install --group llama` built llama.cpp. A
ticket reads fp32 throughout, so `F32` keeps keys and values in fp32; quantized files have llama.cpp's own cache, fp16.
All else is its default: flash attention, repacked weights, and in `F32` too a GELU that is looked up in fp16, so that a
near tie may fall the other way. Quantizing is what `llama-quantize` does: norms and positions stay fp32, and the head
of a `Q4_0` file has more bits than the rest.
"""

import argparse
from collections.abc import Callable, Iterator
from ctypes import c_void_p
from pathlib import Path
from typing import Any

import numpy as np
from gpt import NEW, PROMPT, Gpt

KINDS = ("F32", "Q8_0", "Q4_0")
PARTS = {
    "token": "token_embd", "place": "position_embd", "norm": "output_norm", "blocks": "blk", "first": "attn_norm",
    "all": "attn_qkv", "out": "attn_output", "second": "ffn_norm", "up": "ffn_up", "down": "ffn_down",
}  # fmt: skip
"""Names of our modules, and of llama.cpp's tensors."""


class NotBuilt(Exception):
    """The packages are not there."""


def write(gpt: Gpt, file: Path) -> None:
    """Write the network in fp32, without words for its tokens."""
    import gguf

    width, heads, layers, words = gpt.size
    writer = gguf.GGUFWriter(file, "gpt2")
    writer.add_context_length(PROMPT + NEW)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(4 * width)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_layer_norm_eps(gpt.norm.eps)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("none")
    writer.add_vocab_size(words)
    for name, tensor in gpt.state_dict().items():
        writer.add_tensor(".".join(PARTS.get(part, part) for part in name.split(".")), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_all(gpt: Gpt, folder: Path) -> None:
    """Write a file of each of KINDS. Raises NotBuilt."""
    llama = quiet()
    write(gpt, folder / "F32.gguf")
    for kind in KINDS[1:]:
        params = llama.llama_model_quantize_default_params()
        params.ftype = getattr(llama, f"LLAMA_FTYPE_MOSTLY_{kind}")
        paths = [str(folder / f"{each}.gguf").encode() for each in ("F32", kind)]
        if llama.llama_model_quantize(*paths, params):
            raise RuntimeError(f"llama.cpp did not quantize to {kind}")


class Speaker:
    """A file in memory. Calls give tokens, the likeliest each time; `bytes` are those of its tensors and cache."""

    def __init__(self, file: Path, threads: int) -> None:
        self._llama = llama = quiet()
        self._model = llama.llama_model_load_from_file(str(file).encode(), llama.llama_model_default_params())
        params = llama.llama_context_default_params()
        params.n_ctx = PROMPT + NEW
        params.n_threads = params.n_threads_batch = threads
        if file.stem == "F32":
            params.type_k = params.type_v = llama.GGML_TYPE_F32
        self._context = llama.llama_init_from_model(self._model, params)
        if not self._context:
            raise RuntimeError(f"llama.cpp does not take {file.name}")
        numbers = llama.llama_model_n_layer(self._model) * llama.llama_model_n_embd(self._model)
        cache = 2 * (PROMPT + NEW) * numbers * (4 if file.stem == "F32" else 2)
        self.bytes = llama.llama_model_size(self._model) + cache
        self._words = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(self._model))

    def __call__(self, prompt: list[int]) -> Iterator[int]:
        llama = self._llama
        llama.llama_memory_clear(llama.llama_get_memory(self._context), True)
        tokens = np.array(prompt, np.int32)
        for _ in range(NEW):
            found = self._step(tokens)
            yield found
            tokens = np.array([found], np.int32)

    def _step(self, tokens: Any) -> int:
        """The likeliest after these, which follow what was said before."""
        llama = self._llama
        batch = llama.llama_batch_get_one(np.ctypeslib.as_ctypes(tokens), len(tokens))
        if llama.llama_decode(self._context, batch):
            raise RuntimeError("llama.cpp did not decode")
        return int(np.ctypeslib.as_array(llama.llama_get_logits(self._context), (self._words,)).argmax())


_SILENT: list[Callable[..., None]] = []


def quiet() -> Any:
    """The library, which says nothing of what it loads. Raises NotBuilt."""
    try:
        import gguf  # noqa: F401
        import llama_cpp
    except ModuleNotFoundError as error:
        raise NotBuilt(f"no {error.name}: `uv pip install --group llama` builds it, see benchmarks/README.md") from None
    if not _SILENT:
        _SILENT.append(llama_cpp.llama_log_callback(lambda level, text, data: None))
        llama_cpp.llama_log_set(_SILENT[0], c_void_p(0))
        llama_cpp.llama_backend_init()
    return llama_cpp


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
