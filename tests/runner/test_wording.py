"""The text of a packed network's tokens: a task's strings, or its tokenizer's file, held against the network."""

from pathlib import Path

import numpy as np
import pytest

from ticketsmith.errors import UsageError
from ticketsmith_runner.packing import worded
from ticketsmith_runner.tasks import Task
from ticketsmith_runtime.network import Constant, Network
from ticketsmith_runtime.tokenizer import Tokenizer

from ..runtime.graphs import residual
from ..runtime.texts import bytewise
from ..runtime.tokens import decoder

TASK = """
from ticketsmith.task import BITS as METRIC

DEFAULTS = {}
VOCABULARY = "texts/tokenizer.json"


def data(root): ...


def model(): ...


def loss(model, batch): ...
"""


def task(folder: Path, name: str = "own") -> Task:
    """A task below a folder, and a tokenizer of 270 tokens beside it."""
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    (file.parent / "texts").mkdir(parents=True)
    file.write_text(TASK)
    (file.parent / "texts" / "tokenizer.json").write_bytes(bytewise(270))
    return Task(str(folder), name)


@pytest.mark.parametrize("name", ["own", "texts_of_mine.own"])
@pytest.mark.parametrize("logits", [270, 512])
def test_a_tokenizer_that_fits_is_packed(tmp_path: Path, name: str, logits: int) -> None:
    found = worded(decoder(words=logits), task(tmp_path, name))

    assert isinstance(found, Tokenizer) and found.content == bytewise(270)


def test_one_of_more_tokens_than_logits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a tokenizer with a token 269 does not fit outputs \[1, 9, 269\]") as caught:
        worded(decoder(words=269), task(tmp_path))
    assert "a tokenizer.json of no more tokens" in str(caught.value)


def test_a_network_that_reads_no_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="text belongs to a network that reads tokens alone"):
        worded(residual(), task(tmp_path))


def test_weights_alone_carry_no_text(tmp_path: Path) -> None:
    weights = Network(inputs=[], constants=[Constant(np.ones(3, np.float32))], nodes=[], outputs=[])
    assert worded(weights, task(tmp_path)) is None
