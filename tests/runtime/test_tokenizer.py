"""A tokenizer's file in a package: text is told whole, and what is wrong with the file is found before any use."""

import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from hashlib import sha256

import pytest

from ticketsmith_runtime import load
from ticketsmith_runtime.archive import TOKENIZER
from ticketsmith_runtime.package import MANIFEST, WEIGHTS, BadPackage, Ticket, read, write
from ticketsmith_runtime.tokenizer import HALF, LARGEST, Tokenizer
from ticketsmith_runtime.vocabulary import Vocabulary

from .graphs import residual
from .texts import END, bytewise, edited, wordwise
from .tokens import decoder

TEXT = "hello 😀 wörld, 日本!\n"
TOKENS = 270
LONG = 40


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(bytewise(TOKENS))


@pytest.fixture
def package(tmp_path, tokenizer):
    write(tmp_path / "a.ticket", Ticket(graph=decoder(words=TOKENS, length=LONG), vocabulary=tokenizer))
    return tmp_path / "a.ticket"


@pytest.fixture
def folder(package, tmp_path):
    """The package as a folder, so that a test may damage a part of it."""
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "folder")
    return tmp_path / "folder"


# --- text and tokens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "a", TEXT, END, f"so{END}so", "\x00\x7f", "👨‍👩‍👧"])
def test_what_is_encoded_is_decoded(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_package_answers_text_with_text(package):
    model = load(package)
    numbers = model.generate(model.ticket.vocabulary.encode("it is"), temperature=9.0)

    assert model.generate("it is", temperature=9.0) == model.ticket.vocabulary.decode(numbers) != ""
    assert "".join(model.stream("it is", 5)) == model.generate("it is", 5)


def test_a_character_is_told_when_its_last_token_is_there(tokenizer):
    tokens, told = iter(tokenizer.encode("a😀b")), []

    def heard():
        for token in tokens:
            yield token
            told.append(None)

    for piece in tokenizer.pieces(heard()):
        told.append(piece)

    assert told == ["a", None, None, None, None, "😀", None, "b", None]


@pytest.mark.parametrize("text", [TEXT, "😀😀", "👨‍👩‍👧 é", HALF, f"a{HALF}b"])
def test_pieces_are_the_text_and_none_ends_in_half_a_character(tokenizer, text):
    pieces = list(tokenizer.pieces(tokenizer.encode(text), tokenizer.encode("so")))

    assert "".join(pieces) == text
    assert HALF in text or not any(HALF in piece for piece in pieces)


def test_half_a_character_at_the_end_is_told_as_such(tokenizer):
    assert list(tokenizer.pieces(tokenizer.encode("a😀")[:-1])) == ["a", HALF]


def test_bytes_that_never_become_a_character_are_told_with_the_next_one(tokenizer):
    broken = tokenizer.encode("😀")[1]

    assert list(tokenizer.pieces([broken, broken, *tokenizer.encode("a")])) == [f"{HALF}{HALF}a"]


def test_a_blank_that_belongs_to_a_word_is_not_lost_between_prompt_and_answer():
    words = Tokenizer(wordwise("?", "▁it", "▁is", "▁so"))

    assert words.encode("it is") == [1, 2]
    assert list(words.pieces([3, 2], words.encode("it is"))) == [" so", " is"]


def test_a_head_may_have_logits_to_spare(tmp_path, tokenizer):
    write(tmp_path / "a", Ticket(graph=decoder(words=TOKENS + 50), vocabulary=tokenizer))

    assert load(tmp_path / "a").ticket.vocabulary.decode([TOKENS + 1, *tokenizer.encode("a")]) == "a"
    assert list(tokenizer.pieces([TOKENS + 1, *tokenizer.encode("a")])) == ["a"]


def test_the_file_may_add_tokens_and_neither_cuts_nor_fills_nor_draws():
    template = {"type": "BertProcessing", "cls": [END, 0], "sep": [END, 0]}
    filled = {"strategy": {"Fixed": 99}, "direction": "Right", "pad_to_multiple_of": None}
    filled |= {"pad_id": 0, "pad_type_id": 0, "pad_token": END}
    cut = {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0}
    changed = edited(bytewise(), lambda file: file.update(padding=filled, truncation=cut))
    drawn = edited(changed, lambda file: file["model"].update(dropout=0.5))
    plain = Tokenizer(bytewise()).encode("hello world")

    assert {tuple(Tokenizer(drawn).encode("hello world")) for _ in range(20)} == {tuple(plain)}
    added = Tokenizer(edited(drawn, lambda file: file.update(post_processor=template)))
    assert added.encode("hello world") == [0, *plain, 0]


def test_half_a_surrogate_is_no_text(tokenizer):
    with pytest.raises(ValueError, match="surrogates not allowed"):
        tokenizer.encode("a\ud800")


def test_a_copy_tells_the_same(package):
    model = load(package)

    assert pickle.loads(pickle.dumps(model)).generate("so", 5) == model.generate("so", 5)


# --- the package ------------------------------------------------------------------------------------------------------


def test_the_same_ticket_is_the_same_bytes(tmp_path, package, tokenizer):
    write(tmp_path / "b", read(package))

    assert (tmp_path / "b").read_bytes() == package.read_bytes()
    assert read(package).vocabulary.content == tokenizer.content


def test_a_folder_is_a_package_too(folder, package):
    assert load(folder).generate("so", 5) == load(package).generate("so", 5)


def test_no_byte_of_the_file_may_change(folder):
    content = bytearray((folder / TOKENIZER).read_bytes())
    for at in range(0, len(content), 97):
        damaged = content.copy()
        damaged[at] ^= 1
        (folder / TOKENIZER).write_bytes(damaged)
        with pytest.raises(BadPackage, match=f"{TOKENIZER}: has another digest"):
            read(folder)


def exchanged(folder, content, **words):
    """Another file, and a manifest that says so, as somebody would write it who knows that there are digests."""
    (folder / TOKENIZER).write_bytes(content)
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["digest"]
    manifest["tokenizer"] = {"bytes": len(content), "digest": sha256(content).hexdigest(), **words}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _token(number):
    return edited(bytewise(TOKENS - 1), lambda file: file["model"]["vocab"].update(zz=number))


def _processor(**words):
    return edited(bytewise(), lambda file: file.update(post_processor=words))


HOSTILE = {
    "nothing": (b"{}", "cannot be read: Model missing"),
    "no JSON": (b"hello", "cannot be read"),
    "JSON that is no object": (b"[]", "cannot be read"),
    "JSON that ends early": (bytewise()[:-2], "cannot be read"),
    "brackets without end": (b"[" * 100_000, "cannot be read"),
    "a number that is none": (bytewise().replace(b'"dropout":null', b'"dropout":NaN'), "cannot be read"),
    "no text": (b"\xff\xfe", "can't decode byte"),
    "a token beyond the network": (_token(TOKENS), f"a token {TOKENS} does not fit outputs [1, {LONG}, {TOKENS}]"),
    "a token beyond any network": (_token((1 << 32) - 1), "a token 4294967295 does not fit"),
    "a negative token": (_token(-1), "cannot be read"),
    "one token too many": (bytewise(TOKENS + 1), f"a token {TOKENS} does not fit"),
    "no token": (edited(wordwise("a"), lambda file: file["model"].update(vocab={})), "a tokenizer without a token"),
    "a merge of what is not there": (
        edited(bytewise(), lambda file: file["model"].update(merges=[["zz", "qq"]])),
        "cannot be read",
    ),
    "a token beyond the network around each text": (
        _processor(type="BertProcessing", cls=["x", 1 << 30], sep=["y", 1]),
        "a token 1073741824 does not fit",
    ),
    "a template of what is not there": (
        _processor(type="TemplateProcessing", single=[{"Sequence": {"id": "B", "type_id": 0}}], pair=[],
                   special_tokens={}),
        "cannot be used",
    ),
    "what makes the library panic": (
        edited(bytewise(), lambda file: file.update(normalizer={"type": "Precompiled", "precompiled_charsmap": ""})),
        "cannot be read",
    ),
    "a pattern that is none": (
        edited(bytewise(), lambda file: file.update(
            pre_tokenizer={"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False})),
        "cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file(folder, what):
    content, says = HOSTILE[what]
    exchanged(folder, content)

    with pytest.raises(BadPackage, match=f"^{TOKENIZER}: .*{re.escape(says)}"):
        read(folder)


WORDS = {
    "another digest": ({"digest": "0" * 64}, "has another digest than in the manifest"),
    "a digest that is no text": ({"digest": None}, "has another digest than in the manifest"),
    "fewer bytes": ({"bytes": 10}, f"{TOKENIZER}: is larger than 10 bytes"),
    "no bytes": ({"bytes": 0}, "bytes is no whole number"),
    "bytes that are no number": ({"bytes": True}, "bytes is no whole number"),
    "another field": ({"path": "/etc/passwd"}, "the tokenizer has other fields than bytes, digest"),
}


@pytest.mark.parametrize("what", WORDS)
def test_a_manifest_that_says_something_else(folder, what):
    words, says = WORDS[what]
    exchanged(folder, bytewise(TOKENS), **words)

    with pytest.raises(BadPackage, match=says):
        read(folder)


def test_a_file_that_is_too_large_is_not_read(folder):
    exchanged(folder, bytewise(TOKENS), bytes=1 << 28)
    with (folder / TOKENIZER).open("ab") as file:
        file.truncate(1 << 33)  # a hole: no disk is used, and no memory may be

    with pytest.raises(BadPackage, match=f"is larger than {LARGEST:,} bytes"):
        read(folder)
    with pytest.raises(ValueError, match=f"{LARGEST:,} bytes at most"):
        Tokenizer(bytes(LARGEST + 1))


def test_a_file_that_is_not_there(folder):
    (folder / TOKENIZER).unlink()

    with pytest.raises(BadPackage, match=f"{TOKENIZER}: No such file"):
        read(folder)


@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_only_a_regular_file_is_read(folder, kind):
    (folder / TOKENIZER).unlink()
    os.mkfifo(folder / TOKENIZER) if kind == "pipe" else (folder / TOKENIZER).symlink_to("/dev/zero")

    with pytest.raises(BadPackage, match=f"{TOKENIZER}: is not a regular file"):
        read(folder)


def test_a_vocabulary_beside_it_is_one_too_many(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["digest"]
    words = [chr(1000 + number) for number in range(TOKENS)]
    (folder / MANIFEST).write_text(json.dumps({**manifest, "vocabulary": words}))

    with pytest.raises(BadPackage, match="a vocabulary and a tokenizer"):
        read(folder)


def test_a_zip_with_a_file_that_its_manifest_does_not_name(tmp_path, tokenizer):
    words = Vocabulary([chr(1000 + number) for number in range(TOKENS)])
    write(tmp_path / "a", Ticket(graph=decoder(words=TOKENS), vocabulary=words))
    with zipfile.ZipFile(tmp_path / "a", "a") as archive:
        archive.writestr(TOKENIZER, tokenizer.content)

    with pytest.raises(BadPackage, match=f"holds other files than {MANIFEST} and {WEIGHTS}"):
        read(tmp_path / "a")


def test_a_zip_with_the_file_twice(package, tokenizer):
    with zipfile.ZipFile(package, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr(TOKENIZER, tokenizer.content)

    with pytest.raises(BadPackage, match="holds other files"):
        read(package)


def test_a_network_that_reads_no_tokens_has_no_text(tmp_path, tokenizer):
    write(tmp_path / "a", Ticket(graph=residual(), vocabulary=tokenizer))

    with pytest.raises(BadPackage, match="text belongs to a network that reads tokens alone"):
        read(tmp_path / "a")


# --- without the library ----------------------------------------------------------------------------------------------


@pytest.fixture
def without(tmp_path):
    """An environment in which the library cannot be imported."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "tokenizers.py").write_text("raise ModuleNotFoundError('not here', name='tokenizers')\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "hidden")}


def _python(*arguments, env):
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=env)


def test_numbers_are_answered_and_text_says_what_to_install(package, without):
    code = f"""
from ticketsmith_runtime import load
model = load({str(package)!r})
print(model.generate([1, 2], 3))
try:
    model.generate("so", 3)
except ModuleNotFoundError as error:
    print(error.name, error)
"""
    numbers, said = _python("-c", code, env=without).stdout.splitlines()
    assert numbers == str(load(package).generate([1, 2], 3))
    assert said == "tokenizers text needs the library tokenizers, which is not installed"


def test_verify_says_that_the_file_was_not_tried(package, without):
    ended = _python("-m", "ticketsmith_runtime", "verify", package, env=without)
    assert ended.returncode == 0 and "its tokenizer was not tried" in ended.stdout
    assert "not tried" not in _python("-m", "ticketsmith_runtime", "verify", package, env=None).stdout


def test_a_file_with_another_digest_is_found_without_it(folder, without):
    (folder / TOKENIZER).write_bytes(bytewise(TOKENS - 1))
    ended = _python("-m", "ticketsmith_runtime", "verify", folder, env=without)
    assert ended.returncode == 5 and "tokenizer.json: has another digest" in ended.stderr
