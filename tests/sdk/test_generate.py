"""`ticketsmith generate`: text in, text out, and an exit code for whatever is in the way."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ticketsmith_runtime import load
from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.package import Ticket, write
from ticketsmith_runtime.tokenizer import Tokenizer
from ticketsmith_runtime.vocabulary import Vocabulary

from ..runtime.texts import bytewise
from ..runtime.tokens import decoder
from .conftest import OFFLINE, cli

WORDS = ["a", "b", "ab", " ", "\n", "é", "\x1b["]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    write(folder / "text.ticket", Ticket(graph=decoder(), vocabulary=Vocabulary(WORDS)))
    write(folder / "numbers.ticket", Ticket(graph=decoder()))
    write(folder / "later.ticket", Ticket(graph=decoder("mean")))
    written = Tokenizer(bytewise(270))
    write(folder / "tokenizer.ticket", Ticket(graph=decoder(words=270, length=40), vocabulary=written))
    return folder


def shown(text: str) -> str:
    return text.replace("\x1b", "\N{REPLACEMENT CHARACTER}") + "\n"


def test_a_text_goes_on(folder: Path) -> None:
    model = load(folder / "text.ticket")

    done = cli("generate", "text.ticket", "ab a", cwd=folder)

    assert (done.returncode, done.stdout) == (0, shown(model.generate("ab a")))
    assert "7 tokens: the first after" in done.stderr


def test_a_tokenizer_tells_the_text(folder: Path) -> None:
    model = load(folder / "tokenizer.ticket")

    for seed in ("0", "1", "2"):
        done = cli("generate", "tokenizer.ticket", "it is 😀", "--temperature=9", "--seed", seed, cwd=folder)

        text = model.generate("it is 😀", temperature=9, seed=int(seed))
        plain = "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)
        assert (done.returncode, done.stdout) == (0, plain + "\n"), done.stderr
        asked = len(model.ticket.vocabulary.encode("it is 😀"))
        assert f"{41 - asked} tokens: the first after" in done.stderr


def test_a_tokenizer_without_its_library_is_2_with_a_fix(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizers.py").write_text("raise ModuleNotFoundError('not here', name='tokenizers')\n")
    argv = [sys.executable, "-m", "ticketsmith", "generate", str(folder / "tokenizer.ticket"), "it is"]
    environment = {**OFFLINE, "PYTHONPATH": str(tmp_path)}

    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=environment)

    assert done.returncode == 2 and not done.stdout and "Traceback" not in done.stderr
    assert "tokenizers, which is not installed\n  fix: `pip install 'ticketsmith[tokens]'`" in done.stderr


def test_options_reach_the_draw(folder: Path) -> None:
    model = load(folder / "text.ticket")
    options = ["--max-new-tokens", "4", "--temperature", "2", "--top-k", "3", "--threads", "2"]

    for seed in (0, 1, 2):
        done = cli("generate", "text.ticket", "a", *options, "--seed", str(seed), cwd=folder)
        assert done.stdout == shown(model.generate("a", 4, temperature=2, top_k=3, seed=seed)), done.stderr


def test_without_a_vocabulary_tokens_are_numbers(folder: Path) -> None:
    done = cli("generate", "numbers.ticket", "1 2", "--max-new-tokens=3", cwd=folder)

    assert [int(word) for word in done.stdout.split()] == load(folder / "numbers.ticket").generate([1, 2], 3)


WRONG = {
    "a letter that nobody knows": (["text.ticket", "x"], "'x', character 0 of the text"),
    "no text": (["text.ticket", ""], "at least one token"),
    "half a character": (["tokenizer.ticket", "\udcff"], "surrogates not allowed"),
    "a text that is too long": (["text.ticket", "a" * 10], "the prompt has 10 tokens, the network knows 9 positions"),
    "too many tokens": (["text.ticket", "a", "--max-new-tokens", "10"], "1 to 9 can follow"),
    "text for a package of numbers": (["numbers.ticket", "ab"], "has no vocabulary"),
    "a number that begins like an option": (["numbers.ticket", "--", "-1"], "has no vocabulary"),
    "a network that looks ahead": (["later.ticket", "1"], "node 2 (mean)"),
    "a seed that is none": (["text.ticket", "a", "--seed", "-1"], "--seed"),
    "a temperature that is none": (["text.ticket", "a", "--temperature", "nan"], "expected a number"),
    "nothing to go on with": (["text.ticket"], "PROMPT"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_2_with_a_fix(folder: Path, what: str) -> None:
    arguments, says = WRONG[what]

    done = cli("generate", *arguments, cwd=folder)

    assert done.returncode == 2 and says in done.stderr and "fix:" in done.stderr and "Traceback" not in done.stderr
    assert not done.stdout


def test_a_network_of_no_tokens_is_2(folder: Path, tmp_path: Path) -> None:
    layer = Layer(
        weight_OI=np.ones((2, 3), np.float32),
        alive_OI=np.ones((2, 3), bool),
        bias_O=np.zeros(2, np.float32),
        relu=False,
    )
    write(tmp_path / "a.ticket", Ticket(graph=Graph.chain([layer])))

    done = cli("generate", "a.ticket", "1", cwd=tmp_path)

    assert done.returncode == 2 and "no network of tokens" in done.stderr


def test_a_damaged_package_is_5(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "text.ticket").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "bad").write_bytes(content)

    done = cli("generate", "bad", "a", cwd=tmp_path)

    assert done.returncode == 5 and "fix:" in done.stderr and "Traceback" not in done.stderr


def test_the_reader_may_leave(folder: Path) -> None:
    """Whoever reads the first token has it before the last is found, and may go then."""
    write(long := folder / "long.ticket", Ticket(graph=decoder(length=4000), vocabulary=Vocabulary(WORDS)))
    argv = [sys.executable, "-m", "ticketsmith", "generate", str(long), "a"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=OFFLINE) as child:
        assert child.stdout and child.stderr
        assert child.stdout.read(1)
        child.stdout.close()
        assert child.wait(60) == 0
        assert "Traceback" not in (said := child.stderr.read()) and "4000 tokens" not in said
