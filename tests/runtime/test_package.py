"""A package is read whole and right, or not at all."""

import json
import tracemalloc
import zipfile

import numpy as np
import pytest
import safetensors.numpy

from ticketsmith_runtime.graph import Graph, Pool, evaluate
from ticketsmith_runtime.package import MANIFEST, WEIGHTS, BadPackage, Measured, Ticket, read, write

from .graphs import residual


@pytest.fixture
def ticket(chain):
    return Ticket(
        graph=Graph.chain(chain([20, 12, 4], 0.3)),
        measured=[Measured(batch=1, backend="pell", seconds=1e-6, ratio=3.0)],
        machine={"cpu": "a CPU"},
        provenance={"run": "digits-mlp-0"},
    )


@pytest.fixture
def folder(tmp_path, ticket):
    """The package as a folder, so that a test may damage a part of it."""
    write(tmp_path / "whole.ticket", ticket)
    with zipfile.ZipFile(tmp_path / "whole.ticket") as archive:
        archive.extractall(tmp_path / "folder")
    return tmp_path / "folder"


def _edit(folder, change):
    """As somebody would who knows that there is a digest."""
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["digest"]
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _tensors(folder, change):
    tensors = safetensors.numpy.load_file(folder / WEIGHTS)
    change(tensors)
    safetensors.numpy.save_file(tensors, folder / WEIGHTS)


def _huge_weights(manifest):
    first, second = manifest["nodes"]
    first.update(units=1 << 27)
    second.update(inputs=1 << 27)


def _huge_values(manifest):
    """A few weights, and an image that no memory holds."""
    manifest.update(inputs=[1, 1 << 14, 1 << 14])
    small = {"units": 1, "inputs": 1, "kernel": [1, 1], "kept": 1}
    for node in manifest["nodes"]:
        node.update(small)


def _huge_border(manifest):
    """One input, and a border around it that no memory holds."""
    manifest.update(inputs=[1, 1, 1])
    for node in manifest["nodes"]:
        node.update(units=1, inputs=20_000, kernel=[1, 20_000], padding=19_999, stride=1 << 20, kept=1)


