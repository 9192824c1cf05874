"""Runtimes that `benchmarks/generation.py` measures: one network, so the same tokens, but for the quantized ones.

llama.cpp is skipped where it is not built: that takes a compiler and a quarter of an hour.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FP32 = ["PyTorch", "ONNX Runtime", "OpenVINO", "llama.cpp F32"]
QUANTIZED = ["llama.cpp Q8_0", "llama.cpp Q4_0"]
SIZE = (64, 2, 2, 61)
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]


class Prepared:
    """Files of a small network; reasons for those that could not be written."""

    def __init__(self, module: Any, folder: Path) -> None:
        self.module, self.folder = module, folder
        self.missing = module.prepare(SIZE, 0.8, folder)
        self.gpt, _ = module.masked(SIZE, 0.8)

    def speaker(self, name: str) -> Any:
        if name.startswith("llama.cpp") and "llama.cpp" in self.missing:
            pytest.skip(self.missing["llama.cpp"])
        file, make = self.module.SPEAKERS[name]
        assert (self.folder / file).exists(), self.missing
        return make(self.folder, 1, self.gpt)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        import speakers

        yield Prepared(speakers, tmp_path_factory.mktemp("speakers"))


@pytest.mark.parametrize("name", FP32)
def test_in_fp32_they_draw_the_tokens_of_the_ticket(prepared: Prepared, name: str) -> None:
    speaker = prepared.speaker(name)

    expected = list(prepared.speaker("ticket").generate(PROMPT))

    assert list(speaker.generate(PROMPT)) == list(speaker.generate(PROMPT)) == expected
    assert len({*expected}) > len(PROMPT), "tokens that repeat would be no test"


def test_quantized_files_are_smaller_and_speak(prepared: Prepared) -> None:
    speakers = [prepared.speaker(name) for name in ("llama.cpp F32", *QUANTIZED)]

    sizes = [speaker.bytes() for speaker in speakers]

    assert sizes == sorted({*sizes}, reverse=True)
    assert [len(list(speaker.generate(PROMPT))) for speaker in speakers] == [prepared.module.NEW] * 3
