"""Raw inputs and names of outputs: a package says how, and does it where it is asked to."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ticketsmith_runtime import BadPackage, load
from ticketsmith_runtime.graph import Graph, evaluate
from ticketsmith_runtime.network import Constant, Input, Network, Node
from ticketsmith_runtime.package import MANIFEST, Ticket, write
from ticketsmith_runtime.raw import Classes, Scaling

from .graphs import residual
from .tokens import decoder

COLOURS = Scaling(peak=255, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.25])
NAMES = Classes(["across", "down", "aslant", "none"])


def pictures(count: int = 5) -> Any:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 8, 8), np.uint8)


def by_hand(raw: Any) -> Any:
    mean, std = (np.reshape(each, (3, 1, 1)) for each in (COLOURS.mean, COLOURS.std))
    return ((raw / 255 - mean) / std).astype(np.float32)


def summed() -> Network:
    """Operators over pictures, of which only the sums are put out."""
    nodes = [Node(operator="mean", reads=[0], attributes={"axes": [2, 3], "keep": False})]
    return Network(inputs=[Input((3, 8, 8), "float")], constants=[Constant(np.ones(1))], nodes=nodes, outputs=[2])


@pytest.fixture
def packed(tmp_path: Path) -> Callable[..., Path]:
    def made(graph: Graph | Network, **said: Any) -> Path:
        write(tmp_path / "a.ticket", Ticket(graph=graph, **said))
        return tmp_path / "a.ticket"

    return made


@pytest.mark.parametrize("shape", [(5, 3, 8, 8), (5, 192)])
def test_raw_pictures_are_answered_as_scaled_ones(packed: Callable[..., Path], shape: tuple[int, ...]) -> None:
    path = packed(residual(), scaling=COLOURS, classes=NAMES)
    raw = pictures()
    model = load(path, raw=True)
    np.testing.assert_allclose(model(raw.reshape(shape)), load(path)(by_hand(raw)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model(raw), evaluate(residual(), by_hand(raw).reshape(5, -1)), rtol=1e-3, atol=1e-4)
    assert model.classes == ("across", "down", "aslant", "none")


def test_a_network_of_operators_does_so_too(packed: Callable[..., Path]) -> None:
    model = load(packed(summed(), scaling=COLOURS, classes=Classes(["r", "g", "b"])), raw=True)
    np.testing.assert_allclose(model(pictures()), by_hand(pictures()).mean((2, 3)), rtol=1e-4, atol=1e-5)
    assert model.classes == ("r", "g", "b")


def test_without_being_asked_nothing_is_scaled(packed: Callable[..., Path]) -> None:
    answers = load(packed(residual(), scaling=COLOURS))(by_hand(pictures()))
    np.testing.assert_allclose(answers, evaluate(residual(), by_hand(pictures()).reshape(5, -1)), rtol=1e-3, atol=1e-4)


def test_a_length_of_1_and_nothing_of_nothing() -> None:
    scaled = Scaling(peak=255, unit=True)(np.array([[[[3.0, 4.0]]], [[[0.0, 0.0]]]]))
    np.testing.assert_allclose(scaled.reshape(2, 2), [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_a_grey_picture_is_no_picture_in_colour() -> None:
    with pytest.raises(ValueError, match=r"\[5, 1, 8, 8\] have other channels"):
        COLOURS(pictures()[:, :1])


def test_a_copy_scales_as_well(packed: Callable[..., Path]) -> None:
    model = load(packed(residual(), scaling=COLOURS), raw=True)
    assert np.array_equal(pickle.loads(pickle.dumps(model))(pictures()), model(pictures()))


def test_a_package_that_does_not_say_how_is_told_from_one_that_does(packed: Callable[..., Path]) -> None:
    path = packed(residual())
    with pytest.raises(ValueError, match="does not say how raw inputs are scaled"):
        load(path, raw=True)
    assert load(path).classes is None and "raw inputs" not in load(path).explain()


def test_it_explains_both(packed: Callable[..., Path]) -> None:
    said = load(packed(residual(), scaling=COLOURS, classes=NAMES)).explain()
    assert "raw inputs are scaled by load(…, raw=True): over 255, less 0.4, 0.5, 0.6, over 0.2, 0.3, 0.25" in said
    assert "4 classes: across, down, aslant, none" in said


def test_the_verdicts_are_explained_and_control_characters_are_no_commands(packed: Callable[..., Path]) -> None:
    alone = {"status": "UNDECIDED", "reason": "of\x1b[2J chance", "examples": 36, "examples_needed": 1234}
    verdict = {"status": "PASS", "reason": "it lies above"}
    origin = {"run": "own-1", "level": 3, "replicate": 4, "verdict": verdict, "alone": alone, "int8": "odd"}
    lines = load(packed(residual(), provenance=origin)).explain().splitlines()
    assert lines[-2:] == [
        "the method, level 3 of own-1: PASS, it lies above",
        "this network alone, replicate 4, on 36 test examples: UNDECIDED, of\N{REPLACEMENT CHARACTER}[2J chance; "
        "about 1,234 are likely to settle it",
    ]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("scaling", [], "scaling is no object"),
        ("scaling", {"peak": 1}, "other fields"),
        ("scaling", {"peak": 0, "mean": 0, "std": 1, "unit": False}, "no positive numbers"),
        ("scaling", {"peak": 1, "mean": 0, "std": [1, 0, 1], "unit": False}, "no positive numbers"),
        ("scaling", {"peak": 1, "mean": 0, "std": [], "unit": False}, "no positive numbers"),
        ("scaling", {"peak": 1, "mean": [], "std": 1, "unit": False}, "no positive numbers"),
        ("scaling", {"peak": 1e-40, "mean": 0, "std": 1, "unit": False}, "no positive numbers"),
        ("scaling", {"peak": 1e300, "mean": 0, "std": 1, "unit": False}, "no numbers"),
        ("scaling", {"peak": "1", "mean": 0, "std": 1, "unit": False}, "no numbers"),
        ("scaling", {"peak": True, "mean": 0, "std": 1, "unit": False}, "no numbers"),
        ("scaling", {"peak": 1, "mean": 0, "std": 1, "unit": 1}, "neither true nor false"),
        ("scaling", {"peak": 1, "mean": [0, 0], "std": 1, "unit": False}, "mean has 2 numbers"),
        ("classes", "abcd", "classes are no list"),
        ("classes", ["a", "b", "c"], "3 names do not fit outputs"),
        ("classes", ["a", "b", "c", "c"], "none of them twice"),
        ("classes", ["a", "b", "c", ""], "none of them empty"),
        ("classes", ["a", "b", "c", 4], "none of them empty"),
        ("classes", ["a", "b", "c", "\ud800"], "surrogates not allowed"),
    ],
)
def test_what_is_none_is_a_damaged_package(tmp_path: Path, key: str, value: Any, says: str) -> None:
    write(tmp_path / "a.ticket", Ticket(graph=residual(), scaling=COLOURS, classes=NAMES))
    with zipfile.ZipFile(tmp_path / "a.ticket") as archive:
        archive.extractall(tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / MANIFEST).read_text()) | {key: value}
    del manifest["digest"]  # as somebody would who knows that there is one
    (tmp_path / "a" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadPackage, match=says):
        load(tmp_path / "a")


@pytest.mark.parametrize("key", ["scaling", "classes"])
def test_tokens_are_neither_scaled_nor_classes(packed: Callable[..., Path], key: str) -> None:
    said = {"scaling": COLOURS} if key == "scaling" else {"classes": Classes(["a", "b"])}
    with pytest.raises(BadPackage, match=r"one array of floats|do not fit outputs"):
        load(packed(decoder(), **said))
