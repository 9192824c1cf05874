"""Packages in int8: what is written is read, and what is wrong is named; and they answer without a word from torch."""

import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.runtime.int8.machines import HOST
from tests.runtime.int8.test_same_bytes import Residual, chain, drawn, made, pruned
from tests.runtime.tokens import LENGTH, WORDS, decoder
from torch import nn

from ticketsmith_runner.lowering import network
from ticketsmith_runtime import BadPackage, load, sizes
from ticketsmith_runtime.archive import MANIFEST
from ticketsmith_runtime.int8.quantization import Scheme, layers, precision, quantized, ranges
from ticketsmith_runtime.model import Model
from ticketsmith_runtime.network import Constant, Input, Network, Node, evaluate
from ticketsmith_runtime.network_model import NetworkModel
from ticketsmith_runtime.package import Ticket, write
from ticketsmith_runtime.torch import accelerate
from ticketsmith_runtime.verification import STEPPED, verify


def opened(path: Path) -> NetworkModel:
    model = load(path)
    assert not isinstance(model, Model)
    return model


@pytest.fixture(params=[("chain", False), ("residual", False), ("chain", True)], ids=["chain", "residual", "held"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Network]:
    net, _ = made(request.param[0], 0.8, held=request.param[1])
    write(tmp_path / "my.ticket", Ticket(graph=net))
    return tmp_path / "my.ticket", net


def test_what_is_written_is_read_and_answers_the_same_bytes(packed: tuple[Path, Network]) -> None:
    path, net = packed
    model, x = opened(path), drawn(9, *net.inputs[0].shape)
    assert np.array_equal(model(x), evaluate(net, [x], np.float32)[0], equal_nan=True)
    assert verify(model) == {"numpy": 0.0, "operators": 0.0}
    assert "in int8" in model.explain()
    for ours, theirs in zip(model.network.constants, net.constants, strict=True):
        assert ours.array.dtype == theirs.array.dtype
        assert np.array_equal(ours.array, theirs.array)


def test_what_is_left_in_float32_keeps_its_name_and_the_rest_none(tmp_path: Path) -> None:
    module, masks = pruned(chain(), 0.5)
    real, x = network(module, masks, torch.zeros(2, 65)), drawn(9, 65)
    names = [layer.name for layer in layers(real)]
    assert names == ["1.weight", "3.weight", "5.weight"]
    net = quantized(real, Scheme(left=("3.weight",), ranges=ranges(real, [[x[:2]]])))
    write(tmp_path / "my.ticket", Ticket(graph=net))
    model = opened(tmp_path / "my.ticket")
    assert [each.name for each in model.network.constants if each.alive is not None] == ["3.weight", None, None]
    assert [node.operator for node in net.nodes if "linear" in node.operator] == ["linear8", "linear", "linear8"]
    said = model.explain()
    assert "in float32 as before: 3.weight" in said
    assert "inputs of 2 of 2 layers in int8 are held to a range" in said
    assert max(verify(model).values()) < STEPPED


def test_a_layer_keeps_its_name_where_a_normalization_goes_into_it() -> None:
    module, masks = pruned(Residual(), 0.5)
    names = [layer.name for layer in layers(network(module, masks, torch.zeros(2, 3, 19, 30)))]
    assert names == ["stem.0.weight", "grouped.0.weight", "each.weight", "mixed.weight", "head.weight"]


def test_kept_weights_take_a_byte_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    alive = rng.random((400, 300)) < 0.2
    weight = Constant((rng.standard_normal(alive.shape) * alive).astype(np.float32), alive)
    node = Node(operator="linear", reads=[0, 1])
    net = Network(inputs=[Input((300,), "float")], constants=[weight], nodes=[node], outputs=[2])
    for name, each in (("fp32", net), ("int8", quantized(net))):
        write(tmp_path / name, Ticket(graph=each))
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert 3 * weight.kept - 5000 < sizes["fp32"] - sizes["int8"] < 3 * weight.kept


def test_torch_is_not_given_steps_for_weights(tmp_path: Path) -> None:
    write(tmp_path / "my.ticket", Ticket(graph=made("chain", 0.8)[0]))
    with pytest.raises(ValueError, match="in int8"):
        accelerate(chain(), tmp_path / "my.ticket")


def test_where_some_products_are_in_int8_verify_allows_for_the_rest(tmp_path: Path) -> None:
    net, _ = made("chain", 0.5)
    rng = np.random.default_rng(0)
    alive = rng.random((5, net.shapes(1)[-1][1])) < 0.4
    more = Constant((rng.standard_normal(alive.shape) * alive).astype(np.float32), alive)
    last = net.outputs[0] + 1  # a constant more
    nodes = [replace(n, reads=[read + (read >= net.first) for read in n.reads]) for n in net.nodes]
    nodes.append(Node(operator="linear", reads=[last, net.first]))
    mixed = replace(net, constants=[*net.constants, more], nodes=nodes, outputs=[last + 1])
    assert precision(mixed) == "int8 and float32"
    write(tmp_path / "my.ticket", Ticket(graph=mixed))
    assert "in float32 as before: linear 3\n" in opened(tmp_path / "my.ticket").explain()
    assert max(verify(opened(tmp_path / "my.ticket")).values()) < STEPPED


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "an input in steps": (lambda m: m["inputs"][0].update(type="int8"), "a type is none of"),
    "a layer without its steps": (lambda m: _first(m).update(reads=_first(m)["reads"][:2]), "that are not there"),
    "a range that does not hold zero": (lambda m: _first(m).update(fixed=[1.0, 2.0]), "fixed of a node"),
    "a range of nothing": (lambda m: _first(m).update(fixed=[-1e200, 0.0]), "fixed of a node"),
    "a range of one end": (lambda m: _first(m).update(fixed=[0.0]), "fixed of a node"),
    "a layer that says nothing of its range": (lambda m: _first(m).pop("fixed"), "fixed"),
    "steps of other units": (lambda m: _first(m)["reads"].__setitem__(2, _first(m)["reads"][1]), "do not fit"),
    "weights of floats": (lambda m: m["constants"][_first(m)["reads"][1] - 1].update(type="float"), "values is int8"),
    "weights of whole numbers": (lambda m: m["constants"][_first(m)["reads"][1] - 1].update(type="int"), "keeps"),
}


