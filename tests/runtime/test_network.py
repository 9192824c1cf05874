"""Networks of any operators without torch: as a package, as a model, and what a package may not say."""

import json
import pickle
import re
import threading
import zipfile

import numpy as np
import pytest

from ticketsmith_runtime import execution, layers, load
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.network import Constant, Input, Network, Node, evaluate
from ticketsmith_runtime.network_model import NetworkModel
from ticketsmith_runtime.package import MANIFEST, WEIGHTS, BadPackage, Measured, Ticket, read, write
from ticketsmith_runtime.verification import verify

from .machines import WIDE, WITH_AVX2, WITH_AVX512, WITH_NEITHER


@pytest.fixture
def network():
    """Tokens looked up, a convolution along them, attention and a head that is the table: a small language model."""
    rng = np.random.default_rng(0)

    def weight(*shape):
        alive = rng.random(shape) < 0.4
        return Constant((rng.standard_normal(shape) * alive).astype(np.float32), alive)

    constants = [weight(11, 8), weight(8, 8, 1, 3), Constant(np.ones(8, np.float32)), weight(8, 8)]
    mask = Constant(np.where(np.tri(6, dtype=bool), 0, -np.inf).astype(np.float32))
    conv = {"stride": [1, 1], "padding": [0, 1], "dilation": [1, 1], "groups": 1}
    nodes = [  # 0 is the input, 1 to 5 are constants, 6 is what the first node puts out
        Node(operator="embedding", reads=[1, 0]),
        Node(operator="permute", reads=[6], attributes={"axes": [0, 2, 1]}),
        Node(operator="view", reads=[7], attributes={"to": ["1B", 8, 1, 6]}),
        Node(operator="conv", reads=[8, 2, 3], attributes=conv),
        Node(operator="relu", reads=[9]),
        Node(operator="view", reads=[10], attributes={"to": ["1B", 8, 6]}),
        Node(operator="permute", reads=[11], attributes={"axes": [0, 2, 1]}),
        Node(operator="attention", reads=[12, 12, 6, 5], attributes={"causal": False, "scale": 0.3}),
        Node(operator="linear", reads=[13, 4]),
        Node(operator="layer_norm", reads=[14, 3], attributes={"axes": 1, "eps": 1e-5}),
        Node(operator="linear", reads=[15, 1]),
        Node(operator="mean", reads=[16], attributes={"axes": [1], "keep": False}),
    ]
    return Network(inputs=[Input((6,), "int")], constants=[*constants, mask], nodes=nodes, outputs=[17, 16])


@pytest.fixture
def package(network, tmp_path):
    write(tmp_path / "a.ticket", Ticket(graph=network))
    return tmp_path / "a.ticket"


@pytest.fixture
def tokens():
    return np.random.default_rng(1).integers(0, 11, (5, 6))


