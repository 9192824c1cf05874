"""Runtimes that `benchmarks/generation.py` measures: one network, so the same tokens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FP32 = ["PyTorch", "ONNX Runtime", "OpenVINO"]
SIZE = (64, 2, 2, 61)
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]


class Prepared:
    """Files of a small network; reasons for those that could not be written."""

    def __init__(self, module: Any, folder: Path) -> None:
        self.module, self.folder = module, folder
        self.missing = module.prepare(SIZE, 0.8, folder)
        self.gpt, _ = module.masked(SIZE, 0.8)

    def speaker(self, name: str) -> Any:
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