def _first(manifest: dict[str, Any]) -> dict[str, Any]:
    node: dict[str, Any] = next(node for node in manifest["nodes"] if node["operator"].endswith("8"))
    return node


@pytest.mark.parametrize("what", HOSTILE)
def test_a_manifest_is_checked(packed: tuple[Path, Network], tmp_path: Path, what: str) -> None:
    change, says = HOSTILE[what]
    folder = unpacked(packed[0], tmp_path, change)
    with pytest.raises(BadPackage, match=re.escape(says)):
        load(folder)


def test_a_unit_whose_sum_might_not_fit_is_refused() -> None:
    inputs = sizes.LONGEST + 1
    with pytest.raises(ValueError, match="are the most in int8"):
        sizes.linear8((1, inputs), (1, inputs), (1,))
    geometry = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    with pytest.raises(ValueError, match="are the most in int8"):
        sizes.conv8((1, inputs, 1, 1), (1, inputs, 1, 1), (1,), **geometry)


def unpacked(path: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    folder = tmp_path / "folder"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    del manifest["digest"]
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_a_machine_without_instructions_is_answered_by_numpy(packed: tuple[Path, Network]) -> None:
    path, net = packed
    bare = load(path, machine=HOST.without("avx2", "avx512f", "avx512vnni", "avxvnni"))
    x = drawn(9, *net.inputs[0].shape)
    assert np.array_equal(bare(x), evaluate(net, [x], np.float32)[0], equal_nan=True)


def test_tokens_are_generated_in_int8(tmp_path: Path) -> None:
    net = quantized(decoder())
    write(tmp_path / "my.ticket", Ticket(graph=net))
    model = opened(tmp_path / "my.ticket")
    tokens = [1, 4, 2]
    for found in model.stream(tokens.copy(), LENGTH - 3):
        window = np.zeros((1, LENGTH), np.int64)
        window[0, : len(tokens)] = tokens
        logits = evaluate(net, [window], np.float32)[0][0, len(tokens) - 1]
        assert found == logits.argmax()
        tokens.append(found)
    assert len(tokens) == LENGTH
    assert set(tokens) <= set(range(WORDS))


class Tied(nn.Module):
    """A table that is the head's weights too, and one that is not."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.tied, self.token, self.head = tied, nn.Embedding(50, 20), nn.Linear(20, 50)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.token(tokens)
        return nn.functional.linear(x, self.token.weight) if self.tied else self.head(x)


@pytest.mark.parametrize("tied", [True, False])
def test_tables_are_in_int8_and_one_of_a_head_is_there_once(tied: bool, tmp_path: Path) -> None:
    module, masks = pruned(Tied(tied), 0.5)
    tokens = torch.arange(12).reshape(2, 6)
    real = network(module, masks, tokens)
    net = quantized(real)
    assert [node.operator for node in net.nodes] == ["embedding8", "linear8"]
    assert sum(each.array.dtype == np.int8 for each in net.constants) == 2 - tied
    write(tmp_path / "my.ticket", Ticket(graph=net))
    assert verify(opened(tmp_path / "my.ticket")) == {"numpy": 0.0, "operators": 0.0}
    expected, found = (evaluate(each, [tokens.numpy()], np.float32)[0] for each in (real, net))
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_a_table_stays_in_floats_with_the_head_whose_weights_it_is() -> None:
    module, masks = pruned(Tied(tied=True), 0.5)
    real = network(module, masks, torch.arange(12).reshape(2, 6))
    net = quantized(real, Scheme(left=tuple(layer.name for layer in layers(real))))
    assert [node.operator for node in net.nodes] == ["embedding", "linear"]


@pytest.mark.parametrize(("table", "scale"), [((5, 4), (4,)), ((5, 4), (5, 1)), ((5,), (5,))])
def test_a_table_has_a_step_for_each_row(table: tuple[int, ...], scale: tuple[int, ...]) -> None:
    assert sizes.embedding8((2, 3), (5, 4), (5,)) == (2, 3, 4)
    with pytest.raises(ValueError, match="does not fit steps"):
        sizes.embedding8((2, 3), table, scale)