def test_sizes_are_checked_before_memory_is_taken(folder):
    _edit(folder, _huge_weights)
    tracemalloc.start()
    with pytest.raises(BadPackage, match="weights are more than"):
        read(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6


def test_what_is_written_is_read(tmp_path, ticket):
    write(tmp_path / "a.ticket", ticket)

    found = read(tmp_path / "a.ticket")

    for before, after in zip(ticket.graph.layers(), found.graph.layers(), strict=True):
        assert np.array_equal(before.weight_OI, after.weight_OI) and np.array_equal(before.alive_OI, after.alive_OI)
        assert np.array_equal(before.bias_O, after.bias_O) and before.relu == after.relu
    assert (found.measured, found.machine, found.provenance) == (ticket.measured, ticket.machine, ticket.provenance)


def test_a_survivor_of_value_zero_survives(tmp_path, ticket):
    ticket.graph.layers()[0].weight_OI[:] = 0
    write(tmp_path / "a.ticket", ticket)

    assert np.array_equal(read(tmp_path / "a.ticket").graph.layers()[0].alive_OI, ticket.graph.layers()[0].alive_OI)


def test_the_same_ticket_is_the_same_bytes(tmp_path, ticket):
    for name in ("a", "b"):
        write(tmp_path / name, ticket)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_is_overwritten(tmp_path, ticket):
    (tmp_path / "a").write_text("mine")

    with pytest.raises(FileExistsError):
        write(tmp_path / "a", ticket)
    assert (tmp_path / "a").read_text() == "mine"


def test_a_folder_is_a_package_too(folder, ticket):
    assert np.array_equal(read(folder).graph.layers()[0].weight_OI, ticket.graph.layers()[0].weight_OI)


@pytest.mark.parametrize("at", [0, 1, 40, 400, -30, -1])
def test_a_truncated_file(tmp_path, ticket, at):
    write(tmp_path / "a", ticket)
    content = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(content[:at])

    with pytest.raises(BadPackage):
        read(tmp_path / "a")


def test_no_byte_may_change(tmp_path, ticket):
    """Some bytes of a zip mean nothing (dates, flags): then the ticket is the same."""
    write(tmp_path / "a", ticket)
    content = bytearray((tmp_path / "a").read_bytes())
    for at in range(0, len(content), 7):
        content[at] ^= 0x55
        (tmp_path / "a").write_bytes(content)
        try:
            found = read(tmp_path / "a")
        except BadPackage:
            pass
        else:
            for before, after in zip(ticket.graph.layers(), found.graph.layers(), strict=True):
                assert np.array_equal(before.weight_OI, after.weight_OI) and before.relu == after.relu
                assert np.array_equal(before.bias_O, after.bias_O)
            assert (found.measured, found.provenance) == (ticket.measured, ticket.provenance)
        content[at] ^= 0x55


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update(format="other"), "format"),
        (lambda m: m.update(nodes=[]), "nodes is no list"),
        (lambda m: m.update(nodes="many"), "nodes is no list"),
        (lambda m: m.update(inputs=[1, 20]), "inputs is no list of 3"),
        (lambda m: m.update(inputs=[1, 1, -20]), "inputs is no whole number"),
        (lambda m: m["nodes"][0].update(type="__import__"), "neither a conv nor a pool"),
        (lambda m: m["nodes"].__setitem__(0, "conv"), "neither a conv nor a pool"),
        (lambda m: m["nodes"][0].update(relu=1), "relu"),
        (lambda m: m["nodes"][0].update(gelu=True), "both true"),
        (lambda m: m["nodes"][0].update(units=-1), "no whole number"),
        (lambda m: m["nodes"][0].update(units=True), "no whole number"),
        (lambda m: m["nodes"][0].update(units=1e3), "no whole number"),
        (lambda m: m["nodes"][0].update(units=10**12), "no whole number"),
        (lambda m: m["nodes"][0].update(inputs=10**7), "weights for other inputs"),
        (lambda m: m["nodes"][0].update(kept=10**6), "keeps 1000000"),
        (lambda m: m["nodes"][0].update(kept=1), "0.values is float32"),
        (lambda m: m["nodes"][0].update(path="../../etc/passwd"), "other fields"),
        (lambda m: m["nodes"][0].update(reads=1), "not there yet"),
        (lambda m: m["nodes"][0].update(adds=5), "not there yet"),
        (lambda m: m["nodes"][0].update(adds=0), "does not fit"),
        (lambda m: m["nodes"][0].update(kernel=[20]), "kernel is no list of 2"),
        (lambda m: m["nodes"][0].update(kernel=[1, 0]), "kernel is no whole number"),
        (lambda m: m["nodes"][0].update(padding=20), "nothing but its padding"),
        (lambda m: m["nodes"][0].update(stride=0), "stride is no whole number"),
        (lambda m: m["nodes"].reverse(), "not there yet"),
        (lambda m: m["nodes"].insert(0, {"type": "pool", "kind": "min", "size": 1, "stride": 1, "reads": 0}), "kind"),
        (
            lambda m: m["nodes"].insert(0, {"type": "pool", "kind": "max", "size": 2, "stride": 1, "reads": 0}),
            "not fit",
        ),
        (lambda m: m["nodes"].insert(0, {"type": "pool", "kind": "max", "size": 1}), "other fields"),
        (_huge_weights, "weights are more than"),
        (_huge_values, "values have more than"),
        (lambda m: m["tensors"].pop("0.bias"), "does not hold the tensors"),
        (lambda m: m["tensors"].update({"../x": "0"}), "does not hold the tensors"),
        (lambda m: m["tensors"].update({"0.bias": "0" * 64}), "0.bias has another digest"),
        (lambda m: m["measured"][0].update(batch=0), "positive numbers"),
        (lambda m: m["measured"][0].update(seconds="fast"), "positive numbers"),
        (lambda m: m["measured"][0].update(seconds=float("nan")), "holds NaN"),
        (lambda m: m["measured"][0].update(seconds=10**400), "positive numbers"),
        (_huge_border, "values have more than"),
        (lambda m: m["measured"][0].update(more=1), "other fields"),
        (lambda m: m.update(provenance=[]), "provenance is no object"),
    ],
)
def test_a_hostile_manifest(folder, change, said):
    _edit(folder, change)

    with pytest.raises(BadPackage, match=said):
        read(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("1.bias"), "does not hold"),
        (lambda t: t.update(extra=np.zeros(1)), "does not hold"),
        (lambda t: t.update({"1.bias": np.zeros(4)}), "float64"),
        (lambda t: t.update({"1.bias": np.zeros((2, 2), np.float32)}), r"\(2, 2\)"),
        (lambda t: t["1.bias"].__setitem__(0, 7), "another digest"),
    ],
)
def test_other_tensors_than_the_manifest_says(folder, change, said):
    _tensors(folder, change)

    with pytest.raises(BadPackage, match=said):
        read(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers(tmp_path, ticket, value):
    ticket.graph.layers()[0].bias_O[2] = value
    write(tmp_path / "a", ticket)

    with pytest.raises(BadPackage, match=r"0\.bias holds NaN or infinity"):
        read(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"format": NaN}'])
def test_a_manifest_that_is_no_json_object(folder, content):
    (folder / MANIFEST).write_bytes(content)

    with pytest.raises(BadPackage, match=MANIFEST):
        read(folder)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 8 + b"{}"])