@pytest.mark.parametrize(
    "machine", [*([WITH_AVX512] if WIDE else []), WITH_AVX2, WITH_NEITHER], ids=lambda each: each.cpu
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_package_answers_as_the_weights_say(package, network, tokens, machine, threads):
    model = load(package, threads, machine)

    for ours, theirs in zip(model(tokens), evaluate(network, [tokens]), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert max(verify(model).values()) < 1e-5
    assert len(verify(model)) == (1 if machine is WITH_NEITHER else 2)


def test_what_is_written_is_what_is_read(package, network, tmp_path):
    found = read(package).graph

    write(tmp_path / "again.ticket", Ticket(graph=found))
    assert (tmp_path / "again.ticket").read_bytes() == package.read_bytes()
    assert list(found.counted()) == list(network.counted())


def test_a_copy_answers_and_so_do_several_threads(package, tokens):
    model = pickle.loads(pickle.dumps(load(package)))
    found: list = [None] * 6
    workers = [threading.Thread(target=lambda n=n: found.__setitem__(n, model(tokens)[0])) for n in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert all(np.array_equal(each, found[0]) for each in found)


@pytest.mark.parametrize("rows", [1, 2, 3, 40])
def test_threads_share_units_and_rows(network, monkeypatch, rows):
    monkeypatch.setattr(layers, "WIDE", 20)
    tokens = np.random.default_rng(1).integers(0, 11, (rows, 6))

    alone, shared = (execution.Execution(network, Machine.host(), threads)(tokens) for threads in (1, 3))

    for ours, theirs in zip(shared, alone, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_sample_does_not_depend_on_its_batch(package, tokens):
    model = load(package)

    np.testing.assert_allclose(model(tokens)[0][2:3], model(tokens[2:3])[0], atol=1e-6)


def test_no_samples_are_no_outputs(package):
    assert load(package)(np.zeros((0, 6), np.int64))[0].shape == (0, 11)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([], "takes 1 inputs, not 0"),
        ([np.zeros((2, 5), np.int64)], "expected (samples, 6)"),
        ([np.zeros((2, 6))], "made of floats"),
        ([np.full((2, 6), 11)], "node 0 (embedding)"),
    ],
)
def test_wrong_inputs_are_named(package, inputs, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        load(package)(*inputs)


def test_explain_says_what_answers(network):
    measured = [Measured(batch=1, backend="operators", seconds=1e-3, ratio=2.5)]

    text = NetworkModel(Ticket(graph=network, measured=measured)).explain()

    assert "12 operators over 6 (int)" in text and "batch 1: operators, measured 2.50x" in text


@pytest.fixture
def folder(package, tmp_path):
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path / "folder")
    return tmp_path / "folder"


def _node(**changes):
    def change(manifest):
        manifest["nodes"][changes.pop("at", 0)].update(changes)

    return change


def _set(key, value):
    return lambda manifest: manifest.update({key: value})


HOSTILE = {
    "an operator that is not known": (_node(operator="exec"), "operator that is not known"),
    "an operator that is no word": (_node(operator=["relu"]), "operator that is not known"),
    "another attribute": (_node(code="import os"), "other fields"),
    "a read of what comes later": (_node(reads=[1, 12]), "reads values that are not there"),
    "a read of nothing": (_node(reads=[]), "reads values that are not there"),
    "a read that is no number": (_node(reads=[True, 0]), "no whole number"),
    "reads that are no list": (_node(reads="10"), "no list"),
    "axes that are none": (_node(at=1, axes=[0, 2, 2]), "does not fit"),
    "an axis of the wrong type": (_node(at=1, axes=[0, 2, 1.0]), "not what it can be"),
    "a size that overflows": (_node(at=2, to=[1 << 40]), "not what it can be"),
    "a size that is code": (_node(at=2, to=["__import__('os')"]), "not what it can be"),
    "a step of nothing": (_node(at=3, stride=[0, 1]), "not what it can be"),
    "groups that do not divide": (_node(at=3, groups=3), "do not fit"),
    "a border that takes all memory": (_node(at=3, padding=[1 << 30, 1 << 30]), "puts out more than"),
    "a scale that is no number": (_node(at=7, scale=1e400), "holds Infinity"),
    "outputs that are not there": (_set("outputs", [99]), "puts out values that are not there"),
    "no outputs": (_set("outputs", []), "there in part"),
    "no nodes": (_set("nodes", []), "not there"),
    "inputs of an unknown type": (_set("inputs", [{"shape": [6], "type": "object"}]), "a type is none of"),
    "an input of all memory": (_set("inputs", [{"shape": [1 << 30, 1 << 30], "type": "int"}]), "more than"),
    "a negative size": (_set("inputs", [{"shape": [-6], "type": "int"}]), "a shape is no list"),
    "single that is no flag": (_set("single", 1), "single is not true or false"),
    "a constant of other fields": (lambda m: m["constants"][0].update(pickle="x"), "other fields"),
    "a constant that keeps too much": (lambda m: m["constants"][0].update(kept=89), "keeps 89"),
    "a constant of another shape": (lambda m: m["constants"][0].update(shape=[12, 8]), "0.mask is uint8"),
    "a format that is not known": (_set("format", "ticketsmith-ticket/3"), "format is none that is known"),
    "the format of convolutions": (_set("format", "ticketsmith-ticket/1"), "inputs is no list of 3"),
}


VOCABULARIES = {
    "words that are none": (list("abcdefghij") + [1], "a list of strings"),
    "an empty word": (list("abcdefghij") + [""], "none of them empty"),
    "a word that is there twice": (list("abcdefghijj"), "'j' twice"),
    "words for another number of tokens": (list("abcdefghij"), "does not fit outputs [1, 11]"),
    "a word that is no text": ([*"abcdefghij", "\ud800"], "surrogates not allowed"),
    "one text": ("abcdefghijk", "no list of strings"),
    "too many words": ([f"{n}" for n in range((1 << 16) + 1)], "1 to 65,536 strings"),
    "words of all memory": (["x" * n for n in range(1, 1500)], "524,288 characters together"),
}


@pytest.mark.parametrize("what", VOCABULARIES)
def test_a_vocabulary_is_checked(folder, what):
    words, says = VOCABULARIES[what]
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["digest"]
    (folder / MANIFEST).write_text(json.dumps({**manifest, "vocabulary": words}))

    with pytest.raises(BadPackage, match=re.escape(says)):
        read(folder)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_manifest_is_checked_word_for_word(folder, what):
    change, says = HOSTILE[what]
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["digest"]  # as somebody would who knows that there is one
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(BadPackage, match=says):
        read(folder)


def test_every_byte_of_the_weights_counts(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(content), 40):
        damaged = content.copy()
        damaged[at] ^= 1 << int(rng.integers(8))
        (folder / WEIGHTS).write_bytes(damaged)
        with pytest.raises(BadPackage):
            read(folder)


def test_a_manifest_of_noise_is_refused_and_nothing_else(folder):
    """Words and numbers exchanged at random: BadPackage, or a package that answers or says why it cannot."""
    text = (folder / MANIFEST).read_text()
    rng = np.random.default_rng(0)
    for _ in range(300):
        manifest = json.loads(text)
        del manifest["digest"]
        node = manifest["nodes"][rng.integers(len(manifest["nodes"]))]
        key = list(node)[rng.integers(len(node))]
        node[key] = [None, -1, 3, [], [0, 1], "1B", "linear", {"a": 1}, 1e9, [2, 2, 2]][rng.integers(10)]
        (folder / MANIFEST).write_text(json.dumps(manifest))
        try:
            model = load(folder)
        except BadPackage:
            continue
        try:
            model(np.zeros((2, 6), np.int64))
        except ValueError as error:
            assert "node" in str(error)