def test_weights_that_are_no_safetensors(folder, content):
    (folder / WEIGHTS).write_bytes(content)

    with pytest.raises(BadPackage, match=WEIGHTS):
        read(folder)


def test_a_file_that_is_larger_than_the_manifest_says_is_not_read(folder):
    with (folder / WEIGHTS).open("ab") as file:
        file.truncate(1 << 33)  # a hole: no disk is used, and no memory may be

    with pytest.raises(BadPackage, match="larger than"):
        read(folder)


def test_a_zip_that_unpacks_to_more_than_it_says(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / MANIFEST, MANIFEST)
        archive.writestr(WEIGHTS, bytes(1 << 26))

    with pytest.raises(BadPackage, match="larger than"):
        read(tmp_path / "bomb")


def test_a_zip_with_a_path_out_of_it_is_refused_and_writes_nothing(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for name in (MANIFEST, WEIGHTS):
            archive.write(folder / name, name)
        archive.writestr("../escaped", "x")

    with pytest.raises(BadPackage, match="holds other files"):
        read(tmp_path / "a")
    assert not (tmp_path.parent / "escaped").exists()


def test_what_is_not_there(tmp_path):
    with pytest.raises(BadPackage, match="No such file"):
        read(tmp_path / "nothing")


def test_convolutions_pools_and_sums_are_read_as_they_were_written(tmp_path):
    graph = residual()
    write(tmp_path / "a", Ticket(graph=graph))

    found = read(tmp_path / "a").graph

    assert found.shapes() == graph.shapes()
    x = np.random.default_rng(0).standard_normal((3, graph.inputs.size))
    assert np.array_equal(evaluate(found, x), evaluate(graph, x))
    assert [node for node in found.nodes if isinstance(node, Pool)] == [n for n in graph.nodes if isinstance(n, Pool)]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_that_is_compressed_otherwise(folder, tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a", "w", method) as archive:
        for name in (MANIFEST, WEIGHTS):
            archive.write(folder / name, name)

    with pytest.raises(BadPackage, match="not read"):
        read(tmp_path / "a")


def test_a_zip_whose_names_are_no_text(tmp_path, ticket):
    write(tmp_path / "a", ticket)
    content = (tmp_path / "a").read_bytes()
    at = content.rindex(b"manifest.json")
    flags = content.rindex(b"PK\x01\x02", 0, at) + 8
    damaged = bytearray(content)
    damaged[at], damaged[flags + 1] = 0xFF, 0x08  # a name in UTF-8 that is none
    (tmp_path / "a").write_bytes(damaged)

    with pytest.raises(BadPackage):
        read(tmp_path / "a")
